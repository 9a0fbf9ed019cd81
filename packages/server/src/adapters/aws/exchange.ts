import type * as http from 'node:http';
import type * as https from 'node:https';
import type { Socket } from 'node:net';
import { ResponseTooLong, readResponse } from '../read-response.js';

/** A failure that another attempt may repair. If it does not, this is the `cause` of the BackendUnavailable. */
export class Transient extends Error {
  constructor(
    message: string,
    /** A kept-alive connection was closed by the other side: the next attempt need not wait. */
    readonly isStaleConnection = false,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The destination of requests, and their time limits. */
export interface ExchangeOptions {
  transport: typeof http | typeof https;
  hostname: string;
  port: number;
  path: string;
  connectTimeoutMs: number;
  /** Time limit for one whole response, counted from when the connection is ready. */
  readTimeoutMs: number;
  maxResponseBytes: number;
  /** The socket's event that reports that the connection is ready. */
  connectedEvent: 'connect' | 'secureConnect';
  /** ` through the proxy proxy.corp:3128`, for messages; empty without a proxy. */
  through: string;
}

/** The connections that are ready for use, with TLS. */
const readySockets = new WeakSet<Socket>();

/**
 * Sends one POST request and reads its whole response by `deadline`, on the clock of `performance.now()`. Rejects with
 * {@link Transient} when there is no response.
 */
export function exchange(
  options: ExchangeOptions,
  agent: http.Agent,
  headers: Record<string, string>,
  body: string,
  deadline: number,
): Promise<{ status: number; text: string }> {
  const { transport, hostname, port, path, connectTimeoutMs, readTimeoutMs } = options;
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(asTransient(error, request.reusedSocket));
      request.destroy();
    };
    /** Replaces the time limit; the deadline holds whatever the limit. */
    const allow = (limitMs: number, missing: string): void => {
      clearTimeout(timer);
      const leftMs = Math.min(limitMs, deadline - performance.now());
      timer = setTimeout(() => fail(new Transient(`${missing} within ${Math.round(leftMs)} ms`)), Math.max(0, leftMs));
    };
    const request = transport.request({ method: 'POST', hostname, port, path, headers, agent });
    allow(Infinity, `no free connection${options.through}`);
    request.on('socket', (socket) => {
      // socket.connecting is not enough: it says nothing about TLS, or about a connection through a proxy.
      if (readySockets.has(socket)) return allow(readTimeoutMs, 'no answer');
      allow(connectTimeoutMs, `no connection${options.through}`);
      socket.once(options.connectedEvent, () => {
        readySockets.add(socket);
        allow(readTimeoutMs, 'no answer');
      });
    });
    request.on('error', fail);
    request.on('response', (response) => {
      readResponse(response, options.maxResponseBytes).then((content) => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, text: content.toString('utf8') });
      }, fail);
    });
    request.end(body);
  });
}

function asTransient(error: Error, isReused: boolean): Transient {
  if (error instanceof Transient) return error;
  if (error instanceof ResponseTooLong) return new Transient(error.message);
  return new Transient('the connection failed', isReused && isReset(error), { cause: error });
}

function isReset(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}
