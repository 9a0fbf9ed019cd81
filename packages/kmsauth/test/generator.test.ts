import { execFileSync } from 'node:child_process';
import { chmod, chown, link, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KmsRefused, TokenGenerator, TokenValidator, type TokenGeneratorOptions } from '../src/index.js';
import { MemoryKms, recordedTokens } from './memory-kms.js';

const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 21, 22, 41, 8);

let directory: string;
let cacheFile: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kmsauth-'));
  cacheFile = join(directory, 'kept', 'token');
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function world() {
  const kms = new MemoryKms();
  const keyArn = kms.addKey('alias/authnz-user', 'alias/other');
  const clock = { now: START };
  const warnings: string[] = [];
  const generator = (options: Partial<TokenGeneratorOptions> = {}) =>
    new TokenGenerator({
      kms,
      authKey: 'alias/authnz-user',
      from: 'alice',
      to: 'confidant-production',
      userType: 'user',
      version: 2,
      lifetimeMinutes: 10,
      now: () => clock.now,
      onWarning: (message) => warnings.push(message),
      ...options,
    });
  const payloadOf = async (token: string, context: Record<string, string>) => {
    const opened = await kms.decrypt({ ciphertext: Buffer.from(token, 'base64'), context });
    return JSON.parse(opened.plaintext.toString()) as unknown;
  };
  return { kms, keyArn, clock, warnings, generator, payloadOf };
}

const context = { from: 'alice', to: 'confidant-production', user_type: 'user' };
const mode = async (path: string) => (await stat(path)).mode & 0o777;

describe('a token', () => {
  test('a token of version 2 is valid from three minutes ago, for its lifetime', async () => {
    const { generator, payloadOf } = world();
    const { username, token } = await generator().token();
    expect(username).toBe('2/user/alice');
    expect(await payloadOf(token, context)).toEqual({ not_before: '20261121T223808Z', not_after: '20261121T224808Z' });
  });

  test('a token of version 1 binds only from and to, and its username is the bare name of the service', async () => {
    const { generator, payloadOf } = world();
    const { username, token } = await generator({ version: 1, userType: 'service', from: 'svc' }).token();
    expect(username).toBe('svc');
    expect(await payloadOf(token, { from: 'svc', to: 'confidant-production' })).toBeDefined();
  });

  test('onToken reports whether a token was made or read from the cache, once per token', async () => {
    const { generator, clock } = world();
    const told: string[] = [];
    const onToken = (from: string) => told.push(from);
    for (const options of [{ cacheFile }, { cacheFile }, {}]) {
      const alice = generator({ ...options, onToken });
      await alice.token();
      await alice.token();
    }
    clock.now += 10 * MINUTE;
    await generator({ cacheFile, onToken }).token();
    expect(told).toEqual(['kms', 'cache', 'kms', 'kms']);
  });

  test.each([1, 2] as const)(
    'a token of version %d is accepted by the validator, at once and until it is renewed',
    async (version) => {
      const { kms, clock, generator } = world();
      const validator = new TokenValidator({
        kms,
        to: 'confidant-production',
        serviceKeys: new Map(),
        userKeys: ['alias/authnz-user'],
        userTypes: ['user'],
        minimumVersion: 1,
        maximumVersion: 2,
        maxLifetimeMinutes: 10,
        cacheSize: 10,
        now: () => clock.now,
      });
      const alice = generator({ version });
      for (let minute = 0; minute < 30; minute += 1) {
        const { username, token } = await alice.token();
        expect(await validator.validate(username, token)).toMatchObject({ version, from: 'alice' });
        clock.now += MINUTE;
      }
    },
  );

  test('a name, user type or lifetime that no validator accepts is a RangeError', () => {
    const { generator } = world();
    for (const wrong of [
      { from: 'a/b' },
      { from: '' },
      { userType: '' },
      { lifetimeMinutes: 3 },
      { lifetimeMinutes: NaN },
    ]) {
      expect(() => generator(wrong)).toThrow(RangeError);
    }
  });

  test('a refusal by KMS is an error, and the next call tries again', async () => {
    const { kms, generator } = world();
    const alice = generator({ authKey: 'alias/late', cacheFile });
    await expect(alice.token()).rejects.toThrow(KmsRefused);
    kms.addKey('alias/late');
    expect((await alice.token()).username).toBe('2/user/alice');
  });
});

describe('within one process', () => {
  test('a token is reused until three minutes before its expiry, without a cache file', async () => {
    const { kms, clock, generator } = world();
    const alice = generator({ cacheFile: '' });
    const first = await alice.token();
    clock.now = START + 4 * MINUTE;
    expect(await alice.token()).toEqual(first);
    expect(kms.calls.encrypt).toBe(1);
    clock.now += 1;
    expect(await alice.token()).not.toEqual(first);
    expect(await readdir(directory)).toEqual([]);
  });

  test('after the clock goes back a new token is made, because the old one is not valid yet', async () => {
    const { kms, clock, generator } = world();
    const alice = generator();
    await alice.token();
    clock.now = START - 4 * MINUTE;
    await alice.token();
    expect(kms.calls.encrypt).toBe(2);
  });

  test('concurrent calls make one token', async () => {
    const { kms, generator } = world();
    const alice = generator({ cacheFile });
    const all = await Promise.all(Array.from({ length: 10 }, () => alice.token()));
    expect(new Set(all.map(({ token }) => token)).size).toBe(1);
    expect(kms.calls.encrypt).toBe(1);
  });
});

describe('the cache file', () => {
  test("the cache file has the original's fields, and only its owner can read it and its directory", async () => {
    const { generator } = world();
    const { token } = await generator({ cacheFile }).token();
    const file = JSON.parse(await readFile(cacheFile, 'utf8')) as Record<string, unknown>;
    expect(file).toMatchObject({ ...recordedTokens.token_cache_file_contents, token });
    expect(Object.keys(file)).toEqual([...Object.keys(recordedTokens.token_cache_file_contents), 'scope']);
    expect(await mode(cacheFile)).toBe(0o600);
    expect(await mode(join(directory, 'kept'))).toBe(0o700);
  });

  test('the cache file serves other processes until three minutes before the expiry of the token', async () => {
    const { kms, clock, generator } = world();
    const first = await generator({ cacheFile }).token();
    clock.now = START + 4 * MINUTE;
    expect(await generator({ cacheFile }).token()).toEqual(first);
    expect(kms.calls.encrypt).toBe(1);
    clock.now += 1;
    expect(await generator({ cacheFile }).token()).not.toEqual(first);
    expect(JSON.parse(await readFile(cacheFile, 'utf8'))).toMatchObject({ not_after: '20261121T225208Z' });
  });

  test.each<[string, Partial<TokenGeneratorOptions>]>([
    ['sender', { from: 'bob' }],
    ['receiver', { to: 'other' }],
    ['user type', { userType: 'service' }],
    ['version', { version: 1 }],
    ['key', { authKey: 'alias/other' }],
    ['region or endpoint', { cacheScope: 'us-west-2' }],
    ['lifetime', { lifetimeMinutes: 8 }],
  ])('a cache file for another %s is not used', async (_what, other) => {
    const { kms, generator } = world();
    await generator({ cacheFile }).token();
    await generator({ cacheFile, ...other }).token();
    expect(kms.calls.encrypt).toBe(2);
  });

  test('a cache file with fewer or more context names is not used', async () => {
    const { kms, generator } = world();
    await generator({ cacheFile }).token();
    const file = JSON.parse(await readFile(cacheFile, 'utf8')) as object;
    for (const other of [{}, { from: 'alice' }, { ...context, extra: 'x' }, null]) {
      await writeFile(cacheFile, JSON.stringify({ ...file, auth_context: other }));
      await generator({ cacheFile }).token();
    }
    expect(kms.calls.encrypt).toBe(5);
  });

  test('a cache file of the original is not used, because it does not name the key', async () => {
    const { kms, generator } = world();
    await mkdir(join(directory, 'kept'));
    await writeFile(cacheFile, JSON.stringify(recordedTokens.token_cache_file_contents), { mode: 0o600 });
    await generator({ cacheFile }).token();
    expect(kms.calls.encrypt).toBe(1);
  });

  test.each([0o620, 0o602, 0o666])(
    'a cache file with mode %o is not used, and is replaced by a private one',
    async (unsafe) => {
      const { kms, warnings, generator } = world();
      await generator({ cacheFile }).token();
      await chmod(cacheFile, unsafe);
      await generator({ cacheFile }).token();
      expect(kms.calls.encrypt).toBe(2);
      expect(warnings.join()).toMatch(/other users can write it/);
      expect(await mode(cacheFile)).toBe(0o600);
    },
  );

  // Only root can give files away.
  test.runIf(process.geteuid?.() === 0)('a cache file of another user is not used', async () => {
    const { kms, warnings, generator } = world();
    await generator({ cacheFile }).token();
    await chown(cacheFile, 65_534, 65_534);
    await generator({ cacheFile }).token();
    expect(kms.calls.encrypt).toBe(2);
    expect(warnings.join()).toMatch(/another user owns it/);
  });

  test('a cache file that is a link is not followed, neither for reading nor for writing', async () => {
    const { kms, generator } = world();
    const elsewhere = join(directory, 'elsewhere');
    await generator({ cacheFile: elsewhere }).token();
    const before = await readFile(elsewhere, 'utf8');
    await mkdir(join(directory, 'kept'));
    await symlink(elsewhere, cacheFile);
    await generator({ cacheFile }).token();
    expect(kms.calls.encrypt).toBe(2);
    expect(await readFile(elsewhere, 'utf8')).toBe(before);
  });

  test.each(['', '{', '[]', 'null', '{"token": 1}', 'x'.repeat(70_000)])(
    'a cache file with wrong text is replaced (text %#)',
    async (text) => {
      const { generator, payloadOf } = world();
      await mkdir(join(directory, 'kept'));
      await writeFile(cacheFile, text, { mode: 0o600 });
      const { token } = await generator({ cacheFile }).token();
      expect(await payloadOf(token, context)).toBeDefined();
      expect(JSON.parse(await readFile(cacheFile, 'utf8'))).toMatchObject({ token });
    },
  );

  test('the cache file is replaced atomically, and no temporary file remains', async () => {
    const { clock, generator } = world();
    await generator({ cacheFile }).token();
    const old = join(directory, 'old');
    await link(cacheFile, old);
    const before = await readFile(old, 'utf8');
    clock.now += 5 * MINUTE;
    await generator({ cacheFile }).token();
    expect(await readFile(old, 'utf8')).toBe(before);
    expect(await readFile(cacheFile, 'utf8')).not.toBe(before);
    expect(await readdir(join(directory, 'kept'))).toEqual(['token']);
  });

  test('the cache file stays intact when many processes write it at once', async () => {
    const { generator } = world();
    await Promise.all(Array.from({ length: 20 }, () => generator({ cacheFile }).token()));
    expect(JSON.parse(await readFile(cacheFile, 'utf8'))).toMatchObject({ auth_context: context });
    expect(await readdir(join(directory, 'kept'))).toEqual(['token']);
  });

  test('a cache file that cannot be written is a warning without the token, not an error', async () => {
    const { warnings, generator } = world();
    const blocked = join(directory, 'file');
    await writeFile(blocked, '');
    const { token } = await generator({ cacheFile: join(blocked, 'token') }).token();
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).toMatch(/not written/);
    expect(warnings.join()).not.toContain(token);
  });

  test('a cache directory that cannot be created is a warning, and does not hang', async () => {
    const { warnings, generator } = world();
    await generator({ cacheFile: '/proc/nonexistent/below/token' }).token();
    expect(warnings.join()).toMatch(/not written/);
  });

  test('a cache file that is a pipe is a warning, and does not hang', async () => {
    const { warnings, generator } = world();
    await mkdir(join(directory, 'kept'));
    execFileSync('mkfifo', ['-m', '600', cacheFile]);
    await generator({ cacheFile }).token();
    expect(warnings.join()).toMatch(/not a regular file/);
  });

  test('a cache file that is a directory is a warning, and its content stays', async () => {
    const { warnings, generator } = world();
    await mkdir(join(cacheFile, 'inside'), { recursive: true });
    await generator({ cacheFile }).token();
    expect(warnings.join()).toMatch(/not a regular file.*not written/s);
    expect(await readdir(cacheFile)).toEqual(['inside']);
    expect(await readdir(join(directory, 'kept'))).toEqual(['token']);
  });
});
