import { gzipSync } from 'node:zlib';
import { directory } from '@confidant/web';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readWebApp } from '../../src/compose/web-app.js';
import { startServer, type TestServer } from '../harness/server.js';

let confidant: TestServer;
beforeAll(async () => {
  confidant = await startServer({
    USER_AUTH_MODULE: 'header',
    HEADER_AUTH_EMAIL_HEADER: 'x-email',
    HEADER_AUTH_USERNAME_HEADER: 'x-name',
  });
});
afterAll(() => confidant?.stop());

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${confidant.url}${path}`, { redirect: 'manual', headers });
const PERSON = { 'x-email': 'alice@example.com', 'x-name': 'alice' };

describe('the page', () => {
  test.each(['/', '/credentials', '/credentials/abc?q=1', '/blind/x', '/services', '/services/a%20b', '/rotation'])(
    'of %s goes to a person who is logged in, is not kept, and may run nothing but its own files',
    async (path) => {
      const answer = await get(path, PERSON);
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
      const policy = answer.headers.get('content-security-policy')!;
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("require-trusted-types-for 'script'; trusted-types 'none'");
      const html = await answer.text();
      expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/);
    },
  );

  test('goes to nobody else: a stranger is led to the login and back to the address that was wanted', async () => {
    const answer = await get('/services/web?view=a&b=c');
    expect([answer.status, answer.headers.get('location')]).toEqual([
      302,
      `/loggedout?next=${encodeURIComponent('/services/web?view=a&b=c')}`,
    ]);
    const page = await (await get(answer.headers.get('location')!)).text();
    expect(page).toContain(
      `href="/v1/login?next=${encodeURIComponent('/services/web?view=a&amp;b=c').replaceAll('%26amp%3B', '%26')}"`,
    );
    expect((await get('/credentials')).status).toBe(302);
  });

  test.each(['https://evil.example', '//evil.example', '/v1/saml/logout', '/\\evil.example'])(
    'never leads to %s after the login',
    async (next) => {
      const page = await (await get(`/loggedout?next=${encodeURIComponent(next)}`)).text();
      expect(page).toContain('href="/v1/login"');
    },
  );
});

test.each(['cross-site', 'same-site'])(
  'a page of another site (%s) reads nothing in the name of a person who is logged in',
  async (site) => {
    const answer = await get('/v1/credentials', { ...PERSON, 'sec-fetch-site': site });
    expect([answer.status, answer.headers.get('x-confidant-error')]).toEqual([401, 'csrf']);
    for (const own of ['same-origin', 'none']) {
      expect((await get('/v1/credentials', { ...PERSON, 'sec-fetch-site': own })).status).toBe(200);
    }
  },
);

describe('a file', () => {
  const app = readWebApp(directory);
  const [script] = [...app.assets.keys()].filter((name) => name.endsWith('.js'));

  test('may be kept for ever, compressed where the browser takes that, and is the same either way', async () => {
    const path = `/assets/app/${script}`;
    const plain = await fetch(`${confidant.url}${path}`, { headers: { 'accept-encoding': 'identity' } });
    const small = await fetch(`${confidant.url}${path}`, { headers: { 'accept-encoding': 'gzip' } });
    expect([plain.status, plain.headers.get('content-encoding')]).toEqual([200, null]);
    expect([small.status, small.headers.get('content-encoding')]).toEqual([200, 'gzip']);
    for (const { headers } of [plain, small]) {
      expect(headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(headers.get('content-type')).toBe('text/javascript; charset=utf-8');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
    expect(await small.text()).toBe(await plain.text());
  });

  test.each(['/assets/app/index-old.js', '/assets/app/', '/assets/app/..%2findex.html', '/assets/app/%00'])(
    'that is not there (%s) is 404 and kept by nobody',
    async (path) => {
      const answer = await get(path);
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([404, 'no-store']);
    },
  );

  test('is within the budget of its kind, and what the first list loads within its own', () => {
    const page = app.page.toString();
    const size = (isCounted: (name: string) => boolean): number =>
      [...app.assets]
        .filter(([name]) => isCounted(name))
        .reduce((sum, [, { plain }]) => sum + gzipSync(plain).length, 0);
    // What the page itself names is loaded for the first list; the rest when its place is opened.
    expect(size((name) => name.endsWith('.js') && page.includes(name))).toBeLessThan(165_000);
    expect(size((name) => name.endsWith('.js'))).toBeLessThan(300_000);
    expect(size((name) => name.endsWith('.css'))).toBeLessThan(12_000);
    expect([...app.assets.keys()].filter((name) => name.endsWith('.woff2'))).toHaveLength(2);
  });
});
