import { request as httpRequest } from 'node:http';
import { type Agent, request as httpsRequest } from 'node:https';
import { proxyAgent, ProxyError } from '@confidant/kmsauth/proxy';

/** A receiver of events, and the headers that prove their sender. */
export interface Destination {
  kind: 'graphite' | 'webhook';
  url: URL;
  username: string;
  password: string;
  /** Further headers of one attempt; a signature carries the time of sending, not of the event. */
  sign?: (body: string) => Record<string, string>;
}

/** How an event ended. It is `dropped` when the queue is full or the server stops before it is delivered. */
export type Outcome = 'delivered' | 'failed' | 'dropped';

export interface DeliveryLog {
  warn(details: Record<string, unknown>, message: string): void;
}

export interface DeliveryOptions {
  log: DeliveryLog;
  onOutcome?: (kind: Destination['kind'], outcome: Outcome) => void;
  /** Time for the whole exchange; compat: 3 s. */
  timeoutMs?: number;
  /** Pause before the second attempt; it doubles with each attempt, with jitter. */
  backoffMs?: number;
  /** Maximum number of waiting events; further ones are dropped. */
  capacity?: number;
}

const MAX_ATTEMPTS = 4;
/** Maximum number of concurrent posts to one destination, so that a slow response does not delay the rest. */
const CONCURRENCY = 4;
/** Maximum number of characters in waiting bodies: a service may map thousands of credentials. */
const MAX_QUEUED_LENGTH = 8 * 1024 * 1024;
/** Maximum length of a response that is read before the connection is cut: only its status counts. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/**
 * Posts events to one destination, off the path of requests: {@link push} returns at once, holds a bounded number and
 * never throws. Timeouts, broken connections and 408, 429 and 5xx are tried again; any other answer but 2xx is final.
 * The original took only 200 for success, but never tried again: here, a receiver that answers 202 or 204 would then
 * get everything four times. Redirects are not followed: they could carry the password elsewhere.
 *
 * An event arrives at least once if at all, and events may overtake each other.
 */
export class DeliveryQueue {
  readonly #destination: Destination;
  readonly #options: Required<Omit<DeliveryOptions, 'onOutcome'>> & Pick<DeliveryOptions, 'onOutcome'>;
  /** The destination for the log, without path and query, which often are the secret of a webhook. */
  readonly #origin: string;
  readonly #waiting: string[] = [];
  #waitingLength = 0;
  #underway = 0;
  /** The number of loops that take from the queue, at most {@link CONCURRENCY}. */
  #workers = 0;
  #dropped = 0;
  #closing = false;
  readonly #stop = new AbortController();
  /** The agent for the proxy of the environment, if there is one. */
  #agent: Promise<Agent | undefined> | undefined;
  #idle: (() => void) | undefined;

  constructor(destination: Destination, options: DeliveryOptions) {
    this.#destination = destination;
    this.#options = { timeoutMs: 3000, backoffMs: 500, capacity: 1000, ...options };
    this.#origin = destination.url.origin;
  }

  /** The number of events that wait or are being delivered. */
  get depth(): number {
    return this.#waiting.length + this.#underway;
  }

  push(body: string): void {
    const full =
      this.#waiting.length >= this.#options.capacity || this.#waitingLength + body.length > MAX_QUEUED_LENGTH;
    if (full || this.#closing) {
      this.#drop();
      return;
    }
    this.#waiting.push(body);
    this.#waitingLength += body.length;
    // Delivery starts in a later turn: the request that published goes on first.
    if (this.#workers < CONCURRENCY) {
      this.#workers += 1;
      setImmediate(() => void this.#work());
    }
  }

  /** Stops taking events, and resolves when all are delivered or given up, after `withinMs` at the latest. */
  async close(withinMs: number): Promise<void> {
    this.#closing = true;
    if (this.#workers > 0) {
      const overdue = setTimeout(() => this.#stop.abort(), withinMs);
      await new Promise<void>((resolve) => (this.#idle = resolve));
      clearTimeout(overdue);
    }
    if (this.#dropped > 0) this.#warn({ dropped: this.#dropped }, 'events were dropped since the start');
  }

  async #work(): Promise<void> {
    for (let body = this.#waiting.shift(); body !== undefined; body = this.#waiting.shift()) {
      this.#waitingLength -= body.length;
      this.#underway += 1;
      await this.#deliver(body);
      this.#underway -= 1;
    }
    this.#workers -= 1;
    if (this.#workers === 0) this.#idle?.();
  }

  /** Delivers one event, with all attempts. Never rejects. */
  async #deliver(body: string): Promise<void> {
    for (let attempt = 1; !this.#stop.signal.aborted; attempt++) {
      const { status, failure } = await this.#post(body);
      if (status !== undefined && status >= 200 && status < 300) {
        this.#options.onOutcome?.(this.#destination.kind, 'delivered');
        return;
      }
      const reason = status === undefined ? { failure } : { status };
      const again = status === undefined || status === 408 || status === 429 || status >= 500;
      if (!again || attempt === MAX_ATTEMPTS) {
        this.#options.onOutcome?.(this.#destination.kind, 'failed');
        this.#warn({ ...reason, attempts: attempt }, 'an event was not delivered');
        return;
      }
      await pause(this.#options.backoffMs * 2 ** (attempt - 1) * (0.5 + Math.random()), this.#stop.signal);
    }
    this.#drop();
  }

  async #post(body: string): Promise<{ status?: number; failure?: string }> {
    const { url, username, password, sign } = this.#destination;
    const late = new AbortController();
    const abort = (): void => late.abort();
    const timer = setTimeout(abort, this.#options.timeoutMs);
    this.#stop.signal.addEventListener('abort', abort, { once: true });
    try {
      const headers = {
        'content-type': 'application/json',
        accept: 'text/plain',
        'user-agent': 'confidant',
        'content-length': Buffer.byteLength(body),
        // compat: always sent, even when there is neither name nor password.
        authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
        ...sign?.(body),
      };
      // Connections are used once, with a proxy and without.
      this.#agent ??= proxyAgent({
        address: url.href,
        connectTimeoutMs: this.#options.timeoutMs,
        maxSockets: CONCURRENCY,
        keepAlive: false,
      });
      return { status: await post(url, headers, body, { agent: await this.#agent, signal: late.signal }) };
    } catch (error) {
      if (error instanceof ProxyError) return { failure: error.message };
      // The message of some errors carries the address, so only the code is logged.
      const code = (error as { code?: unknown }).code;
      const timedOut = late.signal.aborted;
      return { failure: timedOut ? 'timeout' : typeof code === 'string' ? code : 'network error' };
    } finally {
      clearTimeout(timer);
      this.#stop.signal.removeEventListener('abort', abort);
    }
  }

  #drop(): void {
    // The first drop is logged, then one in a thousand: a full queue must not fill the log as well.
    if (this.#dropped % 1000 === 0) this.#warn({ dropped: this.#dropped + 1 }, 'an event was dropped');
    this.#dropped += 1;
    this.#options.onOutcome?.(this.#destination.kind, 'dropped');
  }

  #warn(details: Record<string, unknown>, message: string): void {
    this.#options.log.warn({ destination: this.#destination.kind, origin: this.#origin, ...details }, message);
  }
}

/** Posts the body and resolves to the status of the response. Rejects when there is no response. */
function post(
  url: URL,
  headers: Record<string, string | number>,
  body: string,
  { agent, signal }: { agent: Agent | undefined; signal: AbortSignal },
): Promise<number> {
  return new Promise((resolve, reject) => {
    // A request that still waits for its tunnel would report the abort only when the tunnel is there.
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const target = new URL(url);
    // Node would make an Authorization header of its own from them.
    target.username = '';
    target.password = '';
    const request = send(target, { method: 'POST', headers, agent: agent ?? false, signal }, (response) => {
      let read = 0;
      response.on('data', (chunk: Buffer) => {
        read += chunk.length;
        if (read > MAX_RESPONSE_BYTES) response.destroy();
      });
      response.on('error', () => undefined);
      // The status is known before the body is read; the connection is used once, and cut after a second.
      response.on('close', () => request.destroy());
      resolve(response.statusCode ?? 0);
      setTimeout(() => response.destroy(), 1000).unref();
    });
    request.on('error', reject);
    request.end(body);
  });
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
  });
}
