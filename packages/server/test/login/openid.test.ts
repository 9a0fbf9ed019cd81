import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openIdOptions } from '../../src/compose/login-module.js';
import { readSettings } from '../../src/config/parse.js';
import { freePort } from '../harness/free-port.js';
import { faultsOf, startServer, type TestServer } from '../harness/server.js';
import { type Forgery, type ForgingProvider, startForgingProvider } from './forging-provider.js';
import { CLIENT_ID, CLIENT_SECRET, type OpenIdTestProvider, startOpenIdProvider } from './openid-provider.js';
import { attributesOf, flowCookie, type Visit, Visitor } from './visitor.js';

let confidant: TestServer;
let provider: OpenIdTestProvider;

beforeAll(async () => {
  const port = await freePort();
  provider = await startOpenIdProvider([`http://127.0.0.1:${port}/v1/login`]);
  confidant = await startServer(
    {
      USER_AUTH_MODULE: 'oidc',
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: CLIENT_ID,
      OIDC_CLIENT_SECRET: CLIENT_SECRET,
      USER_EMAIL_SUFFIX: '@EXAMPLE.com',
    },
    { port },
  );
});
afterAll(async () => {
  await confidant?.stop();
  await provider?.close();
});

/** Logs in at the provider; the last response is the redirect back, which is not followed yet. */
async function comeBack(visitor: Visitor, account: string, next = ''): Promise<Visit> {
  const form = await visitor.follow(`/v1/login${next}`);
  expect(form.url).toContain(provider.issuer);
  let visit = await visitor.post(form.url, { account });
  while (!visit.location!.startsWith(confidant.url)) visit = await visitor.go(new URL(visit.location!, visit.url).href);
  return visit;
}

describe('a login at an OpenID provider', () => {
  test('logs in with lower-cased e-mail, names and groups, and ends at the logout', async () => {
    const visitor = new Visitor(confidant.url);
    const back = await comeBack(visitor, 'alice');
    const done = await visitor.go(back.location!);
    expect([done.status, done.location, done.text]).toEqual([302, '/', '']);
    expect(attributesOf(done, 'confidant_session')).toEqual(
      expect.arrayContaining(['HttpOnly', 'Path=/', 'SameSite=Lax', 'Max-Age=43200']),
    );
    expect((await visitor.go('/v1/user/email')).text).toBe('{"email":"alice@example.com"}');
    expect((await visitor.go('/account')).text).toContain('Alice Ågren (alice@example.com)');
    const token = visitor.jar().get('XSRF-TOKEN')!;
    expect((await visitor.post('/v1/logout', { xsrf: token })).location).toBe('/loggedout');
    expect((await visitor.go('/v1/user/email')).status).toBe(401);
  });

  test('asks for code, PKCE, state and nonce', async () => {
    const { location } = await new Visitor(confidant.url).go('/v1/login');
    const query = Object.fromEntries(new URL(location!).searchParams);
    expect(query).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      redirect_uri: `${confidant.url}/v1/login`,
      scope: 'openid email profile',
    });
    for (const name of ['state', 'nonce', 'code_challenge']) expect(query[name]!.length).toBeGreaterThan(40);
  });

  test('goes on to the local path that was asked for', async () => {
    const visitor = new Visitor(confidant.url);
    const back = await comeBack(visitor, 'alice', '?next=%2Fcredentials%3Fq%3Da');
    expect((await visitor.go(back.location!)).location).toBe('/credentials?q=a');
  });
});

describe('a login at an OpenID provider refuses', () => {
  test('a state that is not this login’s', async () => {
    const visitor = new Visitor(confidant.url);
    const back = new URL((await comeBack(visitor, 'alice')).location!);
    back.searchParams.set('state', 'x'.repeat(43));
    expect((await visitor.go(back.href)).status).toBe(401);
    expect((await visitor.go('/v1/user/email')).status).toBe(401);
  });

  test('a login that another browser began (login CSRF)', async () => {
    const back = await comeBack(new Visitor(confidant.url), 'alice');
    const victim = new Visitor(confidant.url);
    expect((await victim.go(back.location!)).status).toBe(401);
    expect(victim.jar().has('confidant_session')).toBe(false);
  });

  test('a code for the second time, also with the cookie of the first', async () => {
    const visitor = new Visitor(confidant.url);
    const back = await comeBack(visitor, 'alice');
    const flow = flowCookie(visitor);
    expect((await visitor.go(back.location!)).status).toBe(302);
    visitor.jar().delete('confidant_session');
    expect((await visitor.go(back.location!)).status).toBe(401);
    visitor.jar().set(...flow);
    expect((await visitor.go(back.location!)).status).toBe(401);
  });

  test('a code of another login: PKCE', async () => {
    const theirs = new URL((await comeBack(new Visitor(confidant.url), 'alice')).location!);
    const visitor = new Visitor(confidant.url);
    const ours = new URL((await comeBack(visitor, 'scripted')).location!);
    ours.searchParams.set('code', theirs.searchParams.get('code')!);
    expect((await visitor.go(ours.href)).status).toBe(401);
    expect(confidant.log()).toContain('invalid_grant');
  });

  test('an e-mail that the provider has not verified', async () => {
    const visitor = new Visitor(confidant.url);
    const done = await visitor.go((await comeBack(visitor, 'mallory')).location!);
    expect([done.status, done.text]).toEqual([
      401,
      '{"error":"The login provider has not verified your e-mail address."}',
    ]);
  });

  test('to run markup in names and in the provider’s error, which is shown as text', async () => {
    const visitor = new Visitor(confidant.url);
    await visitor.go((await comeBack(visitor, 'scripted')).location!);
    const page = await visitor.go('/account');
    expect(page.text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page.text).not.toContain('<script>alert');
    const failed = await visitor.go('/v1/login?state=a&error=%3Cscript%3E&error_description=%3Cscript%3Ealert(1)', {
      headers: { accept: 'text/html' },
    });
    expect(failed.status).toBe(401);
    expect(failed.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(failed.text).not.toMatch(/<script>|alert\(/);
    const policy = failed.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(policy).toContain("frame-ancestors 'none'");
  });
});

describe('ID tokens of an OpenID login', () => {
  let forger: ForgingProvider;
  let target: TestServer;
  beforeAll(async () => {
    forger = await startForgingProvider(CLIENT_ID, CLIENT_SECRET);
    target = await startServer({
      USER_AUTH_MODULE: 'oidc',
      OIDC_ISSUER: forger.issuer,
      OIDC_CLIENT_ID: CLIENT_ID,
      OIDC_CLIENT_SECRET: CLIENT_SECRET,
    });
  });
  afterAll(async () => {
    await target?.stop();
    await forger?.close();
  });

  async function login(forgery: Forgery, more: Record<string, string> = {}): Promise<Visit> {
    const visitor = new Visitor(target.url);
    const begun = new URL((await visitor.go('/v1/login')).location!);
    forger.nonce = begun.searchParams.get('nonce')!;
    forger.next = forgery;
    const query = new URLSearchParams({ code: 'a-code', state: begun.searchParams.get('state')!, ...more });
    return visitor.go(`/v1/login?${query.toString()}`);
  }

  test('the same ID token without changes logs in', async () => {
    expect((await login({})).status).toBe(302);
  });

  const now = Math.floor(Date.now() / 1000);
  const forgeries: Record<string, Forgery> = {
    'alg none': { signedBy: 'none' },
    'signed with the client secret (algorithm confusion)': { signedBy: 'HS256' },
    'signed with a key that is not the provider’s': { signedBy: 'foreign' },
    'another nonce': { claims: { nonce: 'another' } },
    'no nonce': { claims: { nonce: undefined } },
    'another issuer': { claims: { iss: 'https://evil.example' } },
    'another audience': { claims: { aud: 'another-client' } },
    expired: { claims: { exp: now - 120, iat: now - 600 } },
    'an e-mail without email_verified': { claims: { email_verified: undefined } },
    'two e-mails in one claim': { claims: { email: 'alice@example.com, eve@example.com' } },
  };
  for (const [name, forgery] of Object.entries(forgeries)) {
    test(`an ID token is refused: ${name}`, async () => {
      const done = await login(forgery);
      expect([done.status, done.headers.get('x-confidant-error')]).toEqual([401, 'login_failed']);
      expect(done.headers.getSetCookie().some((cookie) => cookie.startsWith('confidant_session='))).toBe(false);
    });
  }

  test('a response that names another issuer is refused (mix-up)', async () => {
    expect((await login({}, { iss: 'https://evil.example' })).status).toBe(401);
  });

  test('an unreachable provider gets 503, not a refusal', async () => {
    const away = await startServer({
      USER_AUTH_MODULE: 'oidc',
      OIDC_ISSUER: 'http://127.0.0.1:9',
      OIDC_CLIENT_ID: CLIENT_ID,
      OIDC_CLIENT_SECRET: CLIENT_SECRET,
    });
    expect((await new Visitor(away.url).go('/v1/login')).status).toBe(503);
    await away.stop();
  });
});

describe('google', () => {
  test('is the same login with another issuer', () => {
    const common = {
      GOOGLE_OAUTH_CLIENT_ID: 'id',
      GOOGLE_OAUTH_CONSUMER_SECRET: 's',
      OIDC_CLIENT_ID: 'id',
      OIDC_CLIENT_SECRET: 's',
    };
    const read = (module: string) =>
      openIdOptions(
        readSettings({ ...common, USER_AUTH_MODULE: module, OIDC_ISSUER: 'https://login.example' }).settings,
      );
    expect({ ...read('oidc'), issuer: 'https://accounts.google.com' }).toEqual(read('google'));
  });

  test('needs a secret and an issuer with HTTPS', () => {
    expect(faultsOf({ USER_AUTH_MODULE: 'google', GOOGLE_OAUTH_CLIENT_ID: 'id' })).toEqual([
      expect.objectContaining({ setting: 'GOOGLE_OAUTH_CONSUMER_SECRET' }),
    ]);
    const oidc = { USER_AUTH_MODULE: 'oidc', OIDC_CLIENT_ID: 'id', OIDC_CLIENT_SECRET: 's' };
    expect(faultsOf({ ...oidc, OIDC_ISSUER: 'http://login.example' })).toEqual([
      expect.objectContaining({ setting: 'OIDC_ISSUER' }),
    ]);
  });
});
