import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { expiringMemory } from '../../src/adapters/expiring/memory.js';
import { openExpiringSqlite } from '../../src/adapters/expiring/sqlite.js';
import { usersFile } from '../../src/adapters/login/users-file.js';
import { CookieSeal } from '../../src/auth/cookie-seal.js';
import { localPath } from '../../src/auth/local-path.js';
import { type SessionOptions, Sessions } from '../../src/auth/sessions.js';
import { emailOf, groupsOf, type Person } from '../../src/domain/person.js';
import type { ExpiringStore } from '../../src/ports/expiring.js';
import { BackendUnavailable } from '../../src/ports/unavailable.js';
import { SECRET } from '../harness/server.js';

const HOUR = 3600;
const ALICE: Person = { email: 'alice@example.com', firstName: 'Alice', lastName: null, groups: ['ops'] };
let now: number;
beforeEach(() => {
  now = 1_800_000_000;
});

function open(options: Partial<SessionOptions> = {}): Sessions {
  return new Sessions({
    secrets: [SECRET],
    idleSeconds: 12 * HOUR,
    maximumSeconds: 24 * HOUR,
    admission: { emailSuffix: '', listed: () => undefined },
    signIds: true,
    ended: expiringMemory(),
    now: () => now,
    ...options,
  });
}

/** Both places in which a session can be kept. */
const PLACES: Record<string, (options?: Partial<SessionOptions>) => Sessions> = {
  'in the cookie': open,
  'in a store': (options) => {
    const store = expiringMemory();
    return open({ records: store, ended: store, ...options });
  },
};

for (const [place, openSessions] of Object.entries(PLACES)) {
  describe(`a session kept ${place}`, () => {
    test('belongs to the person who logged in', async () => {
      const sessions = openSessions();
      const { cookie } = await sessions.start(ALICE);
      expect((await sessions.open(cookie.value))?.session.person).toEqual(ALICE);
      expect(cookie.maxAgeSeconds).toBe(12 * HOUR);
    });

    test('has an id and a CSRF token of its own at every login (fixation)', async () => {
      const sessions = openSessions();
      const [one, two] = [await sessions.start(ALICE), await sessions.start(ALICE)];
      expect(one.session.id).not.toBe(two.session.id);
      expect(one.session.csrf).not.toBe(two.session.csrf);
    });

    test('is refused when it was changed, cut, extended, or sealed with another secret', async () => {
      const sessions = openSessions();
      const { value } = (await sessions.start(ALICE)).cookie;
      for (let i = 0; i < value.length; i++) {
        // The last character of a base64 group has unused bits; changing those changes nothing.
        const bytes = value
          .split('.')
          .map((part) => Buffer.from(part, 'base64url').toString('hex'))
          .join('.');
        const changed = value.slice(0, i) + (value[i] === 'A' ? 'B' : 'A') + value.slice(i + 1);
        const same =
          changed
            .split('.')
            .map((part) => Buffer.from(part, 'base64url').toString('hex'))
            .join('.') === bytes;
        if (!same) expect([i, await sessions.open(changed)]).toEqual([i, undefined]);
      }
      for (const other of [value.slice(1), value.slice(0, -2), `${value}AA`, `${value}.x`, '', 'x', '.....']) {
        expect(await sessions.open(other)).toBeUndefined();
      }
      const foreign = openSessions({ secrets: ['another-secret-of-more-than-32-characters'] });
      expect(await foreign.open(value)).toBeUndefined();
    });

    test('ends with its last use, which only moves when it is used', async () => {
      const sessions = openSessions();
      let { value } = (await sessions.start(ALICE)).cookie;
      for (let use = 0; use < 3; use++) {
        now += 6 * HOUR;
        const opened = await sessions.open(value);
        expect(opened?.renewed).toBeDefined();
        value = opened!.renewed!.value;
      }
      now += 6 * HOUR;
      // Even if it is used all the time, it ends 24 hours after the login.
      expect(await sessions.open(value)).toBeUndefined();
    });

    test('ends 12 hours after its last use, to the second', async () => {
      const sessions = openSessions();
      const { value } = (await sessions.start(ALICE)).cookie;
      now += 12 * HOUR;
      expect(await sessions.open(value)).toBeUndefined();
    });

    test('is not recorded again for every request', async () => {
      const sessions = openSessions();
      const { value } = (await sessions.start(ALICE)).cookie;
      now += 60;
      expect((await sessions.open(value))?.renewed).toBeUndefined();
      now += 300;
      expect((await sessions.open(value))?.renewed?.maxAgeSeconds).toBe(12 * HOUR);
    });

    test('with a lifetime of 0 is a browser session, which lives the maximum after its last use (bug 27)', async () => {
      const sessions = openSessions({ idleSeconds: 0 });
      let { value, maxAgeSeconds } = (await sessions.start(ALICE)).cookie;
      expect(maxAgeSeconds).toBeNull();
      for (let use = 0; use < 4; use++) {
        now += 20 * HOUR;
        const { renewed } = (await sessions.open(value))!;
        expect(renewed!.maxAgeSeconds).toBeNull();
        ({ value, maxAgeSeconds } = renewed!);
      }
      now += 24 * HOUR;
      expect(await sessions.open(value)).toBeUndefined();
    });

    test('with a maximum of 0 lasts as long after the login as after its last use', async () => {
      const sessions = openSessions({ maximumSeconds: 0 });
      const { value } = (await sessions.start(ALICE)).cookie;
      now += 11 * HOUR;
      const { renewed } = (await sessions.open(value))!;
      expect(renewed!.maxAgeSeconds).toBe(HOUR);
      now += HOUR;
      expect(await sessions.open(renewed!.value)).toBeUndefined();
    });

    test('for a command line ends when the login of the browser does', async () => {
      const sessions = openSessions();
      const { session } = await sessions.start(ALICE);
      now += 23 * HOUR;
      const { cookie } = await sessions.start(ALICE, { commandLineOf: session });
      expect(cookie.maxAgeSeconds).toBe(HOUR);
      now += HOUR;
      expect(await sessions.open(cookie.value)).toBeUndefined();
    });

    test('for a command line ends at the maximum also where browsers keep theirs until they are closed', async () => {
      const sessions = openSessions({ idleSeconds: 0 });
      const { session } = await sessions.start(ALICE);
      let { value } = (await sessions.start(ALICE, { commandLineOf: session })).cookie;
      for (let hour = 0; hour < 23; hour++) {
        now += HOUR;
        value = (await sessions.open(value))!.renewed!.value;
      }
      now += HOUR;
      expect(await sessions.open(value)).toBeUndefined();
    });

    test('is over after the logout, for every copy of its cookie, and no request in flight brings it back', async () => {
      const sessions = openSessions();
      const { cookie, session } = await sessions.start(ALICE);
      now += HOUR;
      const [later] = await Promise.all([sessions.open(cookie.value), sessions.end(session)]);
      expect(await sessions.open(cookie.value)).toBeUndefined();
      if (later?.renewed) expect(await sessions.open(later.renewed.value)).toBeUndefined();
    });

    test('is over after a logout everywhere, for its person alone; what begins after that is not', async () => {
      const sessions = openSessions();
      const [here, there] = [await sessions.start(ALICE), await sessions.start(ALICE)];
      const commandLine = await sessions.start(ALICE, { commandLineOf: here.session });
      const bob = await sessions.start({ ...ALICE, email: 'bob@example.com' });
      now += HOUR;
      await sessions.endAll(ALICE);
      for (const { cookie, session } of [here, there, commandLine]) {
        expect(await sessions.open(cookie.value)).toBeUndefined();
        expect(await sessions.hasEnded(session)).toBe(true);
      }
      expect(await sessions.open(bob.cookie.value)).toBeDefined();
      now += 1;
      const { value } = (await sessions.start(ALICE)).cookie;
      expect(await sessions.open(value)).toBeDefined();
      // It stays ended even after the memory of the logout has expired.
      now += 12 * HOUR;
      for (const { cookie } of [here, there, commandLine]) {
        expect(await sessions.open(cookie.value)).toBeUndefined();
      }
    });

    test('is over after a logout everywhere though it began under a clock that was ahead, and stays so after a second one', async () => {
      const sessions = openSessions();
      now += HOUR;
      const { cookie } = await sessions.start(ALICE);
      now -= HOUR;
      await sessions.endAll(ALICE);
      expect(await sessions.open(cookie.value)).toBeUndefined();
      now -= HOUR;
      await sessions.endAll(ALICE);
      now += 2 * HOUR;
      expect(await sessions.open(cookie.value)).toBeUndefined();
    });

    test('stays ended though a request renewed it while its person logged out everywhere', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'confidant-sessions-'));
      const store = openExpiringSqlite({ file: join(folder, 'db'), busyTimeoutMs: 100, now: () => now * 1000 });
      try {
        let pause: Promise<void> | undefined;
        const slow: ExpiringStore = {
          ...store,
          get: async (key) => {
            const value = await store.get(key);
            await pause;
            return value;
          },
        };
        const sessions = openSessions({ ended: slow, ...(place === 'in a store' && { records: slow }) });
        const { cookie } = await sessions.start(ALICE);
        now += HOUR;
        let goOn = (): void => undefined;
        pause = new Promise((resolve) => (goOn = resolve));
        const inFlight = sessions.open(cookie.value);
        await sessions.endAll(ALICE);
        // The request reaches its renewal after the logout.
        now += 60;
        goOn();
        const renewed = (await inFlight)?.renewed?.value ?? cookie.value;
        pause = undefined;
        for (const later of [0, 12 * HOUR - 61, 2, 60, 12 * HOUR, 800 * HOUR]) {
          now += later;
          expect(await sessions.open(renewed)).toBeUndefined();
        }
      } finally {
        await store.close();
        rmSync(folder, { recursive: true });
      }
    });

    test('is never lengthened by settings that the server is given later, when its logout may be forgotten', async () => {
      const records = place === 'in a store' ? { records: expiringMemory() } : {};
      const { value } = (await open({ ...records, idleSeconds: HOUR }).start(ALICE)).cookie;
      now += 2 * HOUR;
      expect(await open({ ...records, idleSeconds: 12 * HOUR }).open(value)).toBeUndefined();
    });

    test('survives the rotation of the secret, until the old one is taken out', async () => {
      const store = place === 'in a store' ? expiringMemory() : undefined;
      const kept = store ? { records: store, ended: store } : {};
      const { value } = (await open({ ...kept, secrets: [SECRET] }).start(ALICE)).cookie;
      const next = 'the-next-secret-of-more-than-32-characters';
      now += HOUR;
      const rotated = (await open({ ...kept, secrets: [next, SECRET] }).open(value))!;
      expect(rotated.session.person.email).toBe('alice@example.com');
      expect(await open({ ...kept, secrets: [next] }).open(rotated.renewed!.value)).toBeDefined();
      expect(await open({ ...kept, secrets: [next] }).open(value)).toBeUndefined();
    });

    test('does not count while the person is not admitted, and counts again once they are', async () => {
      let people = new Set(['alice@example.com']);
      const sessions = openSessions({ admission: { emailSuffix: '@example.com', listed: () => people } });
      const { value } = (await sessions.start(ALICE)).cookie;
      expect(await sessions.open(value)).toBeDefined();
      people = new Set();
      expect(await sessions.open(value)).toBeUndefined();
      await expect(sessions.start(ALICE)).rejects.toMatchObject({ code: 'not_authorized' });
    });
  });
}

describe('a session in a cookie', () => {
  test('hides what it holds', async () => {
    const { value } = (await open().start(ALICE)).cookie;
    expect(Buffer.from(value.replaceAll('.', ''), 'base64url').toString('latin1')).not.toContain('alice');
  });

  test('with more groups than a cookie can hold is refused with advice, and fits in a store', async () => {
    const groups = Array.from({ length: 200 }, (_, i) => `a group with a rather long name, number ${i}`);
    await expect(open().start({ ...ALICE, groups })).rejects.toThrow(/Redis/);
    const store = expiringMemory();
    expect(await open({ records: store, ended: store }).start({ ...ALICE, groups })).toBeDefined();
  });

  test('is refused when the same secret sealed it for something else', async () => {
    const sealed = await new CookieSeal([SECRET], 'login flow').seal((await open().start(ALICE)).session);
    expect(await open().open(sealed)).toBeUndefined();
  });
});

describe('a session in a store', () => {
  test('cannot be taken over by reading the store, nor forged by writing to it', async () => {
    const entries = new Map<string, string>();
    const memory = expiringMemory();
    const store = {
      ...memory,
      set: (key: string, value: string, ttl: number) => {
        entries.set(key, value);
        return memory.set(key, value, ttl);
      },
    };
    const sessions = open({ records: store, ended: store, signIds: false });
    const [one, two] = [await sessions.start(ALICE), await sessions.start({ ...ALICE, email: 'root@example.com' })];
    const written = JSON.stringify([...entries]);
    expect(written).not.toContain(one.session.id);
    expect(written).not.toContain('example.com');
    const [[, record1], [key2]] = [...entries] as [[string, string], [string, string]];
    await memory.set(key2, record1, 100);
    expect(await sessions.open(two.cookie.value)).toBeUndefined();
  });
});

describe('people', () => {
  test('have an e-mail that is one address in lower case, or none', () => {
    expect(emailOf(' Alice@Example.COM ')).toBe('alice@example.com');
    for (const bad of ['', 'alice', '@x', 'a@b@c', 'a b@c', 'a@b,c@d', '<a@b>', 'a@b\nc@d', 'A@\u212A.com', 7, null]) {
      expect([bad, emailOf(bad)]).toEqual([bad, undefined]);
    }
  });

  test('have groups without duplicates, and too many are refused rather than cut', () => {
    expect(groupsOf(['b', 'a', 'b', 1, ''])).toEqual(['1', 'a', 'b']);
    expect(groupsOf(['a', null])).toBeUndefined();
    expect(groupsOf(['e\u0301'])).toEqual(['\u00e9']);
    expect(groupsOf('one')).toEqual(['one']);
    expect(groupsOf(undefined)).toEqual([]);
    expect(groupsOf(Array.from({ length: 1001 }, String))).toBeUndefined();
  });

  test('are admitted by USERS_FILE, which is read again when it changes; while it cannot be read everybody gets 503', () => {
    const folder = mkdtempSync(join(tmpdir(), 'confidant-users-'));
    const file = join(folder, 'users.yaml');
    writeFileSync(file, 'Alice@Example.com: Alice\nbob@example.com: Bob\n');
    const people = usersFile(file);
    expect([...people()]).toEqual(['alice@example.com', 'bob@example.com']);
    writeFileSync(file, '- carol@example.com\n');
    expect([...people()]).toEqual(['carol@example.com']);
    writeFileSync(file, 'just text');
    expect(people).toThrow(BackendUnavailable);
    rmSync(file);
    expect(people).toThrow(BackendUnavailable);
    writeFileSync(file, '- dave@example.com\n');
    expect([...people()]).toEqual(['dave@example.com']);
    rmSync(folder, { recursive: true });
    expect(() => usersFile(file)).toThrow(/ENOENT/);
  });
});

describe('a login leads to', () => {
  test('a path of this server', () => {
    for (const path of ['/', '/services/web?tab=a#b', '/credentials?next=https://evil.example']) {
      expect(localPath(path)).toBe(path);
    }
  });

  test('never an address of the interface, however it is written', () => {
    for (const path of [
      '/v1/saml/logout',
      '/%76%31/saml/logout',
      '/v1%2fsaml/logout',
      '/a/../%761/x',
      '/%2fv1/',
      '/%zz',
    ]) {
      expect([path, localPath(path)]).toEqual([path, '/']);
    }
    expect(localPath('/services/a%20b')).toBe('/services/a%20b');
  });

  test('never another origin, whatever the request asks for', () => {
    const pieces = fc.constantFrom(
      '/',
      '\\',
      '//',
      ':',
      '@',
      '.',
      '..',
      'evil.example',
      'https:',
      '%2f',
      '%5c',
      '\t',
      '\n',
      '?',
      '#',
      ' ',
      'javascript:',
      'v1',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
        const path = localPath(parts.join(''));
        const resolved = new URL(path, 'https://confidant.example/v1/saml/consume');
        expect(path).toMatch(/^\/(?![/\\])/);
        expect(resolved.origin).toBe('https://confidant.example');
      }),
      { numRuns: 2000 },
    );
  });
});
