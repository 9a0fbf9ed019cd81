import { afterEach, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';
import { type ForgingProvider, startForgingProvider } from './forging-provider.js';
import { CLIENT_ID, CLIENT_SECRET } from './openid-provider.js';
import { type Visit, Visitor } from './visitor.js';

let provider: ForgingProvider | undefined;
let confidant: TestServer | undefined;
afterEach(async () => {
  await confidant?.stop();
  await provider?.close();
});

/** A server at a provider of its own, with changes to how either behaves. */
async function start(
  changes: Partial<ForgingProvider> = {},
  environment: (issuer: string) => Record<string, string> = () => ({}),
): Promise<ForgingProvider> {
  provider = Object.assign(await startForgingProvider(CLIENT_ID, CLIENT_SECRET), changes);
  confidant = await startServer({
    USER_AUTH_MODULE: 'oidc',
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: CLIENT_ID,
    OIDC_CLIENT_SECRET: CLIENT_SECRET,
    ...environment(provider.issuer),
  });
  return provider;
}

/** A login whose ID token has these claims beside `sub`. */
async function login(claims: Record<string, unknown> = {}): Promise<Visit & { visitor: Visitor }> {
  const visitor = new Visitor(confidant!.url);
  const begun = await visitor.go('/v1/login');
  if (begun.location === null) return { ...begun, visitor };
  const { searchParams } = new URL(begun.location);
  provider!.nonce = searchParams.get('nonce')!;
  provider!.next = { claims };
  const query = new URLSearchParams({ code: 'a-code', state: searchParams.get('state')! });
  return { ...(await visitor.go(`/v1/login?${query.toString()}`)), visitor };
}

describe('the client secret is sent as the provider supports it:', () => {
  const cases: [supported: string[] | undefined, wanted: 'basic' | 'post'][] = [
    [['client_secret_basic'], 'basic'],
    [['client_secret_post'], 'post'],
    [['private_key_jwt', 'client_secret_basic'], 'basic'],
    // Both are supported, and the client is registered for one.
    [['client_secret_basic', 'client_secret_post'], 'basic'],
    [['client_secret_basic', 'client_secret_post'], 'post'],
    // The provider does not say: the specification means Basic, and some mean the body.
    [undefined, 'basic'],
    [undefined, 'post'],
    [['private_key_jwt'], 'post'],
  ];
  for (const [supported, clientSecret] of cases) {
    test(`${supported?.join(' ') ?? 'nothing named'}, and the provider wants ${clientSecret}`, async () => {
      await start({ clientSecret, metadata: { token_endpoint_auth_methods_supported: supported } });
      expect((await login()).status).toBe(302);
      expect((await login()).status).toBe(302);
    });
  }

  test('a wrong secret is refused with 401, however it is sent', async () => {
    await start({ clientSecret: 'basic' }, () => ({ OIDC_CLIENT_SECRET: 'wrong' }));
    expect((await login()).status).toBe(401);
    expect(confidant!.log()).toContain('invalid_client');
  });
});

describe('claims that the ID token lacks are read from the userinfo endpoint:', () => {
  const complete = { email: 'alice@example.com', email_verified: true, given_name: 'Alice', groups: ['ops'] };
  const lacking = ['email_verified', 'email', 'groups', 'given_name'] as const;
  for (const name of lacking) {
    test(`${name} alone`, async () => {
      await start({ userInfo: complete });
      const done = await login({ ...complete, family_name: 'A', [name]: undefined });
      expect(done.status).toBe(302);
      expect((await done.visitor.go('/account')).text).toContain('Alice A (alice@example.com)');
    });
  }

  test('the verification alone, of an address that only the ID token has', async () => {
    await start({ userInfo: { email_verified: true } });
    expect((await login({ email_verified: undefined })).status).toBe(302);
  });

  test('null counts as lacking', async () => {
    await start({ userInfo: complete });
    expect((await login({ email_verified: null, groups: null })).status).toBe(302);
  });

  test('a verification of another address does not count', async () => {
    await start({ userInfo: { email: 'eve@example.com', email_verified: true } });
    const done = await login({ email_verified: undefined });
    expect([done.status, done.text]).toEqual([
      401,
      '{"error":"The login provider has not verified your e-mail address."}',
    ]);
  });

  test('an address that either place calls unverified is refused', async () => {
    await start({ userInfo: { ...complete, email_verified: false } });
    expect((await login({ groups: undefined })).status).toBe(401);
    provider!.userInfo = complete;
    expect((await login({ email_verified: false, groups: undefined })).status).toBe(401);
  });

  test('a signed userinfo response is accepted, with metadata that names no algorithm for it', async () => {
    const { sign, issuer } = await start({ userInfo: {} });
    provider!.userInfo = { jwt: await sign({ ...complete, sub: 'alice', iss: issuer, aud: CLIENT_ID }) };
    expect((await login({ groups: undefined })).status).toBe(302);
  });
});

describe('a login is refused when the provider leaves out groups:', () => {
  const markers: Record<string, Record<string, unknown>> = {
    'a distributed claim': { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://x/' } } },
    'a distributed claim beside some of the groups': { _claim_names: { groups: 'src1' }, groups: ['ops'] },
    'claim names that are not an object': { _claim_names: 'groups' },
    'sources of claims that have no names': { _claim_sources: { src1: { endpoint: 'https://x/' } } },
    'hasgroups of Entra ID': { hasgroups: true },
    'hasgroups as text': { hasgroups: 'true' },
    'a claim that names the source of the groups': { 'groups:src1': 'https://graph.example/' },
    'groups that are objects': { groups: [{ id: 'contractors' }] },
    'groups as an object': { groups: { contractors: true } },
    'one group that is null': { groups: ['ops', null] },
    'a group with a name that is too long': { groups: ['ops', 'x'.repeat(300)] },
  };
  for (const [name, claims] of Object.entries(markers)) {
    test(`${name}, in the ID token or from the userinfo endpoint`, async () => {
      await start({ userInfo: {} });
      const done = await login({ groups: undefined, ...claims });
      expect([done.status, done.headers.get('x-confidant-error')]).toEqual([401, 'login_failed']);
      expect(done.text).toContain('groups');
      expect(done.visitor.jar().has('confidant_session')).toBe(false);
      provider!.userInfo = claims;
      expect((await login({ groups: undefined })).status).toBe(401);
    });
  }

  test('a distributed claim of another name, set by OIDC_GROUPS_CLAIM', async () => {
    await start({}, () => ({ OIDC_GROUPS_CLAIM: 'teams' }));
    expect((await login({ _claim_names: { teams: 'src1' } })).status).toBe(401);
    expect((await login({ _claim_names: { address: 'src1' }, teams: ['ops'] })).status).toBe(302);
    expect((await login({ hasgroups: false, teams: ['ops', 7] })).status).toBe(302);
  });
});

describe('at an OpenID provider', () => {
  test('a key that was rotated a moment ago is accepted at once', async () => {
    const { rotate } = await start();
    expect((await login()).status).toBe(302);
    await rotate();
    expect((await login()).status).toBe(302);
  });

  test('the issuer may be set without the slash at its end, or with one too many', async () => {
    for (const [known, set] of [
      ['/realms/x/', '/realms/x'],
      ['/realms/x', '/realms/x/'],
    ] as const) {
      await start({}, (issuer) => ({ OIDC_ISSUER: `${issuer}${set}` }));
      const issuer = `${provider!.issuer}${known}`;
      provider!.metadata = { issuer };
      expect((await login({ iss: issuer })).status).toBe(302);
      await confidant!.stop();
      await provider!.close();
    }
  });

  test('metadata of another issuer gets 503, and the log names both', async () => {
    await start({ metadata: { issuer: 'https://other.example' } });
    expect((await login()).status).toBe(503);
    expect(confidant!.log()).toContain('issuer');
  });
});
