import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { faultsOf, startServer, type TestServer } from '../harness/server.js';
import { attributesOf, Visitor } from './visitor.js';

const HEADERS = {
  USER_AUTH_MODULE: 'header',
  HEADER_AUTH_USERNAME_HEADER: 'X-User',
  HEADER_AUTH_EMAIL_HEADER: 'X-Email',
  HEADER_AUTH_FIRST_NAME_HEADER: 'X-First',
  HEADER_AUTH_GROUPS_HEADER: 'X-Groups',
  SSLIFY: 'false',
};
const CAROL = { 'x-user': 'carol', 'x-email': 'Carol@Example.com' };

let confidant: TestServer;
beforeAll(async () => {
  confidant = await startServer({ ...HEADERS, USER_EMAIL_SUFFIX: '@Example.com' });
});
afterAll(() => confidant?.stop());

const email = (headers: Record<string, string>) => new Visitor(confidant.url).go('/v1/user/email', { headers });

describe('header login', () => {
  test('logs in the person that the trusted proxy names, in lower case', async () => {
    expect((await email(CAROL)).text).toBe('{"email":"carol@example.com"}');
  });

  test('gets 401 when a header is missing (bug 10) or the e-mail is not a single address', async () => {
    expect((await email({})).status).toBe(401);
    expect((await email({ 'x-user': 'carol' })).status).toBe(401);
    expect((await email({ 'x-email': 'carol@example.com' })).status).toBe(401);
    // Node joins a client's header and the proxy's like this.
    expect((await email({ ...CAROL, 'x-email': 'root@example.com, carol@example.com' })).status).toBe(401);
  });

  test('gets 401 for another domain (bug 10)', async () => {
    expect((await email({ ...CAROL, 'x-email': 'carol@example.com.evil.com' })).status).toBe(401);
  });

  test('gets 401 when the peer is not a trusted proxy, whatever X-Forwarded-For claims', async () => {
    const elsewhere = await startServer({ ...HEADERS, FORWARDED_ALLOW_IPS: '10.1.2.3,192.168.0.0/16' });
    const visitor = new Visitor(elsewhere.url);
    for (const more of [{}, { 'x-forwarded-for': '10.1.2.3' }, { forwarded: 'for=10.1.2.3' }]) {
      expect((await visitor.go('/v1/user/email', { headers: { ...CAROL, ...more } })).status).toBe(401);
    }
    await elsewhere.stop();
    const network = await startServer({ ...HEADERS, FORWARDED_ALLOW_IPS: '127.0.0.0/8' });
    expect((await new Visitor(network.url).go('/v1/user/email', { headers: CAROL })).status).toBe(200);
    await network.stop();
  });

  test('refuses pages of strangers whose name resolves to this machine (DNS rebinding)', async () => {
    const named = await startServer({ ...HEADERS, PUBLIC_URL: 'https://confidant.example' });
    for (const server of [confidant, named]) {
      const { port } = new URL(server.url);
      const status = (host: string, headers: Record<string, string> = CAROL) =>
        statusWithHost(`${server.url}/v1/user/email`, host, headers);
      for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', 'evil']) {
        expect([host, await status(host)]).toEqual([host, 403]);
        expect([host, await status(host, { ...CAROL, 'x-forwarded-for': '10.1.2.3' })]).toEqual([host, 403]);
        expect([host, await status(host, {})]).toEqual([host, 401]);
      }
      for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, '[::1]', '192.0.2.7']) {
        expect([host, await status(host)]).toEqual([host, 200]);
      }
      expect(await status('confidant.example')).toBe(server === named ? 200 : 403);
      expect(await status('CONFIDANT.example:443')).toBe(server === named ? 200 : 403);
    }
    await named.stop();
  });

  test('gets 401 when the proxy adds its headers to those of the client instead of replacing them', async () => {
    for (const name of ['X-Groups', 'X-Email', 'X-User', 'X-First']) {
      const headers = { ...CAROL, 'x-first': 'Carol', 'x-groups': 'staff' };
      const sent = Object.entries(headers).flatMap(([header, value]) => [header, value]);
      const status = await statusWithHost(`${confidant.url}/v1/user/email`, '127.0.0.1', [name, 'admins', ...sent]);
      expect([name, status]).toEqual([name, 401]);
    }
  });

  test('passes groups on to the access policy', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'confidant-policy-'));
    const file = join(folder, 'policy.yaml');
    writeFileSync(
      file,
      'version: 1\nrules:\n  - { name: ops, effect: allow, principal: { group: ops }, action: list, resource: { type: service } }\n',
    );
    const policed = await startServer({ ...HEADERS, ACL_POLICY_FILE: file });
    const list = (groups: string) =>
      new Visitor(policed.url).go('/v1/services', { headers: { ...CAROL, 'x-groups': groups } });
    expect([(await list('dev, ops')).status, (await list('dev,opsx')).status]).toEqual([200, 403]);
    await policed.stop();
    rmSync(folder, { recursive: true });
  });

  test('does not start with a setting that trusts any proxy, no proxy or no header, unless that is confirmed', () => {
    const setting = (more: Record<string, string>) => faultsOf({ ...HEADERS, ...more }).map((fault) => fault.setting);
    expect(setting({})).toEqual([]);
    expect(setting({ FORWARDED_ALLOW_IPS: '*' })).toEqual(['FORWARDED_ALLOW_IPS']);
    expect(setting({ FORWARDED_ALLOW_IPS: '*', HEADER_AUTH_TRUST_ANY_PROXY: 'true' })).toEqual([]);
    expect(setting({ FORWARDED_ALLOW_IPS: ',' })).toEqual(['FORWARDED_ALLOW_IPS']);
    expect(setting({ FORWARDED_ALLOW_IPS: 'proxy.example' })).toEqual(['FORWARDED_ALLOW_IPS']);
    expect(setting({ HEADER_AUTH_EMAIL_HEADER: '' })).toEqual(['HEADER_AUTH_EMAIL_HEADER']);
  });
});

/** The status of a request with any Host and any headers, which may repeat names. */
function statusWithHost(url: string, host: string, headers: Record<string, string> | string[]): Promise<number> {
  const list = Array.isArray(headers) ? headers : Object.entries(headers).flat();
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers: ['Host', host, ...list], agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject).end();
  });
}

describe('CSRF', () => {
  const body = JSON.stringify({ name: 'Header cred', credential_pairs: { h: '1' }, enabled: true });
  const write = (visitor: Visitor, more: Record<string, string> = {}) =>
    visitor.go('/v1/credentials', {
      method: 'POST',
      headers: { ...CAROL, 'content-type': 'application/json', ...more },
      body,
    });
  async function loggedIn(): Promise<{ visitor: Visitor; token: string }> {
    const visitor = new Visitor(confidant.url);
    const login = await visitor.go('/v1/login', { headers: CAROL });
    expect([login.status, login.location]).toEqual([302, '/']);
    expect(attributesOf(login, 'XSRF-TOKEN')).toEqual(expect.arrayContaining(['Path=/', 'SameSite=Lax']));
    expect(attributesOf(login, 'XSRF-TOKEN')).not.toContain('HttpOnly');
    expect(attributesOf(login, 'confidant_session')).toContain('HttpOnly');
    return { visitor, token: visitor.jar().get('XSRF-TOKEN')! };
  }

  test('a write with a missing or wrong token, or without the session, gets 401 as recorded; with both it succeeds', async () => {
    const recorded = readFileSync(new URL('../../../../test/golden/http-settings.jsonl', import.meta.url), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"group": "header auth + CSRF"') && line.includes('"name": "POST'))
      .map((line) => JSON.parse(line) as { name: string; response: { status: number } });
    expect(recorded.map(({ response }) => response.status)).toEqual([401, 401, 401, 200]);
    const { visitor, token } = await loggedIn();
    const answers = [
      await write(visitor),
      await write(visitor, { 'x-xsrf-token': 'zz' }),
      await write(new Visitor(confidant.url), { 'x-xsrf-token': token }),
      await write(visitor, { 'x-xsrf-token': token }),
    ];
    expect(answers.map(({ status }) => status)).toEqual(recorded.map(({ response }) => response.status));
    expect(answers.slice(0, 3).map(({ headers }) => headers.get('x-confidant-error'))).toEqual([
      'csrf',
      'csrf',
      'csrf',
    ]);
    expect(JSON.parse(answers[3]!.text)).toMatchObject({ modified_by: 'carol@example.com', revision: 1 });
  });

  test('the token of another session or person, and the cookie in place of the header, are refused', async () => {
    const [one, two] = [await loggedIn(), await loggedIn()];
    expect((await write(one.visitor, { 'x-xsrf-token': two.token })).status).toBe(401);
    expect((await write(one.visitor, { 'x-xsrf-token': one.token, 'x-email': 'dave@example.com' })).status).toBe(401);
    one.visitor.jar().set('XSRF-TOKEN', 'chosen');
    expect((await write(one.visitor, { 'x-xsrf-token': 'chosen' })).status).toBe(401);
  });

  test('a write that a page of another site starts is refused, whatever it carries', async () => {
    const { visitor, token } = await loggedIn();
    expect((await write(visitor, { 'x-xsrf-token': token, 'sec-fetch-site': 'cross-site' })).status).toBe(401);
  });

  test('a login begins a new session: the cookies from before it open nothing (fixation)', async () => {
    const { visitor, token } = await loggedIn();
    const planted = visitor.jar().get('confidant_session')!;
    await visitor.go('/v1/login', { headers: CAROL });
    expect(visitor.jar().get('confidant_session')).not.toBe(planted);
    visitor.jar().set('confidant_session', planted);
    expect((await write(visitor, { 'x-xsrf-token': token })).status).toBe(401);
  });

  test('a page of another site or of a sibling domain cannot log out by a link', async () => {
    const logout = (visitor: Visitor, site: string) =>
      visitor.go('/v1/saml/logout', { headers: { ...CAROL, 'sec-fetch-site': site } });
    for (const site of ['cross-site', 'same-site', 'something-new']) {
      const { visitor } = await loggedIn();
      expect((await logout(visitor, site)).location).toBe('/');
      expect(visitor.jar().has('confidant_session')).toBe(true);
    }
    for (const site of ['same-origin', 'none']) {
      const { visitor } = await loggedIn();
      expect((await logout(visitor, site)).location).toBe('/loggedout');
      expect(visitor.jar().has('confidant_session')).toBe(false);
    }
  });

  test('a logout without the token is refused, and after one with the token the session has ended', async () => {
    const { visitor, token } = await loggedIn();
    const post = (more: Record<string, string>) =>
      visitor.go('/v1/logout', { method: 'POST', headers: { ...CAROL, ...more } });
    expect((await post({})).status).toBe(401);
    expect((await post({ 'x-xsrf-token': token })).text).toBe('{"location":"/loggedout"}');
    expect(visitor.jar().has('confidant_session')).toBe(false);
    expect((await write(visitor, { 'x-xsrf-token': token })).status).toBe(401);
  });

  test('a cookie of the original counts as no session', async () => {
    const visitor = new Visitor(confidant.url);
    visitor.jar().set('confidant_session', 'eyJYU1JGLVRPS0VOIjoiMjcyIn0.awIdaQ.yMHc9WseS_Rodab7UtotpSuzazM');
    const answer = await visitor.go('/v1/user/email', { headers: CAROL });
    expect(answer.status).toBe(200);
    expect(answer.headers.getSetCookie().length).toBe(2);
  });
});
