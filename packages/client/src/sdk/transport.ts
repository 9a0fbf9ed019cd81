import { readFileSync } from 'node:fs';
import type * as Http from 'node:http';
import type * as Https from 'node:https';
import { createRequire } from 'node:module';
import { ConfidantError } from './errors.js';
import { MAX_SECONDS } from './config/limits.js';
import { proxyAgent } from './proxy.js';

/**
 * Loads a module of Node. `import` of node:http would load all that it exports, in Node 22 WebSocket too, which takes
 * longer than most commands run. `createRequire` is for Node before 20.16; CommonJS bundles have no `import.meta.url`.
 */
function builtin(name: 'node:http' | 'node:https'): unknown {
  return process.getBuiltinModule?.(name) ?? createRequire(import.meta.url)(name);
}
const http = builtin('node:http') as typeof Http;

export interface TransportRequest {
  method: 'GET' | 'POST' | 'PUT';
  url: URL;
  headers: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
  /** Called whenever the request is about to be sent; twice if an idle connection turns out to be closed. */
  onSend?: () => void;
}

export interface TransportResponse {
  status: number;
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  text: string;
}

/**
 * Sends one request, without retries. Resolves for every HTTP status and does not follow redirects. Rejects with
 * {@link ConfidantError} of code `network`, `untrusted`, `timeout`, `aborted` or `response_too_large`.
 */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>;

export interface NodeTransportOptions {
  /** For connecting, and for waiting for more data; a whole request may take ten times that. At most a day. */
  timeoutMs: number;
  /** A file of PEM certificates to trust instead of the system's. Certificates are always verified. */
  caFile?: string;
  /** Default 64 MiB. */
  maxResponseBytes?: number;
  /** Default 20. */
  maxSockets?: number;
}

const MAX_TIMEOUT_MS = MAX_SECONDS * 1000;

/**
 * Creates a {@link Transport} over node:http, with keep-alive and the environment's proxy. Throws if `caFile` cannot be
 * read, and RangeError if `timeoutMs` is out of range.
 */
export function nodeTransport(options: NodeTransportOptions): Transport & { close(): void } {
  if (!(options.timeoutMs > 0 && options.timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new RangeError(`timeoutMs must be above 0 and at most ${MAX_TIMEOUT_MS}`);
  }
  const agentOptions = { keepAlive: true, maxSockets: options.maxSockets ?? 20, timeout: options.timeoutMs };
  const plain = new http.Agent(agentOptions);
  const ca = options.caFile === undefined ? {} : { ca: readFileSync(options.caFile) };
  // Explicit, because otherwise NODE_TLS_REJECT_UNAUTHORIZED in the environment could turn it off.
  const verified = { ...ca, rejectUnauthorized: true };
  const tls = new Map<string, Https.Agent>();
  const startRequest: StartRequest = (url, how) => {
    if (url.protocol !== 'https:') return http.request(url, { ...how, agent: plain });
    const https = builtin('node:https') as typeof Https;
    return https.request(url, { ...how, ...verified, agent: tls.get(url.origin) });
  };
  const send = async (request: TransportRequest): Promise<TransportResponse> => {
    const { origin, protocol } = request.url;
    if (protocol === 'https:' && !tls.has(origin)) {
      const https = builtin('node:https') as typeof Https;
      const { maxSockets, timeout } = agentOptions;
      const proxy = await proxyAgent({
        address: origin,
        maxSockets,
        connectTimeoutMs: timeout,
        idleTimeoutMs: timeout,
      });
      if (!tls.has(origin)) tls.set(origin, proxy ?? new https.Agent({ ...agentOptions, ...verified }));
    }
    try {
      return await exchange(request, startRequest, options);
    } catch (error) {
      // The server closed an idle connection just when it was reused, which is not a failure of the server.
      if (error instanceof StaleConnection && request.method !== 'POST')
        return exchange(request, startRequest, options);
      throw error;
    }
  };
  return Object.assign(send, {
    close() {
      plain.destroy();
      for (const agent of tls.values()) agent.destroy();
    },
  });
}

/** Starts a request with the agent of its protocol. */
type StartRequest = (url: URL, how: Http.RequestOptions) => Http.ClientRequest;

/** Node's error codes for certificates (as in OpenSSL), and for responses that are not TLS. */
const TLS_ERROR =
  /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_(CA|PURPOSE)|HOSTNAME_)/;

class StaleConnection extends ConfidantError {}

/** The system calls of failed connection attempts. */
const CONNECT_CALLS = ['connect', 'getaddrinfo'];

/** A host with several addresses fails with one error per address. */
function failures(error: Error): readonly NodeJS.ErrnoException[] {
  return error instanceof AggregateError ? (error.errors as NodeJS.ErrnoException[]) : [error];
}

function exchange(
  request: TransportRequest,
  startRequest: StartRequest,
  options: NodeTransportOptions,
): Promise<TransportResponse> {
  const { timeoutMs, maxResponseBytes = 64 * 1024 * 1024 } = options;
  const what = `${request.method} ${request.url.pathname}`;
  return new Promise((resolve, reject) => {
    let answered = false;
    request.onSend?.();
    const outgoing = startRequest(request.url, {
      method: request.method,
      timeout: timeoutMs,
      headers: {
        ...request.headers,
        ...(request.method !== 'GET' && { 'content-length': String(Buffer.byteLength(request.body ?? '')) }),
      },
    });
    const settle = (finish: () => void): void => {
      clearTimeout(deadline);
      request.signal?.removeEventListener('abort', abort);
      finish();
    };
    const fail = (error: ConfidantError): void =>
      settle(() => {
        reject(error);
        outgoing.destroy();
      });
    const timedOut = (): void =>
      fail(new ConfidantError(`${what}: no response from ${request.url.origin} in time`, { code: 'timeout' }));
    const abort = (): void => fail(new ConfidantError(`${what}: aborted`, { code: 'aborted' }));
    const broken = (error: NodeJS.ErrnoException): void => {
      const isStale = outgoing.reusedSocket && !answered && error.code === 'ECONNRESET';
      const Kind = isStale ? StaleConnection : ConfidantError;
      // Checked by name, because the class is loaded only if there is a proxy.
      const isProxyError = error.name === 'ProxyError';
      const reason = isProxyError ? error.message : (error.code ?? error.message);
      const isTls = !isProxyError && TLS_ERROR.test(error.code ?? '');
      const code = isTls ? 'untrusted' : isProxyError && error.code === 'ETIMEDOUT' ? 'timeout' : 'network';
      const unsent = isProxyError || failures(error).every(({ syscall }) => CONNECT_CALLS.includes(syscall ?? ''));
      fail(new Kind(`${what}: cannot reach ${request.url.origin} (${reason})`, { code, unsent, cause: error }));
    };
    const deadline = setTimeout(timedOut, timeoutMs * 10);
    request.signal?.addEventListener('abort', abort, { once: true });
    outgoing.on('timeout', timedOut);
    outgoing.on('error', broken);
    outgoing.on('response', (incoming) => {
      answered = true;
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > maxResponseBytes) {
          const message = `${what}: the response is larger than ${maxResponseBytes} bytes`;
          fail(new ConfidantError(message, { code: 'response_too_large', status: incoming.statusCode ?? 0 }));
        }
      });
      incoming.on('error', broken);
      incoming.on('end', () =>
        settle(() =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: flatten(incoming.headers),
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        ),
      );
    });
    if (request.signal?.aborted) abort();
    else outgoing.end(request.body);
  });
}

function flatten(headers: Http.IncomingHttpHeaders): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}
