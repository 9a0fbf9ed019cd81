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
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { loginFile, readLogin, writeLogin } from '../src/cli/login/store.js';
import { cookieOf, type LoginSession } from '../src/sdk/session-transport.js';
import { PATIENT, programPath, runCli, startCli, type CliEnd } from './support/cli.js';
import { startAnswering } from './support/http.js';
import { addressCatcher, person, type Person } from './support/person.js';
import { startEmbeddedServer, type EmbeddedServer } from './support/embedded-server.js';
import { openTerminal } from './support/terminal.js';

// These tests run real programs and a real server, and a person who presses the buttons of its pages.
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
  runCli([...PATIENT, '--url', server.url, ...args], { env: environment(env) });

type Press = (address: string, letters: string) => Promise<unknown>;

/** Runs `login`, and acts as the person in the browser that it opens. */
async function logIn(press: Press = follow): Promise<CliEnd> {
  const browser = addressCatcher(folder);
  const login = startCli([...PATIENT, '--url', server.url, 'login'], {
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
  test('after typing the letters of the terminal in the browser, commands act as the person', async () => {
    let page: string | undefined;
    const end = await logIn(async (...given) => (page = await follow(...given)));
    expect({ code: end.code, out: JSON.parse(end.stdout) as unknown }).toEqual({
      code: 0,
      out: { email: expect.any(String) as string, result: true },
    });
    expect(end.stderr).toContain(`logged in as `);
    expect(end.stderr).toContain(
      `if no browser appears, press Ctrl-C and run confidant --url ${server.url} login --no-browser\n`,
    );
    expect(end.stderr).toContain('other commands go to that server without --url too');
    const bare = await runCli([...PATIENT, 'whoami'], { env: environment() });
    expect([bare.code, (JSON.parse(bare.stdout) as { by: string }).by]).toEqual([0, 'login']);
    expect((JSON.parse(readFileSync(kept(), 'utf8')) as LoginSession).endsAt).toMatch(/^20\d\d-.*Z$/);
    expect(page).toContain('Your command line is logged in.');

    expect(JSON.parse((await run(['whoami'])).stdout)).toMatchObject({ by: 'login', result: true });
    const created = await run(['create_credential', '--name', 'By login', '--credential-pairs', '{"a": "b"}']);
    expect(created).toMatchObject({ code: 0, stderr: 'confidant: stored: a\n' });
    expect((await run(['get_credential', '--name', 'By login', '-o', 'dotenv'])).stdout).toBe('CREDENTIALS_A=b\n');
    expect(await runCli([...PATIENT, 'logout'], { env: environment() })).toMatchObject({ code: 0 });
    expect(await run(['--login', 'whoami'])).toMatchObject({ code: 1 });
  });

  test('login says which server commands without --url use: none, or another one', async () => {
    vi.stubEnv('XDG_STATE_HOME', join(folder, '.local/state'));
    await writeLogin('https://one.example.com', { email: 'a', cookieName: 'session', cookie: 'c', csrfToken: 't' });
    vi.unstubAllEnvs();
    const several = await logIn();
    // The advice in the message works.
    writeFileSync(
      join(folder, '.confidant'),
      /set CONFIDANT_URL, or put this into ~\/\.confidant: (.*)/.exec(several.stderr)![1]!,
    );
    expect(await runCli([...PATIENT, 'whoami'], { env: environment() })).toMatchObject({ code: 0 });
    rmSync(join(folder, 'address'));
    writeFileSync(join(folder, '.confidant'), JSON.stringify({ default: { url: 'https://one.example.com' } }));
    expect((await logIn()).stderr).toContain('without --url, commands go to another server: https://one.example.com (');
  });

  test('the session is saved for its owner only, and one that others could have written is not used', async () => {
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
    // Nothing ever writes into this pipe.
    execFileSync('mkfifo', ['-m', '600', link]);
    expect(await run(['whoami'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not a regular') as string,
    });
    rmSync(link);
    writeFileSync(link, '{}', { mode: 0o600 });
    expect(await run(['whoami'])).toMatchObject({ code: 1, stderr: expect.stringContaining('damaged') as string });
  });

  test('if the session cannot be saved, login says what to do', async () => {
    vi.stubEnv('XDG_STATE_HOME', '/proc/nonexistent/state');
    const session = { email: 'a', cookieName: 'session', cookie: 'c', csrfToken: 't' };
    await expect(writeLogin(server.url, session)).rejects.toThrow(/cannot be written \(\w+\): set XDG_STATE_HOME/);
    vi.unstubAllEnvs();
  });

  test('login without a local browser asks for a code, without echo', async () => {
    const terminal = openTerminal(
      `exec '${process.execPath}' '${programPath('confidant')}' --timeout 60 --url '${server.url}' login --no-browser`,
      { folder, env: environment() },
    );
    await terminal.shown('Code from the page: ');
    const address = /http\S+/.exec(terminal.screen())![0];
    const { code } = await alice.allow(address, await lettersOn(() => terminal.screen()));
    terminal.type('no code\r');
    await terminal.shown('the server refused the code');
    await expect.poll(() => terminal.screen().match(/Code from the page: /g)).toHaveLength(2);
    terminal.type(`${code}\r`);
    const { code: exit, screen } = await terminal.ended;
    expect({ exit, hasCode: screen.includes(code!) }).toEqual({ exit: 0, hasCode: false });
    expect(JSON.parse((await run(['whoami'])).stdout)).toMatchObject({ by: 'login' });
  });

  test('wrong requests, states, codes and letters do not end the login, which waits for the right code', async () => {
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
      // These letters belong to another terminal, or are mistyped.
      expect(await follow(address, 'BCDF-GHJK')).toContain('do not match those in your terminal');
      expect((await fetch(back!)).status).toBe(200);
    });
    expect(end).toMatchObject({ code: 0, stderr: expect.stringContaining('(3 tries left)') as string });
  });

  test('login fails after five wrong codes', async () => {
    const end = await logIn(async (address, letters) => {
      const { back } = await alice.allow(address, letters);
      const wrong = new URL(back!);
      wrong.searchParams.set('code', 'no code of the server');
      for (let time = 0; time < 5; time++) expect((await fetch(wrong)).status).toBe(401);
    });
    expect(end).toMatchObject({ code: 1, stderr: expect.stringContaining('no valid code arrived') as string });
    expect(await run(['--login', 'whoami'])).toMatchObject({ code: 1 });
  });

  test('login ends when done, even if other connections are open', async () => {
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

  test('a new login ends the previous session, which could not be ended otherwise', async () => {
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

  test('login refuses plain http, and servers that do not offer it', async () => {
    const far = await runCli([...PATIENT, '--url', 'http://confidant.example.com', 'login'], { env: environment() });
    expect(far).toMatchObject({ code: 1, stderr: expect.stringContaining('needs https') as string });
    const original = await startAnswering(() => undefined);
    const end = await runCli([...PATIENT, '--url', original.url, 'login'], { env: environment() });
    expect(end).toMatchObject({ code: 1, stderr: expect.stringContaining('offers no login') as string });
    expect(original.seen.map(({ path }) => path)).toEqual(['/v1/login/cli']);
    await original.close();
    const elsewhere = await startAnswering(() => ({ body: { server: 'https://confidant.example.com' } }));
    const misled = await runCli([...PATIENT, '--url', elsewhere.url, 'login'], { env: environment() });
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
      const end = await runCli([...PATIENT, '--url', hostile.url, 'login'], { env: environment() });
      expect(end).toMatchObject({ code: 1, stderr: expect.stringMatching(told) as string });
      await hostile.close();
    }
  });
});

describe('the session of a login', () => {
  test('a configuration with a key uses a login only with --login', async () => {
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
      runCli([...PATIENT, '--config-files', config, ...args], {
        env: environment({ AWS_EC2_METADATA_DISABLED: 'true' }),
      });
    expect(await ask('whoami')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no AWS credentials') as string,
    });
    expect(await ask('--login', 'whoami')).toMatchObject({ code: 0 });
    expect(await ask('--profile', 'person', 'whoami')).toMatchObject({ code: 0 });
    // A command that needs a token says so.
    expect(await run(['token'])).toMatchObject({ code: 1, stdout: '' });
  });

  test('logout ends the session on the server, for all copies, and later commands say how to log in', async () => {
    await logIn();
    const copy = readFileSync(kept(), 'utf8');
    const file = kept();
    expect(await run(['logout'])).toMatchObject({ code: 0 });
    expect(readdirSync(join(file, '..'))).toEqual([]);
    writeFileSync(file, copy, { mode: 0o600 });
    const ended = await run(['list_credentials']);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('the login has ended') as string });
    // A logout of a session that has ended already is not a failure.
    expect(await run(['logout'])).toMatchObject({ code: 0 });
    expect(await run(['logout'])).toMatchObject({ code: 0, stderr: expect.stringContaining('no login') as string });
  });

  test('logout --everywhere ends the sessions of other command lines and of the browser', async () => {
    const other = await startEmbeddedServer();
    try {
      const bob = person(other.url);
      await bob.logIn(/http\S+\/login#\S+/.exec(other.printed)![0]);
      const homes = ['one', 'two'].map((name) => join(folder, name));
      const at = (home: string, ...args: string[]) =>
        runCli([...PATIENT, '--url', other.url, ...args], { env: { HOME: home } });
      for (const home of homes) {
        mkdirSync(home);
        const browser = addressCatcher(home);
        const login = startCli([...PATIENT, '--url', other.url, 'login'], {
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

  test('logout does not save the cookie that it is sent on the way', async () => {
    const ending = await startAnswering(() => ({
      headers: { 'set-cookie': 'session=renewed; Path=/; HttpOnly, session=; Path=/; Max-Age=0' },
      body: {},
    }));
    vi.stubEnv('XDG_STATE_HOME', folder);
    await writeLogin(ending.url, { email: 'a', cookieName: 'session', cookie: 'c', csrfToken: 't' });
    const end = await runCli([...PATIENT, '--url', ending.url, 'logout'], {
      env: environment({ XDG_STATE_HOME: folder }),
    });
    expect([end.code, await readLogin(ending.url)]).toEqual([0, undefined]);
    vi.unstubAllEnvs();
    await ending.close();
    expect(cookieOf('a=1; Path=/, ab=2, a=3; Path=/', 'a')).toEqual({ cookie: '3' });
  });

  test('a session is kept if the server may not have ended it', async () => {
    const refusing = await startAnswering(({ path }) =>
      path === '/v1/logout' ? { status: 401, body: { error: 'no' } } : { body: { email: 'alice@example.com' } },
    );
    vi.stubEnv('XDG_STATE_HOME', folder);
    await writeLogin(refusing.url, { email: 'a', cookieName: 'session', cookie: 'c', csrfToken: 't' });
    const end = await runCli([...PATIENT, '--url', refusing.url, 'logout'], {
      env: environment({ XDG_STATE_HOME: folder }),
    });
    expect(end).toMatchObject({ code: 1 });
    expect(await readLogin(refusing.url)).toBeDefined();
    vi.unstubAllEnvs();
    await refusing.close();
  });

  test('a renewed session is saved, but not after a logout', async () => {
    let before = (): void => undefined;
    let cookie = 'renewed';
    const renewing = await startAnswering(() => {
      before();
      const headers = { 'set-cookie': `session=${cookie}; Path=/; Expires=Thu, 01 Jan 2099 00:00:00 GMT; HttpOnly` };
      return { headers, body: { email: 'alice@example.com' } };
    });
    const state = join(folder, 'state');
    const ask = () =>
      runCli([...PATIENT, '--url', renewing.url, '--login', 'whoami'], {
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
    // Another login at the same server replaces the file while this command waits for its response.
    before = () =>
      writeFileSync(
        loginFile(renewing.url),
        readFileSync(loginFile(renewing.url), 'utf8').replace(session.csrfToken, 'of another session'),
      );
    cookie = 'not-theirs';
    expect(await ask()).toMatchObject({ code: 0 });
    expect(await readLogin(renewing.url)).toMatchObject({ cookie: 'renewed', csrfToken: 'of another session' });
    // Another command logs out while this one waits for its response.
    before = () => rmSync(loginFile(renewing.url));
    cookie = 'again';
    expect(await ask()).toMatchObject({ code: 0 });
    expect(await readLogin(renewing.url)).toBeUndefined();
    expect(await ask()).toMatchObject({ code: 1, stderr: expect.stringContaining('you are not logged in') as string });
    vi.unstubAllEnvs();
    await renewing.close();
  });
});
