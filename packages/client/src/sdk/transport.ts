import { readFileSync } from 'node:fs';
import type * as Http from 'node:http';
import type * as Https from 'node:https';
import { createRequire } from 'node:module';
import { ConfidantError } from './errors.js';
import { MAX_SECONDS } from './config/limits.js';
import { proxyAgent } from './proxy.js';

/**
 * `import` of node:http makes an object of all it exports, and for that Node 22 loads its WebSocket too: that takes
 * longer than most commands run. The second way is for Node before 20.16; bundles in CommonJS have no `import.meta.url`.
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
  /** Called whenever the request is about to be sent: again when a kept connection turns out to be closed. */
  onSend?: () => void;
}

export interface TransportResponse {
  status: number;
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  text: string;
}

/**
 * Carries one request, once. Rejects with {@link ConfidantError} of code `network`, `timeout`, `aborted` or
 * `response_too_large`; every HTTP status is an answer. Follows no redirect.
 */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>;

export interface NodeTransportOptions {
  /** To connect, and between two signs of life; a whole exchange may take ten times that. At most a day. */
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
 * {@link Transport} over node:http with kept-alive connections, through the proxy of the environment where it names
 * one. Throws when `caFile` can not be read, and RangeError for a `timeoutMs` that is none.
 */
export function nodeTransport(options: NodeTransportOptions): Transport & { close(): void } {
  if (!(options.timeoutMs > 0 && options.timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new RangeError(`timeoutMs must be above 0 and at most ${MAX_TIMEOUT_MS}`);
  }
  const agentOptions = { keepAlive: true, maxSockets: options.maxSockets ?? 20, timeout: options.timeoutMs };
  const plain = new http.Agent(agentOptions);
  const ca = options.caFile === undefined ? {} : { ca: readFileSync(options.caFile) };
  // Said aloud, because NODE_TLS_REJECT_UNAUTHORIZED in the environment would switch it off.
  const verified = { ...ca, rejectUnauthorized: true };
  const tls = new Map<string, Https.Agent>();
  const begin: Begin = (url, how) => {
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
      return await exchange(request, begin, options);
    } catch (error) {
      // The server closed an idle connection while we took it up: this says nothing about the server.
      if (error instanceof StaleConnection && request.method !== 'POST') return exchange(request, begin, options);
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

/** Starts a request over the connections of its protocol. */
type Begin = (url: URL, how: Http.RequestOptions) => Http.ClientRequest;

/** Codes of Node for what it finds wrong with a certificate (as OpenSSL names it), and for an answer that is no TLS. */
const OF_TLS =
  /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_(CA|PURPOSE)|HOSTNAME_)/;

class StaleConnection extends ConfidantError {}

/** What Node was doing when a connection could not be made. */
const OF_CONNECTING = ['connect', 'getaddrinfo'];

/** A host with several addresses fails at each of them. */
function failures(error: Error): readonly NodeJS.ErrnoException[] {
  return error instanceof AggregateError ? (error.errors as NodeJS.ErrnoException[]) : [error];
}

function exchange(request: TransportRequest, begin: Begin, options: NodeTransportOptions): Promise<TransportResponse> {
  const { timeoutMs, maxResponseBytes = 64 * 1024 * 1024 } = options;
  const what = `${request.method} ${request.url.pathname}`;
  return new Promise((resolve, reject) => {
    let answered = false;
    request.onSend?.();
    const outgoing = begin(request.url, {
      method: request.method,
      timeout: timeoutMs,
      headers: {
        ...request.headers,
        ...(request.method === 'GET' ? {} : { 'content-length': String(Buffer.byteLength(request.body ?? '')) }),
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
      fail(new ConfidantError(`${what}: no answer from ${request.url.origin} in time`, { code: 'timeout' }));
    const abort = (): void => fail(new ConfidantError(`${what}: aborted`, { code: 'aborted' }));
    const broken = (error: NodeJS.ErrnoException): void => {
      const isStale = outgoing.reusedSocket && !answered && error.code === 'ECONNRESET';
      const Kind = isStale ? StaleConnection : ConfidantError;
      // By its name: its class is loaded only where there is a proxy.
      const isProxys = error.name === 'ProxyError';
      const reason = isProxys ? error.message : (error.code ?? error.message);
      const isTls = !isProxys && OF_TLS.test(error.code ?? '');
      const code = isTls ? 'untrusted' : isProxys && error.code === 'ETIMEDOUT' ? 'timeout' : 'network';
      const unsent = isProxys || failures(error).every(({ syscall }) => OF_CONNECTING.includes(syscall ?? ''));
      fail(new Kind(`${what}: can not reach ${request.url.origin} (${reason})`, { code, unsent, cause: error }));
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
          const message = `${what}: the answer is larger than ${maxResponseBytes} bytes`;
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
