import { createHash, randomBytes } from 'node:crypto';
import { challengeText, lettersOf } from '@confidant/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CliCodes } from '../../src/auth/cli-codes.js';
import { expiringMemory } from '../../src/adapters/expiring/memory.js';
import type { Session } from '../../src/auth/session.js';
import { Sessions } from '../../src/auth/sessions.js';
import type { ExpiringStore } from '../../src/ports/expiring.js';
import { issueLoginLink } from '../../src/embedded/login-link.js';
import { freePort } from '../harness/free-port.js';
import { SECRET, startServer, type TestServer } from '../harness/server.js';
import { CLIENT_ID, CLIENT_SECRET, type OpenIdTestProvider, startOpenIdProvider } from './openid-provider.js';
import { type Visit, Visitor } from './visitor.js';

/** The random parts of a command line's request. */
interface Asked {
  verifier: string;
  letters: string;
  challenge: string;
  port: string;
  state: string;
}

function ask(server: string): Asked {
  const verifier = randomBytes(32).toString('base64url');
  const letters = lettersOf(randomBytes(8));
  const challenge = createHash('sha256').update(challengeText({ verifier, server, letters })).digest('base64url');
  return { verifier, letters, challenge, port: '49152', state: randomBytes(24).toString('base64url') };
}

const addressOf = ({ challenge, port, state }: Asked): string =>
  `/cli?${new URLSearchParams({ challenge, port, state }).toString()}`;

const hidden = (page: Visit, name: string): string =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(page.text)?.[1] ?? '';

/** Types the letters into the page, and presses its button. */
async function allow(visitor: Visitor, asked: Asked, fields: Record<string, string> = {}): Promise<Visit> {
  const page = await visitor.go(addressOf(asked));
  const { challenge, port, state, letters } = asked;
  return visitor.post('/cli', { xsrf: hidden(page, 'xsrf'), challenge, port, state, letters, ...fields });
}

/** The code in the address that leads back to the command line. */
function codeOf(allowed: Visit): string {
  const [, address] = /^0; url=(.*)$/.exec(allowed.headers.get('refresh') ?? '')!;
  return new URL(address!).searchParams.get('code')!;
}

describe('with an OpenID provider', () => {
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
      },
      { port },
    );
  });
  afterAll(async () => {
    await confidant?.stop();
    await provider?.close();
  });

  async function loggedIn(): Promise<Visitor> {
    const visitor = new Visitor(confidant.url);
    const form = await visitor.follow('/v1/login');
    const done = await visitor.post(form.url, { account: 'alice' });
    await visitor.follow(new URL(done.location!, done.url).href);
    return visitor;
  }

  const exchange = (code: string, verifier: string, headers: Record<string, string> = {}): Promise<Visit> =>
    new Visitor(confidant.url).go('/v1/login/cli', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ code, verifier }),
    });

  test('a command line gets a session of the person who authorized it, and reads and writes with it', async () => {
    const visitor = await loggedIn();
    const asked = ask(confidant.url);
    const page = await visitor.go(addressOf(asked));
    expect(page.text).toContain('alice@example.com');
    expect(page.text).not.toContain(asked.letters);
    const allowed = await allow(visitor, asked);
    expect(allowed.status).toBe(200);
    const back = new URL(/url=(.*)$/.exec(allowed.headers.get('refresh')!)![1]!);
    expect([back.origin, back.searchParams.get('state')]).toEqual(['http://127.0.0.1:49152', asked.state]);

    const cli = new Visitor(confidant.url);
    const answer = await cli.go('/v1/login/cli', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code: codeOf(allowed), verifier: asked.verifier }),
    });
    const { email, session_cookie: cookie, csrf_token: csrf } = JSON.parse(answer.text) as Record<string, string>;
    expect([answer.status, email, cookie]).toEqual([200, 'alice@example.com', 'confidant_session']);
    expect((await cli.go('/v1/user/email')).text).toBe('{"email":"alice@example.com"}');
    const write = (headers: Record<string, string>): Promise<Visit> =>
      cli.go('/v1/credentials', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ name: 'of the command line', credential_pairs: { key: 'value' } }),
      });
    expect((await write({})).status).toBe(401);
    expect((await write({ 'x-xsrf-token': csrf! })).status).toBe(200);
    // Each command line has its own session.
    expect((await cli.go('/v1/logout', { method: 'POST', headers: { 'x-xsrf-token': csrf! } })).status).toBe(200);
    expect((await cli.go('/v1/user/email')).status).toBe(401);
    expect((await visitor.go('/v1/user/email')).status).toBe(200);
    const audited = confidant.log().matchAll(/"action":"(\w+)","resourceType":"command line session","outcome":"ok"/g);
    expect([...audited].map(([, action]) => action)).toEqual(['allow', 'login', 'logout']);
  });

  test('a logout everywhere ends the person’s browsers and command lines, and codes that are not redeemed yet', async () => {
    const [visitor, other] = [await loggedIn(), await loggedIn()];
    const commandLine = async (): Promise<[Visitor, string]> => {
      const asked = ask(confidant.url);
      const cli = new Visitor(confidant.url);
      const answer = await cli.go('/v1/login/cli', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ code: codeOf(await allow(visitor, asked)), verifier: asked.verifier }),
      });
      return [cli, (JSON.parse(answer.text) as { csrf_token: string }).csrf_token];
    };
    const [[one, csrf], [two]] = [await commandLine(), await commandLine()];
    const asked = ask(confidant.url);
    const code = codeOf(await allow(visitor, asked));
    const logOut = (everywhere: unknown): Promise<Visit> =>
      one.go('/v1/logout', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-xsrf-token': csrf },
        body: JSON.stringify({ everywhere }),
      });

    const unclear = await logOut('yes');
    expect([unclear.status, JSON.parse(unclear.text)]).toEqual([400, { error: 'everywhere: must be true or false' }]);
    const statuses = (): Promise<number[]> =>
      Promise.all([visitor, other, one, two].map(async (it) => (await it.go('/v1/user/email')).status));
    expect(await statuses()).toEqual([200, 200, 200, 200]);
    expect((await logOut(true)).status).toBe(200);
    expect(await statuses()).toEqual([401, 401, 401, 401]);
    // A person whose own session has ended is not logged out everywhere.
    expect((await logOut(true)).status).toBe(401);
    expect((await exchange(code, asked.verifier)).status).toBe(401);
    expect(confidant.log()).toMatch(/"action":"logout","resourceType":"all sessions","outcome":"ok"/);

    const [again, beside] = [await loggedIn(), await loggedIn()];
    const page = await again.go('/account');
    await again.post('/v1/logout', { xsrf: hidden(page, 'xsrf'), everywhere: '1' });
    expect((await beside.go('/v1/user/email')).status).toBe(401);
  });

  test('a person who is not logged in logs in first and returns to the page', async () => {
    const visitor = new Visitor(confidant.url);
    const asked = ask(confidant.url);
    const form = await visitor.follow(addressOf(asked));
    expect(form.url).toContain(provider.issuer);
    const done = await visitor.post(form.url, { account: 'alice' });
    const page = await visitor.follow(new URL(done.location!, done.url).href);
    expect(page.url).toBe(`${confidant.url}${addressOf(asked)}`);
    expect(hidden(page, 'challenge')).toBe(asked.challenge);
  });

  test('without a port the page shows the code and does not redirect', async () => {
    const visitor = await loggedIn();
    const asked = { ...ask(confidant.url), port: '', state: '' };
    const shown = await allow(visitor, asked);
    expect(shown.headers.get('refresh')).toBeNull();
    const code = /<textarea[^>]*>([^<]+)</.exec(shown.text)![1]!;
    expect((await exchange(code, asked.verifier)).status).toBe(200);
  });

  describe('the command line login refuses', () => {
    test('a code for the second time, with another verifier, changed, or with nothing', async () => {
      const visitor = await loggedIn();
      const asked = ask(confidant.url);
      const code = codeOf(await allow(visitor, asked));
      expect((await exchange(code, ask(confidant.url).verifier)).status).toBe(401);
      // Changed in the middle, where all bits of a character count.
      const middle = Math.floor(code.length / 2);
      const changed = code.slice(0, middle) + (code[middle] === 'A' ? 'B' : 'A') + code.slice(middle + 1);
      expect((await exchange(changed, asked.verifier)).status).toBe(401);
      // Of several at the same moment exactly one succeeds.
      const statuses = await Promise.all(Array.from({ length: 6 }, () => exchange(code, asked.verifier)));
      expect(statuses.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401, 401]);
      for (const body of ['{}', `{"code":"${code}"}`, '[]', '{"code":1,"verifier":2}']) {
        const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
        expect((await new Visitor(confidant.url).go('/v1/login/cli', init)).status).toBe(400);
      }
    });

    test('letters of another terminal, and asks again for input that is not eight letters', async () => {
      const visitor = await loggedIn();
      const asked = ask(confidant.url);
      const other = codeOf(await allow(visitor, asked, { letters: 'BCDF-GHJK' }));
      expect((await exchange(other, asked.verifier)).status).toBe(401);
      for (const letters of ['', 'BCDF-GHJ', 'BCDF-GHJ1', '<b>BCDFGH']) {
        const again = await allow(visitor, asked, { letters });
        expect([again.status, again.headers.get('refresh')]).toEqual([400, null]);
        expect(hidden(again, 'challenge')).toBe(asked.challenge);
      }
      const typed = codeOf(
        await allow(visitor, asked, { letters: ` ${asked.letters.toLowerCase().replace('-', ' ')}` }),
      );
      expect((await exchange(typed, asked.verifier)).status).toBe(200);
    });

    test('a code that the command line of another server asked for, passed on by that server', async () => {
      const visitor = await loggedIn();
      const asked = ask('https://other.example.com');
      expect((await exchange(codeOf(await allow(visitor, asked)), asked.verifier)).status).toBe(401);
    });

    test('a code of a person who has logged out, and the consent of a command line itself', async () => {
      const visitor = await loggedIn();
      const [first, second] = [ask(confidant.url), ask(confidant.url)];
      const code = codeOf(await allow(visitor, first));
      const cli = new Visitor(confidant.url);
      await cli.go('/v1/login/cli', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ code, verifier: first.verifier }),
      });
      expect((await cli.go('/v1/user/email')).status).toBe(200);
      expect((await cli.go(addressOf(ask(confidant.url)))).status).toBe(403);
      expect((await allow(cli, ask(confidant.url), { xsrf: cli.jar().get('XSRF-TOKEN')! })).status).toBe(403);

      const given = codeOf(await allow(visitor, second));
      await visitor.post('/v1/logout', { xsrf: visitor.jar().get('XSRF-TOKEN')! });
      expect((await exchange(given, second.verifier)).status).toBe(401);
    });

    test('a session cookie as a code, and a code as a session cookie', async () => {
      const visitor = await loggedIn();
      const asked = ask(confidant.url);
      const code = codeOf(await allow(visitor, asked));
      expect((await exchange(visitor.jar().get('confidant_session')!, asked.verifier)).status).toBe(401);
      const other = new Visitor(confidant.url);
      other.jar().set('confidant_session', code);
      expect((await other.go('/v1/user/email')).status).toBe(401);
    });

    test('consent without the token of the page, with that of another session, and without a session', async () => {
      const visitor = await loggedIn();
      const foreign = hidden(await (await loggedIn()).go(addressOf(ask(confidant.url))), 'xsrf');
      for (const xsrf of ['', foreign]) {
        const answer = await allow(visitor, ask(confidant.url), { xsrf });
        expect([answer.status, answer.headers.get('refresh')]).toEqual([401, null]);
      }
      expect((await allow(new Visitor(confidant.url), ask(confidant.url), { xsrf: foreign })).status).toBe(401);
    });

    test('an exchange that a page in a browser asks for', async () => {
      const visitor = await loggedIn();
      const asked = ask(confidant.url);
      const code = codeOf(await allow(visitor, asked));
      for (const site of ['cross-site', 'same-origin', 'none']) {
        const answer = await exchange(code, asked.verifier, { 'sec-fetch-site': site });
        expect([answer.status, answer.headers.getSetCookie()]).toEqual([401, []]);
      }
      expect((await exchange(code, asked.verifier, { 'content-type': 'text/plain' })).status).toBe(400);
      expect((await exchange(code, asked.verifier)).status).toBe(200);
    });

    test('addresses that no command line makes: other hosts, system ports, markup, missing parts', async () => {
      const visitor = await loggedIn();
      const good = ask(confidant.url);
      const bad: Partial<Asked>[] = [
        { challenge: 'short' },
        { challenge: `${'a'.repeat(42)}"` },
        { port: '80' },
        { port: '65536' },
        { port: '49152@evil.example' },
        { port: '' },
        { state: '' },
        { state: '"><script>alert(1)</script>' },
        { state: `${'a'.repeat(30)}\r\nx: y` },
      ];
      for (const change of bad) {
        expect([change, (await visitor.go(addressOf({ ...good, ...change }))).status]).toEqual([change, 400]);
        const posted = await allow(visitor, good, change as Record<string, string>);
        expect([change, posted.status, posted.headers.get('refresh')]).toEqual([change, 400, null]);
      }
    });
  });
});

describe('the command line login', () => {
  test('with the one-time link shows how to log in, and works once that is done', async () => {
    const confidant = await startServer({});
    try {
      const visitor = new Visitor(confidant.url);
      const asked = ask(confidant.url);
      expect((await visitor.go('/v1/login/cli')).status).toBe(200);
      const first = await visitor.go(addressOf(asked));
      expect([first.status, first.text.includes('login-link')]).toEqual([401, true]);
      await visitor.go('/v1/login', {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: confidant.url },
        body: JSON.stringify({ secret: issueLoginLink(confidant.dataDir) }),
      });
      expect(codeOf(await allow(visitor, asked))).not.toBe('');
    } finally {
      await confidant.stop();
    }
  });

  test('is not offered behind a proxy that logs in, nor without any login, nor without authentication: the 404 says why', async () => {
    const header = { USER_AUTH_MODULE: 'header', HEADER_AUTH_EMAIL_HEADER: 'x-email' };
    for (const environment of [header, { USER_AUTH_MODULE: 'google' }, { USE_AUTH: 'false' }]) {
      const confidant = await startServer(environment as Record<string, string>);
      try {
        const visitor = new Visitor(confidant.url);
        const answer = await visitor.go('/v1/login/cli', { headers: { 'x-email': 'alice@example.com' } });
        expect([answer.status, answer.text]).toEqual([404, expect.stringMatching(/command line|is off/)]);
        expect(
          (await visitor.go(addressOf(ask(confidant.url)), { headers: { 'x-email': 'alice@example.com' } })).status,
        ).toBe(404);
      } finally {
        await confidant.stop();
      }
    }
  });
});

describe.each([
  { place: 'sealed', shared: false },
  { place: 'in a shared store', shared: true },
])('a code $place', ({ shared }) => {
  const SERVER = 'https://confidant.example.com';
  const ALICE = { email: 'alice@example.com', firstName: null, lastName: null, groups: ['ops'] };
  const SAML = { nameId: 'alice', nameIdFormat: null, sessionIndex: 'one' };
  let now = 1_000_000;

  /** One of several servers that share `used`. */
  function serverWith(used: ExpiringStore, secrets: readonly string[] = [SECRET]) {
    const sessions = new Sessions({
      secrets,
      idleSeconds: 43_200,
      maximumSeconds: 86_400,
      admission: { emailSuffix: '', listed: () => undefined },
      signIds: true,
      ended: used,
      ...(shared && { records: used }),
      now: () => now,
    });
    return { sessions, codes: new CliCodes({ secrets, sessions, used, shared, now: () => now }) };
  }

  test('is refused after five minutes, and carries the time of the login and its SAML session', async () => {
    const { sessions, codes } = serverWith(expiringMemory());
    const { session } = await sessions.start(ALICE, { saml: SAML });
    const asked = ask(SERVER);
    now += 3600;
    const [code, late] = [await codes.issue(session, asked), await codes.issue(session, asked)];
    now += 299;
    const { startedAt, logouts } = session;
    const consent = { person: ALICE, session: { startedAt, logouts }, saml: SAML };
    expect(await codes.redeem(code, asked.verifier, SERVER)).toEqual(consent);
    expect(await codes.redeem(code, asked.verifier, SERVER)).toBeUndefined();
    now += 1;
    expect(await codes.redeem(late, asked.verifier, SERVER)).toBeUndefined();
  });

  test('is refused once its session was ended, by its person or by the provider', async () => {
    const { sessions, codes } = serverWith(expiringMemory());
    for (const end of [
      (session: Session) => sessions.end(session),
      () => sessions.endSaml('alice', 'one'),
      () => sessions.endSaml('alice', null),
    ]) {
      const { session } = await sessions.start(ALICE, { saml: SAML });
      const asked = ask(SERVER);
      const code = await codes.issue(session, asked);
      await end(session);
      expect(await codes.redeem(code, asked.verifier, SERVER)).toBeUndefined();
      now += 1;
    }
  });

  test('gives no session that lives when the person logs out everywhere while it is redeemed', async () => {
    const { sessions, codes } = serverWith(expiringMemory());
    const { session } = await sessions.start(ALICE);
    const asked = ask(SERVER);
    const consent = (await codes.redeem(await codes.issue(session, asked), asked.verifier, SERVER))!;
    now += 1;
    await sessions.endAll(ALICE);
    now += 1;
    const { cookie } = await sessions.start(consent.person, { commandLineOf: consent.session });
    expect(await sessions.open(cookie.value)).toBeUndefined();
  });

  test('is accepted by the other servers too while a secret is rotated', async () => {
    const used = expiringMemory();
    const older = serverWith(used, ['an older secret of tests']);
    const { session } = await older.sessions.start(ALICE);
    const asked = ask(SERVER);
    const code = await older.codes.issue(session, asked);
    expect(await serverWith(used).codes.redeem(code, asked.verifier, SERVER)).toBeUndefined();
    const rotating = serverWith(used, [SECRET, 'an older secret of tests']);
    expect(await rotating.codes.redeem(code, asked.verifier, SERVER)).toMatchObject({
      session: { startedAt: session.startedAt },
    });
  });
});
