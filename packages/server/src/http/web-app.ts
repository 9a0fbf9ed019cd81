import type { FastifyInstance } from 'fastify';
import { Refusal } from '../domain/refusal.js';
import type { LoginOptions } from './login-options.js';
import { PAGE, redirect } from './replies.js';
import { DATA_HEADERS, PAGE_HEADERS } from './security.js';

/** The addresses that the web application answers in the browser. */
const ADDRESSES = ['/', '/credentials', '/credentials/*', '/blind/*', '/services', '/services/*', '/rotation'];

/** Names hold a hash of the content, so a browser may keep a file for as long as it likes. */
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** A file of the application. */
export interface Asset {
  /** Its media type. */
  type: string;
  plain: Buffer;
  /** Undefined where compression gains nothing. */
  gzip: Buffer | undefined;
}

/** The built web application: its page, and by name the files that the page loads. */
export interface WebApp {
  page: Buffer;
  /** The stylesheet, which the server's own pages share. */
  style: Buffer;
  assets: ReadonlyMap<string, Asset>;
}

/**
 * Registers the application's addresses and files. The page goes only to somebody who is logged in; others are asked to
 * log in first, and come back to the address that they wanted. Its files hold nothing of anybody.
 */
export function registerWebApp(server: FastifyInstance, { module, authentication }: LoginOptions, app: WebApp): void {
  for (const address of ADDRESSES) {
    server.get(address, PAGE, async (request, reply) => {
      const isIn = module.kind === 'no-authentication' || (await authentication.loggedIn(request, reply)) !== undefined;
      if (!isIn) return redirect(reply, `/loggedout${wanted(request.raw.url)}`);
      return reply.headers(PAGE_HEADERS).header('content-type', 'text/html; charset=utf-8').send(app.page);
    });
  }
  server.get('/assets/pages.css', async (_request, reply) =>
    reply
      .headers({ ...DATA_HEADERS, 'cache-control': 'no-cache' })
      .header('content-type', 'text/css; charset=utf-8')
      .send(app.style),
  );
  server.get('/assets/app/:name', async (request, reply) => {
    const asset = app.assets.get((request.params as { name: string }).name);
    // Not found is not kept by caches: after an upgrade the name may be right elsewhere.
    if (asset === undefined) throw new Refusal('route_not_found');
    reply.headers(DATA_HEADERS).headers({ 'cache-control': IMMUTABLE, vary: 'accept-encoding' });
    reply.header('content-type', asset.type);
    const accepts = request.headers['accept-encoding'] ?? '';
    if (asset.gzip === undefined || !/\bgzip\b(?!\s*;\s*q=0(?:\.0+)?\s*(?:,|$))/i.test(accepts))
      return reply.send(asset.plain);
    return reply.header('content-encoding', 'gzip').send(asset.gzip);
  });
}

/** What the login page is told of the address that was wanted; nothing of the first page. */
function wanted(url: string | undefined): string {
  return url === undefined || url === '/' ? '' : `?next=${encodeURIComponent(url)}`;
}
