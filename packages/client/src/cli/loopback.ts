import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Listens on this machine for a browser that brings a code back (RFC 8252). */
export interface Loopback {
  port: number;
  /**
   * Waits for the code that comes with `state`, gives it to `take`, and tells the browser how that ended. Resolves with
   * what `take` answers and rejects with what it rejects with; undefined when nothing came in time.
   */
  receive<T>(state: string, take: (code: string) => Promise<T>, timeoutMs: number): Promise<T | undefined>;
  close(): void;
}

/** Listens on 127.0.0.1, on a port that is free. */
export async function listenOnLoopback(): Promise<Loopback> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 });
  server.maxConnections = 20;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    receive(state, take, timeoutMs) {
      return new Promise((resolve, reject) => {
        let taken = false;
        const timer = setTimeout(() => resolve(undefined), timeoutMs);
        server.on('request', (request, response) => {
          const code = readCode(request.method, request.headers.host, request.url ?? '', port, state);
          if (code === undefined || taken) {
            answer(response, 404, 'Nothing to see', 'This address works once, for the login that began it.');
            return;
          }
          taken = true;
          clearTimeout(timer);
          take(code).then(
            (value) => {
              answer(response, 200, 'Logged in', 'Your command line is logged in. You can close this page.');
              resolve(value);
            },
            (error: unknown) => {
              answer(response, 502, 'Not logged in', 'The login failed. Your terminal says why.');
              reject(error instanceof Error ? error : new Error('failed'));
            },
          );
        });
      });
    },
    close() {
      server.close();
      // What is being answered may end; a browser that keeps its connection open holds nothing.
      server.closeIdleConnections();
    },
  };
}

/** The code of a request that names this very address and the state; undefined for every other. */
function readCode(
  method: string | undefined,
  host: string | undefined,
  address: string,
  port: number,
  state: string,
): string | undefined {
  // Another name that resolves to this machine is somebody's page.
  if (method !== 'GET' || host !== `127.0.0.1:${port}` || !address.startsWith('/?')) return undefined;
  const query = new URLSearchParams(address.slice(2));
  const given = Buffer.from(query.get('state') ?? '');
  const expected = Buffer.from(state);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  return query.get('code') ?? undefined;
}

const STYLE =
  ':root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{margin:4rem auto;max-width:26rem;padding:0 1rem}';
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

function answer(response: ServerResponse, status: number, title: string, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'`,
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    connection: 'close',
  });
  response.end(
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title} · Confidant</title><style>${STYLE}</style><h1>${title}</h1><p>${text}</p></html>`,
  );
}
