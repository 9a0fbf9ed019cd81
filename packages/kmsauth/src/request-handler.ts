import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';

export interface RequestHandlerOptions {
  /** Time limit for a new connection, TLS included. */
  connectTimeoutMs: number;
  /** Time limit for one whole response, counted from when the connection is ready. */
  responseTimeoutMs: number;
  /** A longer response counts as a failure of the network. */
  maxResponseBytes: number;
  maxSockets: number;
  /** For https; default: direct connections. */
  httpsAgent?: https.Agent | undefined;
}

/** The parts of the SDK's requests and responses that are used here. */
interface SdkRequest {
  protocol: string;
  hostname: string;
  port?: number;
  method: string;
  path: string;
  query?: Record<string, string | string[] | null>;
  headers: Record<string, string>;
  body?: string | Uint8Array;
}
interface SdkResponse {
  statusCode: number;
  headers: Record<string, string>;
  body: Uint8Array;
}

/** Failures of connections that the SDK retries if they bear this name. */
const RESET = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT']);

/** An agent for a proxy has the same time limit for connecting, and its error says more: it goes first. */
const AGENT_FIRST_MS = 100;

/** The connections that are ready for use, with TLS. */
const readySockets = new WeakSet<Socket>();

/**
 * Sends the requests of an AWS SDK client. The SDK's own handler counts its read time-out from when it starts to
 * connect, ends it at the head of the response, and reads bodies of any length.
 */
export class RequestHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #options: RequestHandlerOptions;
  readonly #httpAgent: http.Agent;
  readonly #httpsAgent: https.Agent;
  readonly #failures = new WeakMap<object, Error>();

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
    const direct = { keepAlive: true, maxSockets: options.maxSockets };
    this.#httpAgent = new http.Agent(direct);
    this.#httpsAgent = options.httpsAgent ?? new https.Agent(direct);
  }

  /** Rejects with errors under the names that the SDK retries, and at once when the signal aborts. */
  handle(request: SdkRequest, options: { abortSignal?: object | undefined } = {}): Promise<{ response: SdkResponse }> {
    // The SDK's own type of a signal has less than Node's, which is what its callers pass.
    const abortSignal = options.abortSignal as AbortSignal | undefined;
    const { connectTimeoutMs, responseTimeoutMs, maxResponseBytes, httpsAgent } = this.#options;
    const isSecure = request.protocol === 'https:';
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const settle = (): void => {
        clearTimeout(timer);
        abortSignal?.removeEventListener('abort', abort);
      };
      let hasFailed = false;
      const fail = (error: Error): void => {
        // Destroying the request reports another error.
        if (hasFailed) return;
        hasFailed = true;
        settle();
        if (abortSignal?.aborted === false) this.#failures.set(abortSignal, error);
        reject(error);
        outgoing.destroy();
      };
      const abort = (): void => fail(named('AbortError', 'the request was aborted'));
      const allow = (limitMs: number, missing: string): void => {
        clearTimeout(timer);
        timer = setTimeout(() => fail(named('TimeoutError', `${missing} within ${limitMs} ms`)), limitMs);
      };

      const outgoing = (isSecure ? https : http).request({
        method: request.method,
        host: request.hostname.replace(/^\[|\]$/g, ''),
        port: request.port,
        path: request.path + queryOf(request),
        headers: request.headers,
        agent: isSecure ? this.#httpsAgent : this.#httpAgent,
      });
      if (abortSignal?.aborted === true) return abort();
      abortSignal?.addEventListener('abort', abort);
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        fail(RESET.has(error.code ?? '') ? Object.assign(error, { name: 'TimeoutError' }) : error);
      });
      outgoing.on('socket', (socket) => {
        // socket.connecting is not enough: it says nothing about TLS, or about a connection through a proxy.
        if (readySockets.has(socket)) return allow(responseTimeoutMs, 'no response');
        allow(connectTimeoutMs + (isSecure && httpsAgent ? AGENT_FIRST_MS : 0), 'no connection');
        socket.once(isSecure ? 'secureConnect' : 'connect', () => {
          readySockets.add(socket);
          allow(responseTimeoutMs, 'no response');
        });
      });
      outgoing.on('response', (incoming) => {
        const chunks: Buffer[] = [];
        let length = 0;
        incoming.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > maxResponseBytes) fail(named('TimeoutError', 'the response is too long'));
          else chunks.push(chunk);
        });
        incoming.on('error', fail);
        incoming.on('end', () => {
          settle();
          const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
          resolve({
            response: {
              statusCode: incoming.statusCode ?? 0,
              headers: Object.fromEntries(headers) as Record<string, string>,
              body: Buffer.concat(chunks),
            },
          });
        });
      });
      outgoing.end(request.body);
    });
  }

  /** Why the last attempt of a call failed, which the SDK does not say when the call is aborted between attempts. */
  lastFailure(abortSignal: AbortSignal): Error | undefined {
    return this.#failures.get(abortSignal);
  }

  destroy(): void {
    this.#httpAgent.destroy();
    this.#httpsAgent.destroy();
  }

  /** The SDK changes no options of handlers that it did not make. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): object {
    return {};
  }
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

function queryOf({ query = {} }: SdkRequest): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) search.append(name, each ?? '');
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}
