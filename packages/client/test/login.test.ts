import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loginFile, readLogin, writeLogin } from '../src/cli/login-file.js';
import { cookieOf } from '../src/login-session.js';
import type { LoginSession } from '../src/login-session.js';
import { programPath, runCli, startCli } from './support/cli.js';
import type { CliEnd } from './support/cli.js';
import { startAnswering } from './support/http.js';
import type { Answer, AnsweringServer } from './support/http.js';
import { addressCatcher, person } from './support/person.js';
import type { Person } from './support/person.js';
import { startEmbeddedServer } from './support/embedded-server.js';
import type { EmbeddedServer } from './support/embedded-server.js';
import { openTerminal } from './support/terminal.js';

// Real programs, a real server, and a person who presses what its pages offer.
let server: EmbeddedServer;
let alice: Person;
let folder: string;

beforeAll(async () => {
  server = await startEmbeddedServer();
  alice = person(server.url);
  await alice.logIn(/http\S+\/login#\S+/.exec(server.printed)![0]);
});
afterAll(() => server?.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-login-'));
  return () => rmSync(folder, { recursive: true });
});

const environment = (more: Record<string, string> = {}) => ({ HOME: folder, ...more });
const run = (args: readonly string[], env: Record<string, string> = {}): Promise<CliEnd> =>
  runCli(['confidant', '--url', server.url, ...args], { env: environment(env) });

type Press = (address: string, letters: string) => Promise<unknown>;

/** Runs `login`, and does what the person does in the browser that it opens. */
async function logIn(press: Press = follow): Promise<CliEnd> {
  const browser = addressCatcher(folder);
  const login = startCli(['confidant', '--url', server.url, 'login'], {
    env: environment({ BROWSER: browser.program }),
  });
  await press(await browser.address(), await lettersOn(() => login.told()));
  return login.ended;
}

async function lettersOn(screen: () => string): Promise<string> {
  await expect.poll(screen, { timeout: 30_000 }).toMatch(/: [A-Z]{4}-[A-Z]{4}\s/);
  return /: ([A-Z]{4}-[A-Z]{4})\s/.exec(screen())![1]!;
}

async function follow(address: string, letters: string): Promise<string> {
  const { back } = await alice.allow(address, letters);
  return (await fetch(back!)).text();
}

const kept = (): string => {
  const logins = join(folder, '.local/state/confidant/logins');
  const [file] = readdirSync(logins);
  return join(logins, file!);
};

describe('login', () => {
  it('through the browser, where the letters of the terminal are typed: commands then act as the person', async () => {
    let page: string | undefined;
    const end = await logIn(async (...given) => (page = await follow(...given)));
    expect({ code: end.code, out: JSON.parse(end.stdout) as unknown }).toEqual({
      code: 0,
      out: { email: expect.any(String) as string, result: true },
    });
    expect(end.stderr).toContain(`logged in as `);
    expect(end.stderr).toContain(
      `if no browser appears: Ctrl-C, and confidant --url ${server.url} login --no-browser\n`,
    );
    expect(end.stderr).toContain('other commands go to that server without --url too');
    const bare = await runCli(['confidant', 'whoami'], { env: environment() });
    expect([bare.code, (JSON.parse(bare.stdout) as { by: string }).by]).toEqual([0, 'login']);
    expect((JSON.parse(readFileSync(kept(), 'utf8')) as LoginSession).endsAt).toMatch(/^20\d\d-.*Z$/);
    expect(page).toContain('Your command line is logged in.');

    expect(JSON.parse((await run(['whoami'])).stdout)).toMatchObject({ by: 'login', result: true });
    const created = await run(['create_credential', '--name', 'By login', '--credential-pairs', '{"a": "b"}']);
    expect(created).toMatchObject({ code: 0, stderr: 'confidant: stored: a\n' });
    expect((await run(['get_credential', '--name', 'By login', '-o', 'dotenv'])).stdout).toBe('CREDENTIALS_A=b\n');
    expect(await runCli(['confidant', 'logout'], { env: environment() })).toMatchObject({ code: 0 });
    expect(await run(['--login', 'whoami'])).toMatchObject({ code: 1 });
  });

  it('says where commands without --url go: nowhere, or to another server', async () => {
    vi.stubEnv('XDG_STATE_HOME', join(folder, '.local/state'));
    await writeLogin('https://one.example.com', { email: 'a', cookieName: 'session', cookie: 'c', csrfToken: 't' });
    vi.unstubAllEnvs();
    const several = await logIn();
    // What it says to do works.
    writeFileSync(
      join(folder, '.confidant'),
      /set CONFIDANT_URL, or .* ~\/\.confidant say: (.*)/.exec(several.stderr)![1]!,
    );
    expect(await runCli(['confidant', 'whoami'], { env: environment() })).toMatchObject({ code: 0 });
    rmSync(join(folder, 'address'));
    writeFileSync(join(folder, '.confidant'), JSON.stringify({ default: { url: 'https://one.example.com' } }));
    expect((await logIn()).stderr).toContain('without --url, commands go to another server: https://one.example.com (');
  });

  it('keeps the session for its owner alone, and takes none that others could have written', async () => {
    await logIn();
    expect([statSync(kept()).mode & 0o777, statSync(join(kept(), '..')).mode & 0o777]).toEqual([0o600, 0o700]);
    chmodSync(kept(), 0o644);
    expect(await run(['whoami'])).toMatchObject({ code: 1, stderr: expect.stringContaining('other users') as string });
    chmodSync(kept(), 0o600);
    const moved = join(folder, 'moved');
    renameSync(kept(), moved);
    const link = join(folder, '.local/state/confidant/logins', basename(loginFile(server.url)));
    symlinkSync(moved, link);
    expect(await run(['whoami'])).toMatchObject({ code: 1, stderr: expect.stringContaining('ELOOP') as string });
    rmSync(link);
    // Nobody ever writes into it.
    execFileSync('mkfifo', ['-m', '600', link]);
    expect(await run(['whoami'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not a regular') as string,
    });
    rmSync(link);
    writeFileSync(link, '{}', { mode: 0o600 });
    expect(await run(['whoami'])).toMatchObject({ code: 1, stderr: expect.stringContaining('damaged') as string });
  });

  it('says what to do where the session can not be kept', async () => {
    vi.stubEnv('XDG_STATE_HOME', '/proc/nonexistent/state');
    const session = { email: 'a', cookieName: 'session', cookie: 'c', csrfToken: 't' };
    await expect(writeLogin(server.url, session)).rejects.toThrow(/can not be written \(\w+\): set XDG_STATE_HOME/);
    vi.unstubAllEnvs();
  });

  it('by a code that the person carries, asked for without echo', async () => {
    const terminal = openTerminal(
      `exec '${process.execPath}' '${programPath('confidant')}' --url '${server.url}' login --no-browser`,
      { folder, env: environment() },
    );
    await terminal.shown('Code of the page: ');
    const address = /http\S+/.exec(terminal.screen())![0];
    const { code } = await alice.allow(address, await lettersOn(() => terminal.screen()));
    terminal.type('no code\r');
    await terminal.shown('the server refused the code');
    await expect.poll(() => terminal.screen().match(/Code of the page: /g)).toHaveLength(2);
    terminal.type(`${code}\r`);
    const { code: exit, screen } = await terminal.ended;
    expect({ exit, hasCode: screen.includes(code!) }).toEqual({ exit: 0, hasCode: false });
    expect(JSON.parse((await run(['whoami'])).stdout)).toMatchObject({ by: 'login' });
  });

  it('other requests, other states, codes and letters are no answer: the login goes on until the right one', async () => {
    const end = await logIn(async (address, letters) => {
      const { back } = await alice.allow(address, letters);
      for (const state of ['x'.repeat(32), '']) {
        const wrong = new URL(back!);
        wrong.searchParams.set('state', state);
        expect((await fetch(wrong)).status).toBe(404);
      }
      expect((await fetch(back!, { method: 'POST' })).status).toBe(404);
      const wrong = new URL(back!);
      wrong.searchParams.set('code', 'no code of the server');
      expect((await fetch(wrong)).status).toBe(401);
      // Of another terminal, or mistyped.
      expect(await follow(address, 'BCDF-GHJK')).toContain('not those of your terminal');
      expect((await fetch(back!)).status).toBe(200);
    });
    expect(end).toMatchObject({ code: 0, stderr: expect.stringContaining('(3 more)') as string });
  });

  it('ends after five wrong codes', async () => {
    const end = await logIn(async (address, letters) => {
      const { back } = await alice.allow(address, letters);
      const wrong = new URL(back!);
      wrong.searchParams.set('code', 'no code of the server');
      for (let time = 0; time < 5; time++) expect((await fetch(wrong)).status).toBe(401);
    });
    expect(end).toMatchObject({ code: 1, stderr: expect.stringContaining('none was right') as string });
    expect(await run(['--login', 'whoami'])).toMatchObject({ code: 1 });
  });

  it('ends when it is done, whatever connections others hold', async () => {
    const held: Socket[] = [];
    const end = await logIn(async (address, letters) => {
      const port = Number(new URL(address).searchParams.get('port'));
      for (let each = 0; each < 3; each++) held.push(connect(port, '127.0.0.1').on('error', () => undefined));
      held[1]!.write('GET / HTTP/1.1\r\n');
      await follow(address, letters);
    });
    expect(end.code).toBe(0);
    for (const socket of held) socket.destroy();
  });

  it('ends the session of the login before it, which nobody could end any more', async () => {
    await logIn();
    const { cookieName, cookie } = JSON.parse(readFileSync(kept(), 'utf8')) as LoginSession;
    const ask = async () =>
      (await fetch(`${server.url}/v1/user/email`, { headers: { cookie: `${cookieName}=${cookie}` } })).status;
    expect(await ask()).toBe(200);
    rmSync(join(folder, 'address'));
    await logIn();
    expect(await ask()).toBe(401);
    expect(await run(['whoami'])).toMatchObject({ code: 0 });
  });

  it('goes no further without https, or where the server offers it to nobody', async () => {
    const far = await runCli(['confidant', '--url', 'http://confidant.example.com', 'login'], { env: environment() });
    expect(far).toMatchObject({ code: 1, stderr: expect.stringContaining('needs https') as string });
    const original = await startAnswering(() => undefined);
    const end = await runCli(['confidant', '--url', original.url, 'login'], { env: environment() });
    expect(end).toMatchObject({ code: 1, stderr: expect.stringContaining('offers no login') as string });
    expect(original.seen.map(({ path }) => path)).toEqual(['/v1/login/cli']);
    await original.close();
    const elsewhere = await startAnswering(() => ({ body: { server: 'https://confidant.example.com' } }));
    const misled = await runCli(['confidant', '--url', elsewhere.url, 'login'], { env: environment() });
    expect(misled).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('(--url https://confidant.example.com)') as string,
    });
    await elsewhere.close();
    for (const [server, told] of [
      [
        'https://x/$(touch owned)\nhttps://y',
        /calls itself \S+: log in there \(--url 'https:\/\/x\/\$\(touch%20owned\)\S*'\)\n$/,
      ],
      ['$(touch owned)', /calls itself something else\n$/],
    ] as const) {
      const hostile = await startAnswering(() => ({ body: { server } }));
      const end = await runCli(['confidant', '--url', hostile.url, 'login'], { env: environment() });
      expect(end).toMatchObject({ code: 1, stderr: expect.stringMatching(told) as string });
      await hostile.close();
    }
  });
});

describe('the session of a login', () => {
  it('is not what a configuration with a key uses, unless asked for', async () => {
    await logIn();
    const config = join(folder, 'service.json');
    const profile = {
      url: server.url,
      auth_key: 'alias/authnz',
      region: 'us-east-1',
      auth_context: { from: 'web', to: 'confidant', user_type: 'service' },
      retries: 0,
      timeout: 60,
      token_cache_file: '',
    };
    writeFileSync(config, JSON.stringify({ default: profile, person: { ...profile, login: true } }));
    const ask = (...args: string[]) =>
      runCli(['confidant', '--config-files', config, ...args], {
        env: environment({ AWS_EC2_METADATA_DISABLED: 'true' }),
      });
    expect(await ask('whoami')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no AWS credentials') as string,
    });
    expect(await ask('--login', 'whoami')).toMatchObject({ code: 0 });
    expect(await ask('--profile', 'person', 'whoami')).toMatchObject({ code: 0 });
    // What needs a token says so.
    expect(await run(['token'])).toMatchObject({ code: 1, stdout: '' });
  });

  it('ends at the server with logout, every copy of it, and the command line says what to do', async () => {
    await logIn();
    const copy = readFileSync(kept(), 'utf8');
    const file = kept();
    expect(await run(['logout'])).toMatchObject({ code: 0 });
    expect(readdirSync(join(file, '..'))).toEqual([]);
    writeFileSync(file, copy, { mode: 0o600 });
    const ended = await run(['list_credentials']);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('the login has ended') as string });
    // Nothing left to end: no failure.
    expect(await run(['logout'])).toMatchObject({ code: 0 });
    expect(await run(['logout'])).toMatchObject({ code: 0, stderr: expect.stringContaining('no login') as string });
  });

  it('ends with logout --everywhere of another command line, as does the browser', async () => {
    const other = await startEmbeddedServer();
    try {
      const bob = person(other.url);
      await bob.logIn(/http\S+\/login#\S+/.exec(other.printed)![0]);
      const homes = ['one', 'two'].map((name) => join(folder, name));
      const at = (home: string, ...args: string[]) =>
        runCli(['confidant', '--url', other.url, ...args], { env: { HOME: home } });
      for (const home of homes) {
        mkdirSync(home);
        const browser = addressCatcher(home);
        const login = startCli(['confidant', '--url', other.url, 'login'], {
          env: { HOME: home, BROWSER: browser.program },
        });
        const { back } = await bob.allow(await browser.address(), await lettersOn(() => login.told()));
        await fetch(back!);
        expect(await login.ended).toMatchObject({ code: 0 });
      }
      const [one, two] = homes as [string, string];
      expect(await at(two, 'whoami')).toMatchObject({ code: 0 });
      expect(await at(one, 'logout', '--everywhere')).toMatchObject({ code: 0 });
      expect(await at(two, 'whoami')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('the login has ended') as string,
      });
      expect(await at(two, 'logout', '--everywhere')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('log in again') as string,
      });
      expect(await at(one, 'logout', '--everywhere')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('there is no login') as string,
      });
    } finally {
      await other.stop();
    }
  });

  it('is not brought back by its own logout, which renews its cookie before it takes it away', async () => {
    const ending = await startAnswering(() => ({
      headers: { 'set-cookie': 'session=renewed; Path=/; HttpOnly, session=; Path=/; Max-Age=0' },
      body: {},
    }));
    vi.stubEnv('XDG_STATE_HOME', folder);
    await writeLogin(ending.url, { email: 'a', cookieName: 'session', cookie: 'c', csrfToken: 't' });
    const end = await runCli(['confidant', '--url', ending.url, 'logout'], {
      env: environment({ XDG_STATE_HOME: folder }),
    });
    expect([end.code, await readLogin(ending.url)]).toEqual([0, undefined]);
    vi.unstubAllEnvs();
    await ending.close();
    expect(cookieOf('a=1; Path=/, ab=2, a=3; Path=/', 'a')).toEqual({ cookie: '3' });
  });

  it('is kept when it is not certain that the server has ended it', async () => {
    const refusing = await startAnswering(({ path }) =>
      path === '/v1/logout' ? { status: 401, body: { error: 'no' } } : { body: { email: 'alice@example.com' } },
    );
    vi.stubEnv('XDG_STATE_HOME', folder);
    await writeLogin(refusing.url, { email: 'a', cookieName: 'session', cookie: 'c', csrfToken: 't' });
    const end = await runCli(['confidant', '--url', refusing.url, 'logout'], {
      env: environment({ XDG_STATE_HOME: folder }),
    });
    expect(end).toMatchObject({ code: 1 });
    expect(await readLogin(refusing.url)).toBeDefined();
    vi.unstubAllEnvs();
    await refusing.close();
  });

  it('is taken over when the server renews it, and not brought back by a renewal after a logout', async () => {
    let before = (): void => undefined;
    let cookie = 'renewed';
    const renewing = await startAnswering(() => {
      before();
      const headers = { 'set-cookie': `session=${cookie}; Path=/; Expires=Thu, 01 Jan 2099 00:00:00 GMT; HttpOnly` };
      return { headers, body: { email: 'alice@example.com' } };
    });
    const state = join(folder, 'state');
    const ask = () =>
      runCli(['confidant', '--url', renewing.url, '--login', 'whoami'], {
        env: environment({ XDG_STATE_HOME: state }),
      });
    await logIn();
    const session = JSON.parse(readFileSync(kept(), 'utf8')) as Parameters<typeof writeLogin>[1];
    vi.stubEnv('XDG_STATE_HOME', state);
    await writeLogin(renewing.url, { ...session, cookieName: 'session', cookie: 'first' });
    expect(await ask()).toMatchObject({ code: 0 });
    expect(await ask()).toMatchObject({ code: 0 });
    expect(renewing.seen.map(({ headers }) => headers.cookie)).toEqual(['session=first', 'session=renewed']);
    expect((await readLogin(renewing.url))?.cookie).toBe('renewed');
    // Another login at the same server, while this command waits for its answer.
    before = () =>
      writeFileSync(
        loginFile(renewing.url),
        readFileSync(loginFile(renewing.url), 'utf8').replace(session.csrfToken, 'of another session'),
      );
    cookie = 'not-theirs';
    expect(await ask()).toMatchObject({ code: 0 });
    expect(await readLogin(renewing.url)).toMatchObject({ cookie: 'renewed', csrfToken: 'of another session' });
    // The logout of another command, while this one waits for its answer.
    before = () => rmSync(loginFile(renewing.url));
    cookie = 'again';
    expect(await ask()).toMatchObject({ code: 0 });
    expect(await readLogin(renewing.url)).toBeUndefined();
    expect(await ask()).toMatchObject({ code: 1, stderr: expect.stringContaining('nobody is logged in') as string });
    vi.unstubAllEnvs();
    await renewing.close();
  });
});

describe('without an address', () => {
  const session = (cookie: string, endsAt?: string): LoginSession => ({
    ...{ email: 'a', cookieName: 'session', cookie, csrfToken: 't' },
    ...(endsAt === undefined ? {} : { endsAt }),
  });
  const [past, future] = ['2001-01-01T00:00:00.000Z', '2999-01-01T00:00:00.000Z'];
  let one: AnsweringServer;
  let two: AnsweringServer;
  /** Of the first. */
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
    runCli(['confidant', ...args], { env: environment({ AWS_EC2_METADATA_DISABLED: 'true', ...env }) });
  const keep = async (at: AnsweringServer, login: LoginSession): Promise<void> => {
    vi.stubEnv('XDG_STATE_HOME', join(folder, '.local/state'));
    await writeLogin(at.url, login);
    vi.unstubAllEnvs();
  };
  const cookies = ({ seen }: AnsweringServer) => seen.map(({ headers }) => headers.cookie);
  const configure = (profile: object): void =>
    writeFileSync(join(folder, '.confidant'), JSON.stringify({ default: profile }));

  it('the only login that has not ended is used, at the server that it was made for', async () => {
    await keep(one, session('of-one', future));
    await keep(two, session('of-two', past));
    expect(await ask(['whoami'])).toMatchObject({ code: 0, stderr: '' });
    expect([cookies(one), cookies(two)]).toEqual([['session=of-one'], []]);
    // What says nothing of a server changes nothing.
    configure({ region: 'us-east-1' });
    expect(await ask(['whoami'])).toMatchObject({ code: 0 });
    expect(await ask(['logout'])).toMatchObject({ code: 0 });
    expect([cookies(one), cookies(two)]).toEqual([Array(3).fill('session=of-one'), []]);
  });

  it('of several none is used: the error tells them, and how to choose', async () => {
    await keep(one, session('of-one'));
    await keep(two, session('of-two', future));
    for (const command of ['whoami', 'logout', 'login']) {
      const end = await ask([command]);
      expect(end).toMatchObject({ code: 1, stdout: '' });
      for (const { url } of [one, two]) expect(end.stderr).toContain(url);
      expect(end.stderr).toContain('say which by --url, CONFIDANT_URL or url in the configuration');
    }
    expect([...cookies(one), ...cookies(two)]).toEqual([]);
    expect(await ask(['whoami'], { CONFIDANT_URL: two.url })).toMatchObject({ code: 0 });
    expect([cookies(one), cookies(two)]).toEqual([[], ['session=of-two']]);
  });

  it('of several it is not the only one because the other can not be read', async () => {
    await keep(one, session('of-one'));
    await keep(two, session('of-two'));
    vi.stubEnv('XDG_STATE_HOME', join(folder, '.local/state'));
    const unusable = loginFile(two.url);
    vi.unstubAllEnvs();
    for (const spoil of [() => chmodSync(unusable, 0o644), () => writeFileSync(unusable, '{', { mode: 0o600 })]) {
      spoil();
      const end = await ask(['whoami']);
      expect(end).toMatchObject({ code: 1, stdout: '' });
      for (const text of [`${unusable} can not be used: delete it`, one.url, 'say which by --url']) {
        expect(end.stderr).toContain(text);
      }
    }
    expect(cookies(one)).toEqual([]);
  });

  it('one that the server has ended is not the only one any more', async () => {
    await keep(one, session('of-one'));
    await keep(two, session('of-two'));
    answers = { status: 401, body: { error: 'Unauthenticated' } };
    const end = await ask(['--url', one.url, 'whoami']);
    expect(end.code).toBe(1);
    expect(end.stderr).toContain(`the login has ended: confidant --url ${one.url} login`);
    answers = { body: { email: 'alice@example.com' } };
    expect(await ask(['whoami'])).toMatchObject({ code: 0, stderr: '' });
    expect(cookies(two)).toEqual(['session=of-two']);
  });

  it('a change says at which server it is made', async () => {
    await keep(one, session('of-one'));
    const end = await ask(['create_credential', '--name', 'x', '--credential-pairs', '{"a": "b"}']);
    expect(end.stderr).toContain(`at ${one.url} (the only login)`);
  });

  it('a logout where nobody is logged in is a success', async () => {
    expect(await ask(['logout'])).toMatchObject({ code: 0, stderr: expect.stringContaining('nobody is') as string });
  });

  it('of many no part is looked at as if it were all', async () => {
    for (let n = 0; n < 60; n += 1) await keep({ ...one, url: `https://s${n}.example.com` }, session('c', past));
    await keep(one, session('of-one', future));
    expect(await ask(['whoami'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('more than 50 logins are kept: say which by --url') as string,
    });
    expect(cookies(one)).toEqual([]);
  });

  it('one that has ended is told, and used by nothing but login and logout', async () => {
    await keep(one, session('of-one', past));
    const end = await ask(['whoami']);
    expect(end).toMatchObject({ code: 1, stdout: '' });
    expect(end.stderr).toContain(`the login at ${one.url} has ended: confidant --url ${one.url} login`);
    expect(cookies(one)).toEqual([]);
    expect((await ask(['login'])).stderr).toContain('open this address in a browser');
    expect(one.seen.map(({ path }) => path)).toContain('/v1/login/cli');
    expect(await ask(['logout'])).toMatchObject({ code: 0 });
    expect((await ask(['whoami'])).stderr).toMatch(/no server address: [^\n]*\n.*see confidant --help\n$/);
  });

  it('neither a login nor a token goes to an address it was not made for', async () => {
    await keep(one, session('of-one', future));
    // Of another server there is no login.
    for (const [args, env] of [
      [['--url', two.url], {}],
      [[], { CONFIDANT_URL: two.url }],
    ] as const) {
      const end = await ask([...args, 'whoami'], env);
      expect(end).toMatchObject({ code: 1, stderr: expect.stringContaining('nobody is logged in at') as string });
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
      expect(end.stderr).toContain(`a login is kept for ${one.url}: --login --url ${one.url} uses it`);
      expect(await ask(['--url', '', 'whoami'])).toMatchObject({ code: 1 });
    }
    // A configuration that is named and is not there has another server, if any.
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

  it('the end of a login is what its cookie says, and moves when the server renews it', async () => {
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
    const { endsAt } = JSON.parse(readFileSync(kept(), 'utf8')) as LoginSession;
    expect(Date.parse(endsAt!)).toBeGreaterThan(Date.now() + 3_000_000);
    await renewing.close();
  });
});
