import { ADDRESSES, stringifyJson } from '@confidant/contract/wire';
import type { Address, BodyOf, JsonObject, ParamsOf, QueryOf, ResponseOf, RouteId } from '@confidant/contract';
import { parseServerUrl } from './config/server-url.js';
import { RetryLater, readResponse } from './response.js';
import { ConfidantError } from './errors.js';
import type { Transport, TransportRequest } from './transport.js';

/** Headers that prove who calls. Asked for every attempt, so what they hold may run out between two. */
export type AuthProvider = () => Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>;

/** A pause before another attempt. */
export interface RetryEvent {
  /** 1 for the first repetition. */
  attempt: number;
  retries: number;
  delayMs: number;
  error: ConfidantError;
}

/** A request that was answered, or got no answer. */
export interface AttemptEvent {
  method: TransportRequest['method'];
  url: URL;
  /** 1 for the first. */
  attempt: number;
  /** More than 1: a kept connection was closed, and it was sent again at once. */
  sent: number;
  /** Without the time that it took to prove who calls. */
  durationMs: number;
  status?: number;
  requestId?: string;
  /** Why there is no answer. */
  error?: unknown;
}

export interface CallerOptions {
  /** The server's address, `https://confidant.example.com`; a path in it is kept. */
  url: string;
  auth: AuthProvider;
  transport: Transport;
  /** How often GET and PUT are repeated after 502, 503, 504 and failures of the network, and at most twice after 500; POST never is. Default 0. */
  retries?: number;
  /** The first pause; it doubles each time up to two minutes, and a random half of it is left out. Default 1000. */
  backoffMs?: number;
  onRetry?: (event: RetryEvent) => void;
  /** Told of every attempt when it is over. What this and `onRetry` throw is lost: the call goes on as without them. */
  onAttempt?: (event: AttemptEvent) => void;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** The call ends by then with code `timeout`, or before a pause that would last longer. `auth` is not cut short. */
  deadlineMs?: number;
}

type QueryValue = string | number | boolean | readonly string[] | undefined;

export interface RequestInput {
  params?: Readonly<Record<string, string | number>>;
  query?: Readonly<Record<string, QueryValue>>;
  body?: unknown;
  /** Sends nothing that proves who calls. */
  anonymous?: boolean;
}

/** Leaves out what the route does not have, and what is optional of it may be left out. */
type CallInput<Id extends RouteId> = ([ParamsOf<Id>] extends [undefined] ? unknown : { params: ParamsOf<Id> }) &
  ([QueryOf<Id>] extends [undefined] ? unknown : { query?: Partial<QueryOf<Id>> }) &
  ([BodyOf<Id>] extends [undefined] ? unknown : { body: BodyOf<Id> });

const MAX_BACKOFF_MS = 120_000;
const RETRIED = [500, 502, 503, 504];
/** A server that fails at a request tends to fail at it again: unlike an outage, waiting longer mends nothing. */
const MAX_RETRIES_OF_500 = 2;

/**
 * Calls routes over HTTP: proof, repetitions, answers. Knows nothing of AWS, files or a command line: how a call is
 * authenticated and carried is given to it. Every method rejects with {@link ConfidantError}, and with whatever `auth`
 * rejects with.
 */
export class RouteCaller {
  readonly #options: CallerOptions;
  readonly #base: URL;

  /** Throws TypeError when `url` is no http or https address, RangeError for a `backoffMs` that is no time. */
  constructor(options: CallerOptions) {
    if (!((options.backoffMs ?? 0) >= 0)) throw new RangeError('backoffMs must be 0 or more');
    this.#options = options;
    this.#base = parseServerUrl(options.url);
  }

  /** Calls a route of the contract by its name. */
  async call<Id extends RouteId>(id: Id, input: CallInput<Id>, options?: CallOptions): Promise<ResponseOf<Id>> {
    const { method, path, access }: Address = ADDRESSES[id];
    const asked = { ...(input as RequestInput), anonymous: access === 'anyone' };
    return (await this.request(method, path, asked, options)) as ResponseOf<Id>;
  }

  /**
   * Calls any address: `path` as in the route table, `/v1/credentials/:id`. Answers the JSON object of a 200; numbers
   * that JavaScript would change are `ExactNumber`s.
   */
  async request(
    method: TransportRequest['method'],
    path: string,
    input: RequestInput = {},
    options: CallOptions = {},
  ): Promise<JsonObject> {
    const { deadlineMs, signal } = options;
    const counted = { sent: 0 };
    if (deadlineMs === undefined) return this.#repeat(method, path, input, options, Infinity, counted);
    const stopping = new AbortController();
    const stop = (): void => stopping.abort();
    const timer = setTimeout(stop, deadlineMs);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
    try {
      const ending = { ...options, signal: stopping.signal };
      return await this.#repeat(method, path, input, ending, Date.now() + deadlineMs, counted);
    } catch (error) {
      if (!(error instanceof ConfidantError) || error.code !== 'aborted' || signal?.aborted) throw error;
      const { origin, pathname } = this.#urlOf(path, input);
      const timeout = new ConfidantError(`${method} ${pathname}: no answer from ${origin} in time`, {
        code: 'timeout',
      });
      timeout.attempts = counted.sent;
      throw timeout;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  async #repeat(
    method: TransportRequest['method'],
    path: string,
    input: RequestInput,
    options: CallOptions,
    endsAtMs: number,
    counted: { sent: number },
  ): Promise<JsonObject> {
    const { onRetry } = this.#options;
    let unsent = 0;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(method, path, input, options, { attempt, counted });
      } catch (error) {
        if (!(error instanceof ConfidantError)) throw error;
        // A transport may send it more often than it is asked to, or not count.
        const begun = Math.max(counted.sent, attempt);
        if (error.unsent) unsent += 1;
        error.attempts = Math.max(begun - unsent, 1);
        const retries = this.#retriesAfter(error);
        if (!isWorthRetrying(method, error) || attempt > retries) throw error;
        const delayMs = this.#delayMs(attempt, error);
        if (Date.now() + delayMs >= endsAtMs) throw error;
        observe(onRetry, { attempt, retries, delayMs, error });
        await pause(delayMs, options.signal);
      }
    }
  }

  #retriesAfter({ status }: ConfidantError): number {
    const { retries = 0 } = this.#options;
    return status === 500 ? Math.min(retries, MAX_RETRIES_OF_500) : retries;
  }

  async #attempt(
    method: TransportRequest['method'],
    path: string,
    input: RequestInput,
    { signal }: CallOptions,
    { attempt, counted }: { attempt: number; counted: { sent: number } },
  ): Promise<JsonObject> {
    const url = this.#urlOf(path, input);
    const request: TransportRequest = {
      method,
      url,
      headers: {
        accept: 'application/json',
        ...(input.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(input.anonymous ? {} : await this.#options.auth()),
      },
      ...(input.body === undefined ? {} : { body: stringifyJson(input.body) }),
      ...(signal === undefined ? {} : { signal }),
      onSend: () => (counted.sent += 1),
    };
    const [startedAt, sentBefore] = [performance.now(), counted.sent];
    const tell = (end: Pick<AttemptEvent, 'status' | 'requestId' | 'error'>): void =>
      observe(this.#options.onAttempt, {
        ...{ method, url, attempt, sent: counted.sent - sentBefore, durationMs: performance.now() - startedAt },
        ...end,
      });
    const response = await this.#options.transport(request).catch((error: unknown) => {
      tell({ error });
      throw error;
    });
    const requestId = response.headers['x-request-id'];
    tell({ status: response.status, ...(requestId === undefined ? {} : { requestId }) });
    return readResponse(`${method} ${url.pathname}`, response, { anonymous: input.anonymous === true });
  }

  #urlOf(path: string, { params = {}, query = {} }: RequestInput): URL {
    const filled = path.replace(/:([a-z_]+)/g, (_, name: string) => {
      const value = params[name];
      // A dot segment would be resolved away, and another address be asked.
      if (value === undefined || /^\.{0,2}$/.test(String(value))) {
        throw new ConfidantError(`${path}: ${name} is missing`, { code: 'invalid_request' });
      }
      return encodeURIComponent(value);
    });
    const url = new URL(this.#base.pathname.replace(/\/+$/, '') + filled, this.#base);
    for (const [name, value] of Object.entries(query)) {
      for (const item of Array.isArray(value)
        ? (value as string[])
        : [value as Exclude<QueryValue, readonly string[]>]) {
        if (item !== undefined) url.searchParams.append(name, queryText(item));
      }
    }
    return url;
  }

  #delayMs(attempt: number, error: ConfidantError): number {
    const { backoffMs = 1000 } = this.#options;
    const full = Math.min(backoffMs * 2 ** (attempt - 1), MAX_BACKOFF_MS);
    const jittered = full / 2 + (Math.random() * full) / 2;
    return Math.max(jittered, error instanceof RetryLater ? error.retryAfterMs : 0);
  }
}

/** compat: booleans go as Python writes them, `metadata_only=False`. */
function queryText(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return String(value);
}

function isWorthRetrying(method: string, error: ConfidantError): boolean {
  if (method === 'POST') return false;
  if (error.status !== undefined) return RETRIED.includes(error.status);
  // Waiting gives nobody a certificate.
  return error.unreachable && error.code !== 'untrusted';
}

/** Who only looks on can not fail a call that was carried out. */
function observe<Event>(observer: ((event: Event) => void) | undefined, event: Event): void {
  try {
    observer?.(event);
  } catch {
    // Told where observers are declared.
  }
}

function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(new ConfidantError('aborted', { code: 'aborted' }));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, delayMs);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
