import { isPlainObject } from '@confidant/contract';
import * as http from 'node:http';
import * as https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { proxyAgent, proxyOf } from '@confidant/kmsauth/proxy';
import { signRequest } from '../../aws/sigv4.js';
import { BackendUnavailable } from '../../ports/unavailable.js';
import type { CredentialsCache } from './credentials.js';
import { exchange, type ExchangeOptions, Transient } from './exchange.js';

export interface AwsJsonOptions {
  /** The name of the backend in logs and in {@link BackendUnavailable}. */
  backend: string;
  /** The name requests are signed for, `dynamodb`. */
  service: string;
  /** The part before the operation in `x-amz-target`, `DynamoDB_20120810`. */
  targetPrefix: string;
  jsonVersion: '1.0' | '1.1';
  region: string;
  /** `https://dynamodb.us-east-1.amazonaws.com`, or a stand-in's address. Over TLS through the environment's proxy. */
  endpoint: string;
  credentials: CredentialsCache;
  connectTimeoutMs: number;
  /** Time limit for one whole response, counted from when the connection is ready. */
  readTimeoutMs: number;
  maxSockets: number;
  maxAttempts?: number;
  maxResponseBytes?: number;
  /** Whether the body of a 200 can be the service's response; any other body is no usable response. Default: always. */
  isAnswer?: (operation: string, answer: Readonly<Record<string, unknown>>) => boolean;
}

/** The service refused the request; `code` is the name of its error. */
export class AwsRefusal extends Error {
  override readonly name = 'AwsRefusal';
  // The response is private, so that no log prints it with the error: it may contain rows.
  readonly #answer: Readonly<Record<string, unknown>>;

  constructor(
    readonly code: string,
    message: string,
    answer: Readonly<Record<string, unknown>>,
  ) {
    super(`${code}: ${message}`);
    this.#answer = answer;
  }

  /** The parsed body. */
  get answer(): Readonly<Record<string, unknown>> {
    return this.#answer;
  }
}

const DEFAULT_MAX_ATTEMPTS = 5;
/** More than the 16 MB of a BatchGetItem response, because JSON's escapes add to it. */
const DEFAULT_MAX_RESPONSE_BYTES = 48 * 1024 * 1024;
// Firewalls drop idle connections silently; the next request on one would hang until its time-out.
const IDLE_SOCKET_MS = 20_000;
const FIRST_BACKOFF_MS = 25;
const MAX_MESSAGE_LENGTH = 300;

const RETRYABLE = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'TooManyRequestsException',
  'TransactionInProgressException',
  'ReplicatedWriteConflictException',
  'InternalServerError',
  'InternalFailure',
  'ServiceUnavailable',
  'ServiceUnavailableException',
]);
const CREDENTIALS_EXPIRED = new Set(['ExpiredTokenException', 'ExpiredToken', 'RequestExpired']);

/**
 * Makes signed JSON calls to one AWS service over kept-alive connections: for the few operations used here this takes a
 * quarter of the CPU of the SDK's client.
 */
export class AwsJsonClient {
  readonly #options: AwsJsonOptions;
  readonly #host: string;
  readonly #exchange: ExchangeOptions;
  /** Undefined until the first call when requests go through a proxy. */
  #agent: http.Agent | undefined;
  #opening: Promise<http.Agent> | undefined;

  constructor(options: AwsJsonOptions) {
    this.#options = options;
    const url = new URL(options.endpoint);
    const isSecure = url.protocol === 'https:';
    if (!isSecure && url.protocol !== 'http:') {
      throw new TypeError(`${options.backend}: the endpoint is not an http(s) address`);
    }
    const proxy = proxyOf(options.endpoint);
    this.#host = url.host;
    this.#exchange = {
      transport: isSecure ? https : http,
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
      path: url.pathname,
      connectTimeoutMs: options.connectTimeoutMs,
      readTimeoutMs: options.readTimeoutMs,
      maxResponseBytes: options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES,
      connectedEvent: isSecure ? 'secureConnect' : 'connect',
      through: proxy === undefined ? '' : ` through the proxy ${proxy}`,
    };
    if (proxy === undefined) this.#agent = this.#directAgent();
  }

  /** Default time limit of one call with all its attempts, in milliseconds. */
  get budgetMs(): number {
    return this.#options.connectTimeoutMs + this.#options.readTimeoutMs;
  }

  /**
   * Calls an operation and resolves to its parsed response. The operation must be safe to repeat (a read, a write of
   * the same state, or one with an idempotency token): an attempt whose response is lost is followed by another.
   *
   * Rejects with {@link AwsRefusal} when the service refuses, and with {@link BackendUnavailable} when there is no
   * usable response by `deadline`, on the clock of `performance.now()`.
   */
  async call(
    operation: string,
    input: unknown,
    deadline = performance.now() + this.budgetMs,
  ): Promise<Record<string, unknown>> {
    const body = JSON.stringify(input);
    const maxAttempts = this.#options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS;
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(operation, body, deadline);
      } catch (error) {
        if (error instanceof AwsRefusal && CREDENTIALS_EXPIRED.has(error.code) && !renewed) {
          renewed = true;
          this.#options.credentials.forget();
          continue;
        }
        if (!(error instanceof Transient)) throw error;
        const pauseMs = error.isStaleConnection ? 0 : backoffMs(attempt);
        if (attempt >= maxAttempts || performance.now() + pauseMs >= deadline) throw this.#unavailable(error);
        if (pauseMs > 0) await sleep(pauseMs);
      }
    }
  }

  close(): void {
    this.#agent?.destroy();
  }

  #directAgent(): http.Agent {
    const { maxSockets } = this.#options;
    return new this.#exchange.transport.Agent({
      keepAlive: true,
      maxSockets,
      maxFreeSockets: maxSockets,
      timeout: IDLE_SOCKET_MS,
    });
  }

  #openAgent(): Promise<http.Agent> {
    const { endpoint, connectTimeoutMs, maxSockets } = this.#options;
    this.#opening ??= proxyAgent({
      address: endpoint,
      connectTimeoutMs,
      idleTimeoutMs: IDLE_SOCKET_MS,
      maxSockets,
    }).then((agent) => (this.#agent = agent ?? this.#directAgent()));
    return this.#opening;
  }

  #unavailable(cause: unknown): BackendUnavailable {
    return new BackendUnavailable(this.#options.backend, { cause });
  }

  async #attempt(operation: string, body: string, deadline: number): Promise<Record<string, unknown>> {
    const { service, region, targetPrefix, jsonVersion, isAnswer } = this.#options;
    const cached = this.#options.credentials.current();
    const credentials = cached ?? (await this.#loadCredentials(deadline));
    const headers = {
      'content-type': `application/x-amz-json-${jsonVersion}`,
      'x-amz-target': `${targetPrefix}.${operation}`,
    };
    const signed = signRequest({
      method: 'POST',
      host: this.#host,
      path: this.#exchange.path,
      headers,
      body,
      service,
      region,
      credentials,
      now: new Date(),
    });
    const agent = this.#agent ?? (await this.#openAgent());
    const { status, text } = await exchange(this.#exchange, agent, { ...headers, ...signed }, body, deadline);
    const answer = parseAnswer(status, text);
    if (isAnswer?.(operation, answer) === false)
      throw new Transient(`status ${status} without an answer to ${operation}`);
    return answer;
  }

  async #loadCredentials(deadline: number): ReturnType<CredentialsCache['load']> {
    const abort = new AbortController();
    try {
      return await Promise.race([
        this.#options.credentials.load(),
        sleep(Math.max(0, deadline - performance.now()), undefined, { signal: abort.signal }).then(() => {
          throw new Error('AWS credentials could not be loaded in time');
        }),
      ]);
    } catch (error) {
      throw this.#unavailable(error);
    } finally {
      abort.abort();
    }
  }
}

/**
 * Parses the response of the service. Throws {@link AwsRefusal} for an error, and {@link Transient} for anything that
 * is not a response of the service.
 */
function parseAnswer(status: number, text: string): Record<string, unknown> {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    // This is a proxy's page, or half a response. The text is not kept, because it may contain rows.
    throw new Transient(`status ${status} without JSON`);
  }
  if (!isPlainObject(answer)) throw new Transient(`status ${status} without a JSON object`);
  if (status >= 200 && status < 300) return answer;
  // The type reads `prefix#Name`, and for some services `Name:address`.
  const type = typeof answer['__type'] === 'string' ? answer['__type'] : '';
  const code = type.replace(/^.*#/, '').replace(/:.*$/, '') || `status ${status}`;
  const said = answer['message'] ?? answer['Message'];
  const message = typeof said === 'string' ? said.slice(0, MAX_MESSAGE_LENGTH) : 'no message';
  if (status >= 500 || status === 429 || RETRYABLE.has(code)) throw new Transient(`${code}: ${message}`);
  throw new AwsRefusal(code, message, answer);
}

/**
 * The pause before a further attempt: it doubles, with full jitter, so that clients that failed together do not return
 * together.
 */
export function backoffMs(attempt: number): number {
  return Math.random() * FIRST_BACKOFF_MS * 2 ** Math.min(attempt, 6);
}
