import { request as httpRequest } from 'node:http';
import { type Agent, request as httpsRequest } from 'node:https';
import { proxyAgent, ProxyError } from '@confidant/kmsauth/proxy';

/** Where events are posted to, and how they prove where they come from. */
export interface Destination {
  kind: 'graphite' | 'webhook';
  url: URL;
  username: string;
  password: string;
  /** Further headers of one attempt: what is signed carries the time of sending, not of the event. */
  sign?: (body: string) => Record<string, string>;
}

/** How an event ended. `dropped`: never tried to the end, because the queue was full or the server stopped. */
export type Outcome = 'delivered' | 'failed' | 'dropped';

export interface DeliveryLog {
  warn(details: Record<string, unknown>, message: string): void;
}

export interface DeliveryOptions {
  log: DeliveryLog;
  onOutcome?: (kind: Destination['kind'], outcome: Outcome) => void;
  /** compat: 3 s, for the whole exchange. */
  timeoutMs?: number;
  /** Pause before the second attempt; it doubles, with jitter. */
  backoffMs?: number;
  /** Events that wait at most; more are dropped. */
  capacity?: number;
}

const MAX_ATTEMPTS = 4;
/** Posts to one destination at the same time, so that one slow answer does not hold up the rest. */
const CONCURRENCY = 4;
/** Characters of bodies that wait at most: a service may map thousands of credentials. */
const MAX_QUEUED_LENGTH = 8 * 1024 * 1024;
/** What is read of an answer before the connection is cut: only its status counts. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Posts events to one destination, off the path of requests: {@link push} returns at once, holds a bounded number and
 * never throws. Timeouts, broken connections and 408, 429 and 5xx are tried again; any other answer but 2xx is final.
 * compat: the original took only 200 for success, but it never tried again: here a receiver that says 202 or 204 would
 * get everything four times. Redirects are not followed: they could carry the password elsewhere.
 *
 * An event arrives at least once if at all, and events may overtake each other.
 */
export class DeliveryQueue {
  readonly #destination: Destination;
  readonly #options: Required<Omit<DeliveryOptions, 'onOutcome'>> & Pick<DeliveryOptions, 'onOutcome'>;
  /** For the log: never the path or the query, which often are the secret of a webhook. */
  readonly #origin: string;
  readonly #waiting: string[] = [];
  #waitingLength = 0;
  #underway = 0;
  /** Loops that take from the queue, at most {@link CONCURRENCY}. */
  #workers = 0;
  #dropped = 0;
  #closing = false;
  readonly #stop = new AbortController();
  /** Of the proxy of the environment, if this goes through it. */
  #agent: Promise<Agent | undefined> | undefined;
  #idle: (() => void) | undefined;

  constructor(destination: Destination, options: DeliveryOptions) {
    this.#destination = destination;
    this.#options = { timeoutMs: 3000, backoffMs: 500, capacity: 1000, ...options };
    this.#origin = destination.url.origin;
  }

  /** Events that wait or are under way. */
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
    // Starts in a later turn: the request that published goes on first.
    if (this.#workers < CONCURRENCY) {
      this.#workers += 1;
      setImmediate(() => void this.#work());
    }
  }

  /** Takes no more, and resolves when all is delivered or given up, after `withinMs` at the latest. */
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

  /** Never rejects. */
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
      // Single-use connections, with a proxy as without.
      this.#agent ??= proxyAgent({
        address: url.href,
        connectTimeoutMs: this.#options.timeoutMs,
        maxSockets: CONCURRENCY,
        keepAlive: false,
      });
      return { status: await post(url, headers, body, { agent: await this.#agent, signal: late.signal }) };
    } catch (error) {
      if (error instanceof ProxyError) return { failure: error.message };
      // Only the code: the message of some errors carries the address.
      const code = (error as { code?: unknown }).code;
      const timedOut = late.signal.aborted;
      return { failure: timedOut ? 'timeout' : typeof code === 'string' ? code : 'network error' };
    } finally {
      clearTimeout(timer);
      this.#stop.signal.removeEventListener('abort', abort);
    }
  }

  #drop(): void {
    // The first at once, then every now and then: a full queue must not fill the log as well.
    if (this.#dropped % 1000 === 0) this.#warn({ dropped: this.#dropped + 1 }, 'an event was dropped');
    this.#dropped += 1;
    this.#options.onOutcome?.(this.#destination.kind, 'dropped');
  }

  #warn(details: Record<string, unknown>, message: string): void {
    this.#options.log.warn({ destination: this.#destination.kind, origin: this.#origin, ...details }, message);
  }
}

/** The status of the answer. Rejects when there is none. */
function post(
  url: URL,
  headers: Record<string, string | number>,
  body: string,
  { agent, signal }: { agent: Agent | undefined; signal: AbortSignal },
): Promise<number> {
  return new Promise((resolve, reject) => {
    // A request whose tunnel is not there yet would tell it only then.
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const target = new URL(url);
    // Node would make an Authorization of its own from them.
    target.username = '';
    target.password = '';
    const request = send(target, { method: 'POST', headers, agent: agent ?? false, signal }, (response) => {
      let read = 0;
      response.on('data', (chunk: Buffer) => {
        read += chunk.length;
        if (read > MAX_ANSWER_BYTES) response.destroy();
      });
      response.on('error', () => undefined);
      // Settled before the body is in: the connection is single-use, and cut when it goes on for too long.
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
