import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What to do with the codes that browsers bring. */
export interface Reception<T> {
  /** Exchanges a code. Resolves to undefined if it is not a code of this login; then another may follow. */
  take(code: string): Promise<T | undefined>;
  /** Called for a refused code, with the number of tries that are left. */
  refused(left: number): void;
  tries: number;
  timeoutMs: number;
}

/** A server on this machine to which the browser brings the code of a login (RFC 8252). */
export interface Loopback {
  port: number;
  /**
   * Waits for a code that comes with `state` and that `take` accepts. Resolves to the result of `take`, or to undefined
   * if there was none in time or within `tries`; rejects as `take` does. The browser gets its response first.
   */
  receive<T>(state: string, reception: Reception<T>): Promise<T | undefined>;
  /** Stops the server and ends all connections, also those that others keep open. */
  close(): void;
}

/** Starts a server on a free port of 127.0.0.1. */
export async function listenOnLoopback(): Promise<Loopback> {
  const server = createServer({ requestTimeout: 5000, headersTimeout: 5000, connectionsCheckingInterval: 1000 });
  server.maxConnections = 200;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    receive<T>(state: string, { take, refused, tries, timeoutMs }: Reception<T>) {
      let timer: NodeJS.Timeout | undefined;
      return new Promise<T | undefined>((resolve, reject) => {
        let left = tries;
        let isBusy = false;
        timer = setTimeout(() => resolve(undefined), timeoutMs);
        const judge = async (code: string, response: ServerResponse): Promise<void> => {
          left -= 1;
          const taken = await take(code);
          if (taken !== undefined) {
            await answer(response, 200, 'Logged in', 'Your command line is logged in. You can close this page.');
            resolve(taken);
            return;
          }
          refused(left);
          await answer(
            response,
            401,
            'Not logged in',
            left > 0
              ? 'The letters do not match those in your terminal. Go back to the page, reload it and type them again.'
              : 'Start again in your terminal.',
          );
          if (left <= 0) resolve(undefined);
        };
        server.on('request', (request, response) => {
          const code = readCode(request.method, request.headers.host, request.url ?? '', port, state);
          if (code === undefined || isBusy || left <= 0) {
            void answer(response, 404, 'Not found', 'This address works only for the login that opened it.');
            return;
          }
          isBusy = true;
          judge(code, response)
            .catch(async (error: unknown) => {
              left = 0;
              await answer(response, 502, 'Not logged in', 'The login failed. Your terminal says why.');
              reject(error instanceof Error ? error : new Error('failed'));
            })
            .finally(() => {
              isBusy = false;
            });
        });
      }).finally(() => {
        clearTimeout(timer);
        server.removeAllListeners('request');
      });
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The code in a request to exactly this address with the right state; undefined for any other request. */
function readCode(
  method: string | undefined,
  host: string | undefined,
  address: string,
  port: number,
  state: string,
): string | undefined {
  // Any other host name that resolves to this machine belongs to somebody else's page.
  if (method !== 'GET' || host !== `127.0.0.1:${port}` || !address.startsWith('/?')) return undefined;
  const query = new URLSearchParams(address.slice(2));
  const received = Buffer.from(query.get('state') ?? '');
  const expected = Buffer.from(state);
  if (received.length !== expected.length || !timingSafeEqual(received, expected)) return undefined;
  return query.get('code') ?? undefined;
}

const STYLE =
  ':root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{margin:4rem auto;max-width:26rem;padding:0 1rem}';
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Resolves when the response has been sent, or the browser is gone. */
function answer(response: ServerResponse, status: number, title: string, text: string): Promise<void> {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'`,
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    connection: 'close',
  });
  const sent = new Promise<void>((resolve) => response.once('finish', resolve).once('close', resolve));
  response.end(
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title} · Confidant</title><style>${STYLE}</style><h1>${title}</h1><p>${text}</p></html>`,
  );
  return sent;
}
