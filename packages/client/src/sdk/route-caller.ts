import { ADDRESSES, stringifyJson } from '@confidant/contract/wire';
import type { Address, BodyOf, JsonObject, ParamsOf, QueryOf, ResponseOf, RouteId } from '@confidant/contract';
import { parseServerUrl } from './config/server-url.js';
import { RetryLater, readResponse } from './response.js';
import { ConfidantError } from './errors.js';
import type { Transport, TransportRequest } from './transport.js';

/**
 * Returns the headers that authenticate a request. Called for every attempt, because a token may expire between two.
 */
export type AuthProvider = () => Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>;

/** A retry that is about to happen. */
export interface RetryEvent {
  /** 1 for the first retry. */
  attempt: number;
  retries: number;
  delayMs: number;
  error: ConfidantError;
}

/** A finished attempt, with or without a response. */
export interface AttemptEvent {
  method: TransportRequest['method'];
  url: URL;
  /** 1 for the first. */
  attempt: number;
  /** How often it was sent: 2 if an idle connection turned out to be closed. */
  sent: number;
  /** Without the time for authentication. */
  durationMs: number;
  status?: number;
  requestId?: string;
  /** Why there is no response. */
  error?: unknown;
}

export interface CallerOptions {
  /** The server's address, `https://confidant.example.com`; a path in it is kept. */
  url: string;
  auth: AuthProvider;
  transport: Transport;
  /**
   * How often to retry GET and PUT after 502, 503, 504 and network errors; at most twice after 500. POST is never
   * retried. Default 0.
   */
  retries?: number;
  /**
   * The first pause. It doubles each time, up to two minutes; a random part, up to half, is taken off. Default 1000.
   */
  backoffMs?: number;
  onRetry?: (event: RetryEvent) => void;
  /** Called after every attempt. Errors that this and `onRetry` throw are ignored. */
  onAttempt?: (event: AttemptEvent) => void;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** The call ends by then with code `timeout`, or before a pause that would last longer. `auth` is not interrupted. */
  deadlineMs?: number;
}

type QueryValue = string | number | boolean | readonly string[] | undefined;

export interface RequestInput {
  params?: Readonly<Record<string, string | number>>;
  query?: Readonly<Record<string, QueryValue>>;
  body?: unknown;
  /** Sends no authentication. */
  anonymous?: boolean;
}

/** The parameters, query and body that a route has. */
type CallInput<Id extends RouteId> = ([ParamsOf<Id>] extends [undefined] ? unknown : { params: ParamsOf<Id> }) &
  ([QueryOf<Id>] extends [undefined] ? unknown : { query?: Partial<QueryOf<Id>> }) &
  ([BodyOf<Id>] extends [undefined] ? unknown : { body: BodyOf<Id> });

const MAX_BACKOFF_MS = 120_000;
const RETRIED_STATUSES = [500, 502, 503, 504];
/** A server that fails on a request usually fails again; unlike in an outage, waiting does not help. */
const MAX_RETRIES_OF_500 = 2;

/**
 * Calls routes over HTTP, with authentication and retries. It is independent of AWS, files and the command line: `auth`
 * and `transport` are passed in. Every method rejects with {@link ConfidantError}, or with whatever `auth` rejects
 * with.
 */
export class RouteCaller {
  readonly #options: CallerOptions;
  readonly #base: URL;

  /** Throws TypeError if `url` is not an http or https address, RangeError if `backoffMs` is negative or NaN. */
  constructor(options: CallerOptions) {
    if (!((options.backoffMs ?? 0) >= 0)) throw new RangeError('backoffMs must be 0 or more');
    this.#options = options;
    this.#base = parseServerUrl(options.url);
  }

  /** Calls a route of the contract by its name. */
  async call<Id extends RouteId>(id: Id, input: CallInput<Id>, options?: CallOptions): Promise<ResponseOf<Id>> {
    const { method, path, access }: Address = ADDRESSES[id];
    const request = { ...(input as RequestInput), anonymous: access === 'anyone' };
    return (await this.request(method, path, request, options)) as ResponseOf<Id>;
  }

  /**
   * Calls any path, written as in the route table: `/v1/credentials/:id`. Resolves to the JSON object of a 200; numbers
   * that JavaScript cannot represent exactly are `ExactNumber`s.
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
      const timeout = new ConfidantError(`${method} ${pathname}: no response from ${origin} in time`, {
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
        // A transport may send a request more than once, or not count at all.
        const sent = Math.max(counted.sent, attempt);
        if (error.unsent) unsent += 1;
        error.attempts = Math.max(sent - unsent, 1);
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
        ...(input.body !== undefined && { 'content-type': 'application/json' }),
        ...(input.anonymous ? {} : await this.#options.auth()),
      },
      ...(input.body !== undefined && { body: stringifyJson(input.body) }),
      ...(signal !== undefined && { signal }),
      onSend: () => (counted.sent += 1),
    };
    const [startedAt, sentBefore] = [performance.now(), counted.sent];
    const report = (end: Pick<AttemptEvent, 'status' | 'requestId' | 'error'>): void =>
      observe(this.#options.onAttempt, {
        ...{ method, url, attempt, sent: counted.sent - sentBefore, durationMs: performance.now() - startedAt },
        ...end,
      });
    const response = await this.#options.transport(request).catch((error: unknown) => {
      report({ error });
      throw error;
    });
    const requestId = response.headers['x-request-id'];
    report({ status: response.status, ...(requestId !== undefined && { requestId }) });
    return readResponse(`${method} ${url.pathname}`, response, { anonymous: input.anonymous === true });
  }

  #urlOf(path: string, { params = {}, query = {} }: RequestInput): URL {
    const filled = path.replace(/:([a-z_]+)/g, (_, name: string) => {
      const value = params[name];
      // A dot segment would be resolved away, which leads to another path.
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

/** compat: booleans are written as in Python, `metadata_only=False`. */
function queryText(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return String(value);
}

function isWorthRetrying(method: string, error: ConfidantError): boolean {
  if (method === 'POST') return false;
  if (error.status !== undefined) return RETRIED_STATUSES.includes(error.status);
  // A certificate does not become trusted by waiting.
  return error.unreachable && error.code !== 'untrusted';
}

/** Calls an observer, whose errors must not fail the request. */
function observe<Event>(observer: ((event: Event) => void) | undefined, event: Event): void {
  try {
    observer?.(event);
  } catch {
    // Ignored, as CallerOptions says.
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
