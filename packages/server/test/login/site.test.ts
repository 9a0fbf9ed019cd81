import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dangers } from '../../src/config/notices.js';
import { readSettings } from '../../src/config/parse.js';
import { faultsOf, startServer, type TestServer } from '../harness/server.js';

interface Recording {
  group: string;
  name: string;
  request: { method: string; path: string; headers: Record<string, string> };
  response: { status: number; headers: [string, string][] };
}

const recordings = readFileSync(new URL('../../../../test/golden/http.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Recording);

let server: TestServer;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-custom-'));
  for (const name of ['modules', 'styles', 'images']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'modules', 'mine.js'), 'export {};');
  writeFileSync(join(folder, 'styles', 'mine.css'), 'a{}');
  writeFileSync(join(folder, 'secret.txt'), 'not for you');
  server = await startServer({ USER_AUTH_MODULE: 'google' });
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('pages and files, as recorded', () => {
  for (const { name, request, response } of recordings.filter(({ group }) => group === 'static')) {
    test(name, async () => {
      const as = request.headers['Authorization'] === undefined ? null : 'user:alice';
      const answer = await server.call(as, request.method, request.path);
      expect(answer.status).toBe(response.status);
      const recorded = Object.fromEntries(response.headers);
      if (recorded['Location'] !== undefined) {
        expect(answer.headers.get('location')).toBe(new URL(recorded['Location']).pathname);
      }
      if (name.endsWith('.txt')) expect(answer.headers.get('cache-control')).toBe(recorded['Cache-Control']);
    });
  }

  test('SAML routes under another module get 404, the debug page 403, and the logout leads to /loggedout (bug 25)', async () => {
    const statuses = await Promise.all(
      [
        ['GET', '/v1/saml/login'],
        ['GET', '/v1/saml/metadata'],
        ['POST', '/v1/saml/consume'],
        ['GET', '/v1/saml/debug'],
        ['GET', '/v1/saml/logout'],
      ].map(async ([method, path]) => (await server.call(null, method!, path!)).status),
    );
    expect(statuses).toEqual([404, 404, 404, 403, 302]);
  });

  test('the login gets 404 while no login is configured', async () => {
    expect((await server.call(null, 'GET', '/v1/login')).status).toBe(404);
  });

  test('/loggedout offers a login only where there is one', async () => {
    const page = (await server.call(null, 'GET', '/loggedout')).text;
    expect(page).toContain('No login for people is configured');
    expect(page).not.toContain('href="/v1/login');
    const open = await startServer({ USE_AUTH: 'false' });
    const openPage = (await open.call(null, 'GET', '/loggedout')).text;
    expect(openPage).toContain('Authentication is off');
    expect(openPage).not.toContain('href="/v1/login');
    await open.stop();
  });

  test('a wrong method gets 405, which names the allowed methods', async () => {
    const answer = await server.call(null, 'PUT', '/v1/login');
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST']);
  });
});

describe('custom files', () => {
  test('are for authenticated callers; missing modules are empty, and nothing outside the folder is served', async () => {
    const custom = await startServer({ CUSTOM_FRONTEND_DIRECTORY: folder });
    const get = (path: string, as: string | null = 'user:alice') => custom.call(as, 'GET', path);
    expect((await get('/custom/modules/mine.js', null)).status).toBe(401);
    expect((await get('/custom/modules/mine.js')).text).toBe('export {};');
    expect((await get('/custom/styles/mine.css')).headers.get('content-type')).toContain('text/css');
    expect([(await get('/custom/modules/other.js')).status, (await get('/custom/modules/other.js')).text]).toEqual([
      200,
      '',
    ]);
    expect((await get('/custom/images/none.png')).status).toBe(404);
    for (const path of ['..%2fsecret.txt', '%2e%2e%2fsecret.txt', '..%5csecret.txt', '%2fetc%2fpasswd', '.', '']) {
      const answer = await get(`/custom/styles/${path}`);
      expect([path, answer.status]).toEqual([path, 404]);
    }
    await custom.stop();
  });

  test('are not found when they are hidden, folders, or links that lead outside', async () => {
    writeFileSync(join(folder, 'styles', '.env'), 'not for you');
    mkdirSync(join(folder, 'styles', '.git'));
    writeFileSync(join(folder, 'styles', '.git', 'config'), 'not for you');
    mkdirSync(join(folder, 'styles', 'deep'));
    writeFileSync(join(folder, 'styles', 'deep', 'index.html'), 'no page');
    symlinkSync(join(folder, 'secret.txt'), join(folder, 'styles', 'linked.css'));
    symlinkSync('.env', join(folder, 'styles', 'hidden.css'));
    symlinkSync('mine.css', join(folder, 'styles', 'other.css'));
    const custom = await startServer({ CUSTOM_FRONTEND_DIRECTORY: folder });
    const get = (path: string) => custom.call('user:alice', 'GET', `/custom/styles/${path}`);
    for (const path of ['.env', '.git/config', 'deep', 'deep/', 'linked.css', 'hidden.css', 'mine.css/', '..%00']) {
      const { status, text } = await get(path);
      expect([path, status, text.includes('not for you')]).toEqual([path, 404, false]);
    }
    expect((await get('other.css')).text).toBe('a{}');
    expect((await get('deep/index.html')).text).toBe('no page');
    await custom.stop();
  });
});

describe('HTTPS', () => {
  let secure: TestServer;
  beforeAll(async () => {
    secure = await startServer({ SSLIFY: 'true', FORWARDED_ALLOW_IPS: '10.0.0.1' });
  });
  afterAll(() => secure?.stop());

  test('is reached by a 302 to the same address, except for health checks', async () => {
    const answer = await secure.call('user:alice', 'GET', '/v1/user/email?x=1');
    const { host } = new URL(secure.url);
    expect([answer.status, answer.headers.get('location')]).toEqual([302, `https://${host}/v1/user/email?x=1`]);
    expect(answer.headers.has('strict-transport-security')).toBe(false);
    expect((await secure.call(null, 'GET', '/healthcheck')).status).toBe(200);
    expect((await secure.call(null, 'GET', '/healthcheck/live')).status).toBe(200);
    expect((await secure.call(null, 'GET', '/healthcheckx')).status).toBe(302);
  });

  test('behind a terminating proxy is recognized, and HSTS is sent (as recorded)', async () => {
    const answer = await secure.call('user:alice', 'GET', '/v1/user/email', undefined, {
      'x-forwarded-proto': 'https',
    });
    expect([answer.status, answer.headers.get('strict-transport-security')]).toEqual([200, 'max-age=31536000']);
  });

  test('is recognized however the proxy, or several of them, write it', async () => {
    for (const proto of ['HTTPS', 'Https', ' https ', 'https, http', 'https,http', 'HTTPS , https']) {
      const headers = { 'x-forwarded-proto': proto };
      expect([proto, (await secure.call('user:alice', 'GET', '/v1/user/email', undefined, headers)).status]).toEqual([
        proto,
        200,
      ]);
    }
    for (const proto of ['http', 'http, https', 'httpsx', '']) {
      const headers = { 'x-forwarded-proto': proto };
      expect([proto, (await secure.call('user:alice', 'GET', '/v1/user/email', undefined, headers)).status]).toEqual([
        proto,
        302,
      ]);
    }
  });

  test('is reached at names with underscores, or with a dot at their end', async () => {
    const open = await startServer({ SSLIFY: 'true', USER_AUTH_MODULE: 'google' });
    for (const host of ['confidant_web:8000', '_dmz.example', 'a_b.c-d', 'confidant.example.', 'localhost.:80']) {
      expect([host, await statusWithHost(open.url, host)]).toEqual([host, 302]);
    }
    await open.stop();
  });

  test('is not fooled by forged forwarding headers, neither in the redirect nor in the logged address', async () => {
    const spoofed = { 'x-forwarded-host': 'evil.example', 'x-forwarded-for': '203.0.113.7', 'x-forwarded-ssl': 'on' };
    const answer = await secure.call(null, 'GET', '/v1/credentials', undefined, spoofed);
    expect([answer.status, answer.headers.get('location')?.includes('evil')]).toEqual([302, false]);
    expect(secure.log()).not.toContain('203.0.113.7');
  });

  test('is not reached with a malformed Host, which gets 400', async () => {
    for (const host of ['evil.example/path', 'a b', 'user@evil.example', 'a..', '.', '-a', 'a?b', 'a#b', 'a:b']) {
      expect([host, await statusWithHost(secure.url, host)]).toEqual([host, 400]);
    }
  });

  test('is reached at PUBLIC_URL, whatever Host says; DEBUG switches the redirect off', async () => {
    const fixed = await startServer({ SSLIFY: 'true', PUBLIC_URL: 'https://confidant.example' });
    const answer = await fixed.call(null, 'GET', '/v1/credentials');
    expect(answer.headers.get('location')).toBe('https://confidant.example/v1/credentials');
    await fixed.stop();
    const debug = await startServer({ SSLIFY: 'true', DEBUG: 'true' });
    expect((await debug.call('user:alice', 'GET', '/v1/user/email')).status).toBe(200);
    await debug.stop();
  });
});

describe('headers of responses', () => {
  test('give pages a strict content policy, no frames, no referrer and no caching', async () => {
    const { headers } = await server.call(null, 'GET', '/loggedout');
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; .*frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'$/,
    );
    expect(headers.get('content-security-policy')).not.toMatch(/unsafe|\*|data:/);
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
    });
  });

  test('keep pages of other sites from embedding data', async () => {
    for (const path of ['/v1/credentials', '/healthcheck', '/assets/pages.css']) {
      const { headers } = await server.call(null, 'GET', path);
      expect([path, headers.get('cross-origin-resource-policy')]).toEqual([path, 'same-origin']);
    }
  });

  test('set no session for a token, and cookies sent with it are not read', async () => {
    const answer = await server.call('user:alice', 'GET', '/v1/user/email', undefined, {
      cookie: 'confidant_session=x',
    });
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([200, []]);
  });
});

describe('a server without login', () => {
  test('with USE_AUTH=false lets everybody in, on pages too, and warns at every start', async () => {
    const open = await startServer({ USE_AUTH: 'false' });
    expect((await open.call(null, 'GET', '/v1/user/email')).json).toEqual({ email: 'unauthenticated user' });
    expect((await open.call(null, 'GET', '/account')).text).toContain('Authentication is off');
    await open.stop();
    const { settings } = readSettings({ USE_AUTH: 'false', DEBUG: 'true' });
    expect(dangers(settings)).toHaveLength(2);
    expect(dangers(readSettings({}).settings)).toEqual([]);
  });

  test('gives 403 to names that resolve to loopback, when being on this machine is enough to get in', async () => {
    const everybody = { USE_AUTH: 'false', PUBLIC_URL: 'https://confidant.example' };
    for (const environment of [everybody, { USER_AUTH_MODULE: 'local' }]) {
      const open = await startServer(environment);
      const { port } = new URL(open.url);
      const status = (host: string) => statusWithHost(`${open.url}/v1/login`, host);
      for (const host of [
        'evil.example',
        `evil.example:${port}`,
        'localhost.evil.example',
        '127.0.0.1.evil.example',
        '127.evil.example',
        '0.0.0.0',
        '10.0.0.1',
      ]) {
        expect([host, await status(host)]).toEqual([host, 403]);
      }
      for (const host of [`localhost:${port}`, 'LOCALHOST', '127.0.0.1', '127.9.9.9:1', `[::1]:${port}`]) {
        expect([host, await status(host)]).toEqual([host, 302]);
      }
      expect(await status('confidant.example')).toBe(environment === everybody ? 302 : 403);
      const answer = await open.call(null, 'GET', '/v1/credentials', undefined, { 'x-forwarded-host': 'evil.example' });
      expect(answer.status).toBe(environment === everybody ? 200 : 401);
      await open.stop();
    }
    expect(await statusWithHost(`${server.url}/loggedout`, 'confidant.example')).toBe(200);
  });

  test('does not start with USE_AUTH=false or DEBUG beyond loopback, unless that is confirmed', () => {
    const production = { DYNAMODB_TABLE: 't', KMS_MASTER_KEY: 'k', AUTH_KEY: 'k', AUTH_CONTEXT: 'c', HOST: '0.0.0.0' };
    const settings = (more: Record<string, string>) =>
      faultsOf({ ...production, ...more }).map(({ setting }) => setting);
    expect(settings({})).toEqual([]);
    expect(settings({ USE_AUTH: 'false', DEBUG: 'true' })).toEqual(['USE_AUTH', 'DEBUG']);
    expect(settings({ USE_AUTH: 'false', DEBUG: 'true', ALLOW_INSECURE_LISTEN: 'true' })).toEqual([]);
  });

  test('does not start in production without a session secret, which only tokens do not need', () => {
    const production = {
      DYNAMODB_TABLE: 't',
      KMS_MASTER_KEY: 'k',
      AUTH_KEY: 'k',
      AUTH_CONTEXT: 'c',
      SESSION_SECRET: '',
    };
    const google = { GOOGLE_OAUTH_CLIENT_ID: 'id', GOOGLE_OAUTH_CONSUMER_SECRET: 's' };
    expect(faultsOf({ ...production, ...google }).map(({ setting }) => setting)).toEqual(['SESSION_SECRET']);
    expect(faultsOf(production)).toEqual([]);
  });
});

describe('clients that are slow', () => {
  // The limit is far below the 30 seconds after which Node looks for slow requests by default.
  test(
    'are cut off when REQUEST_TIMEOUT_SECONDS are over, in the head and in the body',
    { timeout: 28_000 },
    async () => {
      const impatient = await startServer({ REQUEST_TIMEOUT_SECONDS: '1' });
      const { port } = new URL(impatient.url);
      const head = 'POST /v1/login HTTP/1.1\r\nHost: localhost\r\n';
      const cut = (text: string): Promise<void> =>
        new Promise((resolve, reject) => {
          const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
          socket
            .resume()
            .on('error', reject)
            .on('close', () => resolve());
        });
      await Promise.all([cut(head), cut(`${head}Content-Length: 9\r\n\r\n{`)]);
      await impatient.stop();
    },
  );
});

function statusWithHost(url: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    // Uses a new connection, because the server ends connections on which it refused a request.
    request(url, { headers: { host }, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}
