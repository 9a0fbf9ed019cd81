import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../harness/free-port.js';
import { startServer, type TestServer } from '../harness/server.js';
import { CLIENT_ID, CLIENT_SECRET, type OpenIdTestProvider, startOpenIdProvider } from './openid-provider.js';
import { type SamlSite, startSamlSite } from './saml-site.js';
import { type Visit, Visitor } from './visitor.js';

const flows = (visitor: Visitor): string[] =>
  [...visitor.jar().keys()].filter((name) => name.startsWith('confidant_session_login'));
const email = async (visitor: Visitor): Promise<string> => (await visitor.go('/v1/user/email')).text;
const ALICE = '{"email":"alice@example.com"}';

describe('logins in several tabs of one browser, at an OpenID provider,', () => {
  let confidant: TestServer;
  let provider: OpenIdTestProvider;
  beforeAll(async () => {
    const port = await freePort();
    provider = await startOpenIdProvider([`http://127.0.0.1:${port}/v1/login`]);
    const client = { OIDC_CLIENT_ID: CLIENT_ID, OIDC_CLIENT_SECRET: CLIENT_SECRET };
    confidant = await startServer({ USER_AUTH_MODULE: 'oidc', OIDC_ISSUER: provider.issuer, ...client }, { port });
  });
  afterAll(async () => {
    await confidant?.stop();
    await provider?.close();
  });

  /** Goes through the provider's pages, and stops at the address here that it leads back to. */
  async function backFrom(visitor: Visitor, begun: Visit): Promise<string> {
    let visit = await visitor.follow(begun.location!);
    if (visit.url.includes('/interaction/')) visit = await visitor.post(visit.url, { account: 'alice' });
    while (!visit.location!.startsWith(confidant.url)) {
      visit = await visitor.go(new URL(visit.location!, visit.url).href);
    }
    return visit.location!;
  }

  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    test(`all end logged in, each at its own page, when tab ${order[0]! + 1} is finished first`, async () => {
      const visitor = new Visitor(confidant.url);
      const begun = [await visitor.go('/v1/login?next=%2Fservices'), await visitor.go('/v1/login?next=%2Faccount')];
      const pages = ['/services', '/account'];
      const backs: string[] = [];
      for (const tab of [0, 1]) {
        // The provider's own cookies belong to one of its pages at a time.
        const other = new Visitor(confidant.url);
        backs[tab] = await backFrom(other, begun[tab]!);
      }
      for (const tab of order) {
        const done = await visitor.go(backs[tab]!);
        expect([done.status, done.location]).toEqual([302, pages[tab]]);
        expect(await email(visitor)).toBe(ALICE);
      }
      expect(flows(visitor)).toEqual([]);
    });
  }

  test('both end logged in when they were begun at the same moment', async () => {
    const visitor = new Visitor(confidant.url);
    const begun = await Promise.all([visitor.go('/v1/login'), visitor.go('/v1/login')]);
    for (const tab of begun) {
      expect((await visitor.go(await backFrom(new Visitor(confidant.url), tab))).status).toBe(302);
    }
  });

  test('one that fails leaves the others as they are', async () => {
    const visitor = new Visitor(confidant.url);
    const [one, two] = [await visitor.go('/v1/login'), await visitor.go('/v1/login')];
    const state = new URL(one.location!).searchParams.get('state')!;
    expect((await visitor.go(`/v1/login?error=access_denied&state=${state}`)).status).toBe(401);
    expect((await visitor.go(`/v1/login?error=access_denied&state=unknown`)).status).toBe(401);
    expect((await visitor.go(await backFrom(new Visitor(confidant.url), two))).status).toBe(302);
    expect(await email(visitor)).toBe(ALICE);
  });

  test('that are never finished make room for new ones: a browser keeps eight', async () => {
    const visitor = new Visitor(confidant.url);
    for (let tab = 0; tab < 12; tab++) await visitor.go('/v1/login');
    expect(flows(visitor).length).toBe(8);
    // Long addresses leave room for fewer, or the browser's requests would be refused for their length.
    for (let tab = 0; tab < 8; tab++) await visitor.go(`/v1/login?next=%2F${'x'.repeat(2000)}`);
    expect(flows(visitor).length).toBeLessThan(4);
    const last = await visitor.go('/v1/login');
    expect((await visitor.go(await backFrom(new Visitor(confidant.url), last))).status).toBe(302);
  });
});

describe('logins in several tabs of one browser, at a SAML provider,', () => {
  let site: SamlSite;
  beforeAll(async () => {
    site = await startSamlSite({ SAML_ALLOW_IDP_INITIATED: 'true' });
  });
  afterAll(() => site?.stop());

  test('all end logged in, in either order', async () => {
    for (const reverse of [false, true]) {
      const visitor = new Visitor(site.confidant.url);
      const ids = [await site.begin(visitor), await site.begin(visitor)];
      for (const inResponseTo of reverse ? ids.reverse() : ids) {
        expect((await site.consume(visitor, await site.idp.say({ inResponseTo }))).status).toBe(302);
        expect(await email(visitor)).toBe(ALICE);
      }
      expect(flows(visitor)).toEqual([]);
    }
  });

  test('stay under way when another fails, is answered twice, or was started by the provider', async () => {
    const visitor = new Visitor(site.confidant.url);
    const [one, two] = [await site.begin(visitor), await site.begin(visitor)];
    const first = await site.idp.say({ inResponseTo: one });
    expect((await site.consume(visitor, first)).status).toBe(302);
    expect((await site.consume(visitor, first)).status).toBe(401);
    expect((await site.consume(visitor, await site.idp.say({ inResponseTo: '_other' }))).status).toBe(401);
    expect((await site.consume(visitor, await site.idp.say({}))).status).toBe(302);
    expect((await site.consume(visitor, await site.idp.say({ inResponseTo: two }))).status).toBe(302);
  });

  test('end in single logouts that do not disturb each other', async () => {
    const { visitor } = await site.login();
    const inResponseTo = await site.begin(visitor);
    const logout = await visitor.go('/v1/saml/logout');
    expect(logout.location).toContain('/slo');
    expect((await site.consume(visitor, await site.idp.say({ inResponseTo }))).status).toBe(302);
  });
});
