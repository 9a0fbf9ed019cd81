import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { loginFile, writeLogin } from '../src/cli/login/store.js';
import { cookieOf, type LoginSession } from '../src/sdk/session-transport.js';
import { PATIENT, runCli } from './support/cli.js';
import { startAnswering, type Answer, type AnsweringServer } from './support/http.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-login-'));
  return () => rmSync(folder, { recursive: true });
});

const environment = (more: Record<string, string> = {}) => ({ HOME: folder, ...more });

describe('without an address', () => {
  const session = (cookie: string, endsAt?: string): LoginSession => ({
    ...{ email: 'a', cookieName: 'session', cookie, csrfToken: 't' },
    ...(endsAt === undefined ? {} : { endsAt }),
  });
  const [past, future] = ['2001-01-01T00:00:00.000Z', '2999-01-01T00:00:00.000Z'];
  let one: AnsweringServer;
  let two: AnsweringServer;
  /** The answer of the first server. */
  let answers: Answer;
  beforeEach(async () => {
    answers = { body: { email: 'alice@example.com' } };
    one = await startAnswering(() => answers);
    two = await startAnswering(() => ({ body: { email: 'alice@example.com' } }));
    return async () => {
      await one.close();
      await two.close();
    };
  });
  const ask = (args: readonly string[], env: Record<string, string> = {}) =>
    runCli([...PATIENT, ...args], { env: environment({ AWS_EC2_METADATA_DISABLED: 'true', ...env }) });
  const keep = async (at: AnsweringServer, login: LoginSession): Promise<void> => {
    vi.stubEnv('XDG_STATE_HOME', join(folder, '.local/state'));
    await writeLogin(at.url, login);
    vi.unstubAllEnvs();
  };
  const fileOf = ({ url }: AnsweringServer): string => {
    vi.stubEnv('XDG_STATE_HOME', join(folder, '.local/state'));
    const file = loginFile(url);
    vi.unstubAllEnvs();
    return file;
  };
  const cookies = ({ seen }: AnsweringServer) => seen.map(({ headers }) => headers.cookie);
  const configure = (profile: object): void =>
    writeFileSync(join(folder, '.confidant'), JSON.stringify({ default: profile }));

  test('the only login that has not ended is used, at its own server', async () => {
    await keep(one, session('of-one', future));
    await keep(two, session('of-two', past));
    expect(await ask(['whoami'])).toMatchObject({ code: 0, stderr: '' });
    expect([cookies(one), cookies(two)]).toEqual([['session=of-one'], []]);
    // A configuration without an address changes nothing.
    configure({ region: 'us-east-1' });
    expect(await ask(['whoami'])).toMatchObject({ code: 0 });
    expect(await ask(['logout'])).toMatchObject({ code: 0 });
    expect([cookies(one), cookies(two)]).toEqual([Array(3).fill('session=of-one'), []]);
  });

  test('with several logins none is used, and the error lists them and says how to choose', async () => {
    await keep(one, session('of-one'));
    await keep(two, session('of-two', future));
    for (const command of ['whoami', 'logout', 'login']) {
      const end = await ask([command]);
      expect(end).toMatchObject({ code: 1, stdout: '' });
      for (const { url } of [one, two]) expect(end.stderr).toContain(url);
      expect(end.stderr).toContain('choose one with --url, CONFIDANT_URL or url in the configuration');
    }
    expect([...cookies(one), ...cookies(two)]).toEqual([]);
    expect(await ask(['whoami'], { CONFIDANT_URL: two.url })).toMatchObject({ code: 0 });
    expect([cookies(one), cookies(two)]).toEqual([[], ['session=of-two']]);
  });

  test('a login is not the only one if another one cannot be read', async () => {
    await keep(one, session('of-one'));
    await keep(two, session('of-two'));
    const unusable = fileOf(two);
    for (const spoil of [() => chmodSync(unusable, 0o644), () => writeFileSync(unusable, '{', { mode: 0o600 })]) {
      spoil();
      const end = await ask(['whoami']);
      expect(end).toMatchObject({ code: 1, stdout: '' });
      for (const text of [`${unusable} cannot be used: delete it`, one.url, 'choose one with --url']) {
        expect(end.stderr).toContain(text);
      }
    }
    expect(cookies(one)).toEqual([]);
  });

  test('a login that the server has ended no longer counts', async () => {
    await keep(one, session('of-one'));
    await keep(two, session('of-two'));
    answers = { status: 401, body: { error: 'Unauthenticated' } };
    const end = await ask(['--url', one.url, 'whoami']);
    expect(end.code).toBe(1);
    expect(end.stderr).toContain(`the login has ended: run confidant --url ${one.url} login`);
    answers = { body: { email: 'alice@example.com' } };
    expect(await ask(['whoami'])).toMatchObject({ code: 0, stderr: '' });
    expect(cookies(two)).toEqual(['session=of-two']);
  });

  test('a change reports the server on which it is made', async () => {
    await keep(one, session('of-one'));
    const end = await ask(['create_credential', '--name', 'x', '--credential-pairs', '{"a": "b"}']);
    expect(end.stderr).toContain(`at ${one.url} (the only login)`);
  });

  test('a logout without a login succeeds', async () => {
    expect(await ask(['logout'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('you are not logged in') as string,
    });
  });

  test('with more logins than are read, none is used', async () => {
    for (let n = 0; n < 60; n += 1) await keep({ ...one, url: `https://s${n}.example.com` }, session('c', past));
    await keep(one, session('of-one', future));
    expect(await ask(['whoami'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there are more than 50 saved logins: choose one with --url') as string,
    });
    expect(cookies(one)).toEqual([]);
  });

  test('a login that has ended is reported, and used only by login and logout', async () => {
    await keep(one, session('of-one', past));
    const end = await ask(['whoami']);
    expect(end).toMatchObject({ code: 1, stdout: '' });
    expect(end.stderr).toContain(`the login at ${one.url} has ended: run confidant --url ${one.url} login`);
    expect(cookies(one)).toEqual([]);
    expect((await ask(['login'])).stderr).toContain('open this address in a browser');
    expect(one.seen.map(({ path }) => path)).toContain('/v1/login/cli');
    expect(await ask(['logout'])).toMatchObject({ code: 0 });
    expect((await ask(['whoami'])).stderr).toMatch(/no server address: [^\n]*\n.*see confidant --help\n$/);
  });

  test('neither a login nor a token is sent to another address', async () => {
    await keep(one, session('of-one', future));
    // There is no login at the other server.
    for (const [args, env] of [
      [['--url', two.url], {}],
      [[], { CONFIDANT_URL: two.url }],
    ] as const) {
      const end = await ask([...args, 'whoami'], env);
      expect(end).toMatchObject({ code: 1, stderr: expect.stringContaining('you are not logged in at') as string });
    }
    const service = {
      auth_key: 'alias/authnz',
      region: 'us-east-1',
      auth_context: { from: 'web', to: 'confidant', user_type: 'service' },
      token_cache_file: '',
    };
    for (const profile of [service, { login: false }]) {
      configure(profile);
      const end = await ask(['whoami']);
      expect(end.stderr).toContain('no server address');
      expect(end.stderr).toContain(`you are logged in at ${one.url}: to use this login, give --login --url ${one.url}`);
      expect(await ask(['--url', '', 'whoami'])).toMatchObject({ code: 1 });
    }
    // A configuration that was named but does not exist could belong to another server.
    configure({});
    const other = join(folder, 'other.json');
    writeFileSync(other, '{"production": {}}');
    for (const args of [
      ['--profile', 'production'],
      ['--config-files', other, '--profile', 'default'],
      ['--config-files', join(folder, 'nothing')],
    ]) {
      expect(await ask([...args, 'whoami'])).toMatchObject({ code: 1, stdout: '' });
    }
    expect(await ask(['whoami'], { CONFIDANT_CONFIG_FILES: join(folder, 'nothing') })).toMatchObject({ code: 1 });
    expect([one.seen, two.seen]).toEqual([[], []]);
    configure(service);
    expect(await ask(['--login', 'whoami'])).toMatchObject({ code: 0 });
    expect(one.seen.map(({ headers }) => [headers.cookie, headers.authorization])).toEqual([
      ['session=of-one', undefined],
    ]);
  });

  test('the expiry of a login is that of its cookie, and changes when the server renews it', async () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    const set = 'session=a; Path=/; Expires=Thu, 01 Jan 2099 00:00:00 GMT; Max-Age=60; HttpOnly, xsrf=b; Max-Age=7';
    expect(cookieOf(set, 'session', now)).toEqual({ cookie: 'a', endsAt: '2026-01-01T00:01:00.000Z' });
    expect(cookieOf(set, 'xsrf', now)).toEqual({ cookie: 'b', endsAt: '2026-01-01T00:00:07.000Z' });
    expect(cookieOf('session=a; Path=/, xsrf=b; Max-Age=7', 'session', now)).toEqual({ cookie: 'a' });
    expect(cookieOf('session=a; Max-Age=60 ; Secure, Session=evil; Max-Age=1', 'session', now)).toEqual({
      cookie: 'a',
      endsAt: '2026-01-01T00:01:00.000Z',
    });
    const renewing = await startAnswering(() => ({
      headers: { 'set-cookie': 'session=same; Max-Age=3600; Path=/' },
      body: { email: 'alice@example.com' },
    }));
    await keep(renewing, session('same', new Date(Date.now() + 60_000).toISOString()));
    expect(await ask(['whoami'])).toMatchObject({ code: 0 });
    const { endsAt } = JSON.parse(readFileSync(fileOf(renewing), 'utf8')) as LoginSession;
    expect(Date.parse(endsAt!)).toBeGreaterThan(Date.now() + 3_000_000);
    await renewing.close();
  });
});
