import { existsSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issueLoginLink, redeemLoginLink } from '../../src/embedded/login-link.js';
import { admin } from '../admin/run-admin.js';
import { freePort } from '../harness/free-port.js';
import { startServer, type TestServer } from '../harness/server.js';
import { type Visit, Visitor } from './visitor.js';

let confidant: TestServer;
beforeAll(async () => {
  confidant = await startServer({ SESSION_SECRET: '' });
});
afterAll(() => confidant?.stop());

function redeem(secret: string, headers: Record<string, string> = {}): Promise<Visit & { visitor: Visitor }> {
  const visitor = new Visitor(confidant.url);
  return visitor
    .go('/v1/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: confidant.url, ...headers },
      body: JSON.stringify({ secret }),
    })
    .then((visit) => ({ ...visit, visitor }));
}

describe('the one-time link', () => {
  test('logs in the person who runs the server, once', async () => {
    const secret = issueLoginLink(confidant.dataDir);
    const first = await redeem(secret);
    expect([first.status, first.text]).toEqual([200, '{"location":"/"}']);
    expect((await first.visitor.go('/v1/user/email')).status).toBe(200);
    expect((await redeem(secret)).status).toBe(401);
  });

  test('leads to the page that was asked for before, once', async () => {
    const wanted = '/services/web?tab=keys';
    for (const path of ['/loggedout', '/v1/login', '/login']) {
      const visitor = new Visitor(confidant.url);
      await visitor.go(`${path}?next=${encodeURIComponent(wanted)}`);
      const post = async (): Promise<string> => {
        const body = JSON.stringify({ secret: issueLoginLink(confidant.dataDir) });
        const headers = { 'content-type': 'application/json', origin: confidant.url };
        return (await visitor.go('/v1/login', { method: 'POST', headers, body })).text;
      };
      expect(await post()).toBe(JSON.stringify({ location: wanted }));
      expect(await post()).toBe('{"location":"/"}');
      // What the browser brings is no more trusted than an address.
      visitor.jar().set('confidant_session_next', Buffer.from('https://evil.example/').toString('base64url'));
      expect(await post()).toBe('{"location":"/"}');
    }
  });

  test('leads back to the page that authorizes a command line', async () => {
    const visitor = new Visitor(confidant.url);
    const page = `/cli?challenge=${'a'.repeat(43)}`;
    expect((await visitor.go(page)).status).toBe(401);
    const body = JSON.stringify({ secret: issueLoginLink(confidant.dataDir) });
    const headers = { 'content-type': 'application/json', origin: confidant.url };
    expect((await visitor.go('/v1/login', { method: 'POST', headers, body })).text).toBe(
      JSON.stringify({ location: page }),
    );
  });

  test('logs in for good, whatever cookies of the same names a sibling domain has set', async () => {
    const { visitor } = await redeem(issueLoginLink(confidant.dataDir));
    const session = visitor.jar().get('confidant_session')!;
    const token = visitor.jar().get('XSRF-TOKEN')!;
    const go = (cookies: string[], init: RequestInit = {}) =>
      visitor.go('/v1/user/email', { ...init, headers: { ...init.headers, cookie: cookies.join('; ') } });
    const ours = `confidant_session=${session}`;
    for (const junk of ['junk', '', session.slice(1), `${session}x`]) {
      expect((await go([`confidant_session=${junk}`, ours])).status).toBe(200);
      expect((await go([ours, `confidant_session=${junk}`])).status).toBe(200);
      expect((await go([`confidant_session=${junk}`])).status).toBe(401);
    }
    const logOut = (sent: string) =>
      visitor.go('/v1/logout', {
        method: 'POST',
        headers: { cookie: `confidant_session=junk; ${ours}`, 'x-xsrf-token': sent },
      });
    expect((await logOut('junk more')).status).toBe(401);
    expect((await logOut(`junk ${token}`)).status).toBe(200);
    expect((await go([ours])).status).toBe(401);
  });

  test('keeps the person logged in and gives 503 when a logout cannot be recorded', async () => {
    const { visitor } = await redeem(issueLoginLink(confidant.dataDir));
    const copy = visitor.jar().get('confidant_session');
    const logOut = () => visitor.post('/v1/logout', { xsrf: visitor.jar().get('XSRF-TOKEN')! });
    const holder = new DatabaseSync(join(confidant.dataDir, 'sessions.db'));
    holder.exec('BEGIN IMMEDIATE');
    expect((await logOut()).status).toBe(503);
    expect(visitor.jar().get('confidant_session')).toBe(copy);
    holder.close();
    expect((await logOut()).location).toBe('/loggedout');
    expect(visitor.jar().get('confidant_session') ?? '').toBe('');
  });

  test('lets in exactly one of several requests at the same moment', async () => {
    const secret = issueLoginLink(confidant.dataDir);
    const statuses = (await Promise.all(Array.from({ length: 8 }, () => redeem(secret)))).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 401, 401, 401, 401, 401, 401, 401]);
  });

  test('is refused when guessed, replaced by a newer one, or ten minutes old', async () => {
    const older = issueLoginLink(confidant.dataDir);
    const secret = issueLoginLink(confidant.dataDir);
    expect((await redeem(older)).status).toBe(401);
    expect((await redeem(`${secret.slice(0, -4)}AAAA`)).status).toBe(401);
    expect(redeemLoginLink(confidant.dataDir, secret, Date.now() + 10 * 60_000)).toBe(false);
    expect(redeemLoginLink(confidant.dataDir, secret, Date.now() + 9 * 60_000)).toBe(true);
  });

  test('is refused from another page, through a proxy, and by a name that resolves to loopback', async () => {
    const secret = issueLoginLink(confidant.dataDir);
    expect((await redeem(secret, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await redeem(secret, { origin: '' })).status).toBe(403);
    expect((await redeem(secret, { 'x-forwarded-for': '127.0.0.1' })).status).toBe(403);
    for (const host of ['evil.example', '127.evil.example', '127.0.0.1.evil.example', '0.0.0.0']) {
      expect([host, await raw(confidant.url, host, secret)]).toEqual([host, expect.stringMatching(/^HTTP\/1.1 403 /)]);
    }
    expect((await redeem(secret)).status).toBe(200);
  });

  test('logs in at every loopback address and at localhost', async () => {
    for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', '[::1]']) {
      const answer = await raw(confidant.url, host, issueLoginLink(confidant.dataDir));
      expect([host, answer]).toEqual([host, expect.stringMatching(/^HTTP\/1.1 200 /)]);
    }
  });

  test('is in the data directory only as a digest that this user alone can read, and in no log', async () => {
    const secret = issueLoginLink(confidant.dataDir);
    await redeem(secret);
    for (const file of ['session-secret']) {
      expect(statSync(join(confidant.dataDir, file)).mode & 0o777).toBe(0o600);
    }
    expect(confidant.log()).not.toContain(secret);
  });

  test('opens a page with only an external script, which removes the secret from the address', async () => {
    const visitor = new Visitor(confidant.url);
    const page = await visitor.go('/login');
    expect(page.text).toContain('src="/assets/login.js"');
    expect(page.text).not.toMatch(/<script>|style=|onload/);
    expect((await visitor.go('/assets/login.js')).text).toContain('history.replaceState');
    expect((await visitor.go('/v1/login')).location).toBe('/login');
  });

  test('works for a second link opened in the same tab, and shows the error of the server', async () => {
    const script = (await new Visitor(confidant.url).go('/assets/login.js')).text;
    const answers = [
      { ok: false, status: 401, body: { error: 'Authentication failed.' } },
      { ok: false, status: 429, body: { error: 'Too many requests.' } },
      { ok: true, status: 200, body: { location: '/' } },
    ];
    const sent: string[] = [];
    const page = {
      listeners: new Map<string, () => Promise<void>>(),
      status: { textContent: '' },
      location: { hash: '#first', pathname: '/login', replace: (to: string) => (page.status.textContent = `at ${to}`) },
      history: { replaceState: () => (page.location.hash = '') },
      document: { getElementById: () => page.status },
      addEventListener: (name: string, listener: () => Promise<void>) => page.listeners.set(name, listener),
      fetch: (_: string, { body }: { body: string }) => {
        sent.push((JSON.parse(body) as { secret: string }).secret);
        const { body: answer, ...rest } = answers.shift()!;
        return Promise.resolve({ ...rest, json: () => Promise.resolve(answer) });
      },
    };
    const { listeners, status, ...globals } = page;
    runInNewContext(script, globals);
    await expect.poll(() => status.textContent).toContain('has been used or has expired');
    for (const [hash, text] of [
      ['#second', 'Too many requests.'],
      ['#third', 'at /'],
    ] as const) {
      globals.location.hash = hash;
      void listeners.get('hashchange')!();
      await expect.poll(() => status.textContent).toBe(text);
    }
    // Removing the secret from the address does not count as another link.
    expect(sent).toEqual(['first', 'second', 'third']);
  });

  describe('can be made again by confidant-admin login-link', () => {
    const clientFile = (url: string) =>
      writeFileSync(join(confidant.dataDir, 'client.yaml'), `default:\n  url: ${url}\n`, { mode: 0o600 });
    const link = (more: Record<string, string> = {}) =>
      admin(['login-link'], { CONFIDANT_DATA_DIR: confidant.dataDir, ...more });

    test('for the address that the server wrote, whatever PORT says', async () => {
      clientFile(confidant.url);
      const { exitCode, out } = await link({ PORT: '9' });
      expect([exitCode, out.split('#')[0]]).toEqual([0, `${confidant.url}/login`]);
      expect((await redeem(/#([\w-]+)/.exec(out)![1]!)).status).toBe(200);
    });

    test('but not where no server has run: the command says so and makes nothing', async () => {
      const elsewhere = join(confidant.dataDir, 'elsewhere');
      const { exitCode, err } = await link({ CONFIDANT_DATA_DIR: elsewhere });
      expect([exitCode, err]).toEqual([1, expect.stringContaining('start it, or set CONFIDANT_DATA_DIR')]);
      expect(existsSync(elsewhere)).toBe(false);
    });

    test('but not while no server responds there, and the previous link keeps working', async () => {
      const secret = issueLoginLink(confidant.dataDir);
      clientFile(`http://127.0.0.1:${await freePort()}`);
      const { exitCode, out, err } = await link();
      expect([exitCode, out, err]).toEqual([1, '', expect.stringContaining('no server answers at http://127.0.0.1:')]);
      expect((await redeem(secret)).status).toBe(200);
    });
  });
});

/** A request with any Host, which fetch cannot send. */
function raw(url: string, host: string, secret: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const body = JSON.stringify({ secret });
  return new Promise((resolve, reject) => {
    let answer = '';
    // The socket is not ended here: Node's server might then end its side before it has responded.
    const socket = connect(Number(port), hostname, () =>
      socket.write(
        `POST /v1/login HTTP/1.1\r\nHost: ${host}\r\nOrigin: http://${host}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      ),
    );
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('end', () => resolve(answer)).on('error', reject);
  });
}
