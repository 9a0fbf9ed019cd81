import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { Context } from '../src/cli/context.js';
import { readGlobals } from '../src/cli/arguments/read-globals.js';
import { COMMAND_LINE_KEYS } from '../src/cli/profile.js';
import { openLog } from '../src/cli/terminal/log.js';
import { ConfigError, completeServerSettings, completeSettings, loadProfile } from '../src/index.js';
import { callCli } from './support/cli.js';

const folder = mkdtempSync(join(tmpdir(), 'confidant-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function file(content: string): string {
  const path = join(folder, `config-${(count += 1)}`);
  writeFileSync(path, content);
  return path;
}

const FULL = `
default:
  url: https://confidant.example.com
  auth_key: alias/authnz
  auth_context:
    from: web-production
    to: confidant-production
    user_type: service
  region: us-east-1
  assume_role: reader
  token_lifetime: 20
  token_version: 1
  token_cache_file: ''
  retries: 2
  backoff: 0.5
  verify: /etc/ca.pem
  timeout: 2
  command_wrap: aws-vault exec prod --
  command_safety_regex: -production$
  command_safety_msg: careful
  offline_copy: /var/cache/confidant
  offline_copy_max_age: 2
  offline_copy_after: 1.5
  login: false
  a_key_of_the_future: 1
other:
  url: https://other.example.com
`;

const COMPLETE = {
  url: 'https://confidant.example.com',
  authKey: 'alias/authnz',
  authContext: { from: 'web-production', to: 'confidant-production', userType: 'service' },
};

const loadCommandLineProfile = (files: readonly string[], profile?: string) =>
  loadProfile(files, profile, COMMAND_LINE_KEYS);

async function faultsOf(promise: Promise<unknown>): Promise<readonly string[]> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).faults;
}

describe('configuration files', () => {
  test('every key of the SDK and of the command line is read, and turned into the unit that the settings have', async () => {
    const path = file(FULL);
    const read = {
      ...COMPLETE,
      region: 'us-east-1',
      assumeRole: 'reader',
      tokenLifetimeMinutes: 20,
      tokenVersion: 1,
      tokenCacheFile: '',
      retries: 2,
      backoffMs: 500,
      caFile: '/etc/ca.pem',
      timeoutMs: 2000,
    };
    expect((await loadProfile([path])).profile).toEqual(read);
    expect((await loadCommandLineProfile([path])).profile).toEqual({
      ...read,
      commandWrap: 'aws-vault exec prod --',
      commandSafetyRegex: '-production$',
      commandSafetyMessage: 'careful',
      offlineCopyDirectory: '/var/cache/confidant',
      offlineCopyMaxAgeHours: 2,
      offlineCopyAfterMs: 1500,
      login: false,
    });
  });

  test('unknown keys are ignored (compat), and listed', async () => {
    const misspelt = file('default: {urll: https://x, auth_context: {form: a, from: web}, x: {y: 1}}');
    expect(await loadProfile([misspelt])).toMatchObject({
      profile: { authContext: { from: 'web' } },
      unknownKeys: ['urll', 'x', 'auth_context.form'],
    });
    expect((await loadCommandLineProfile([file(FULL)])).unknownKeys).toEqual(['a_key_of_the_future']);
    expect((await loadProfile([file(FULL)], 'other')).unknownKeys).toEqual([]);
  });

  test('a configuration file may be JSON', async () => {
    const json = file('{"default": {"url": "https://x", "verify": true}}');
    expect((await loadProfile([json])).profile).toEqual({ url: 'https://x' });
  });

  test('only the first file that exists is used', async () => {
    const first = file('other: {url: https://first}');
    const { profile, file: used } = await loadProfile(['/nonexistent/x', first, file(FULL)]);
    expect(profile).toEqual({});
    expect(used).toBe(first);
  });

  test('a missing file or profile counts as empty', async () => {
    expect((await loadProfile(['/nonexistent/x'])).profile).toEqual({});
    expect((await loadProfile([file(FULL)], 'missing')).profile).toEqual({});
    expect((await loadProfile([file(FULL)], 'toString')).profile).toEqual({});
    expect((await loadProfile([file('')])).profile).toEqual({});
  });

  test('all faults are reported at once, with what is expected and never the value', async () => {
    const bad = file(
      'default: {url: 5, timeout: s3cret, token_version: 3, auth_context: s3cret, verify: 7, retries: 1.5}',
    );
    const faults = await faultsOf(loadProfile([bad]));
    expect(faults.map((fault) => fault.split(': ')[1]!.split(' ')[0])).toEqual([
      'default.url',
      'default.auth_context',
      'default.token_version',
      'default.retries',
      'default.verify',
      'default.timeout',
    ]);
    expect(faults.join()).not.toContain('s3cret');
  });

  test('a file that is not a configuration is reported without its content', async () => {
    for (const [content, where] of [
      ['default:\n  a: b: s3cret', 'is not valid YAML or JSON (line 2, column 6)'],
      ['default:\n\tregion: s3cret', 'is not valid YAML or JSON (line 2, column 1)'],
      ["default:\n  region: 's3cret\n", 'is not valid YAML or JSON (line 3, column 1)'],
      ['{"default": {\n  "a" "s3cret"}}', 'is not valid YAML or JSON (line 2, column 7)'],
      ['{"default": s3cret: ', 'is not valid YAML or JSON (line 1, column 13)'],
      ['[s3cret]', 'must be a map of profiles'],
      ['default: s3cret', 'profile default must be a map'],
    ] as const) {
      const path = file(content);
      expect(await faultsOf(loadProfile([path]))).toEqual([`${path}: ${where}`]);
    }
  });

  test('of two equal keys the last counts (compat), whichever reader takes it; more than 64 KiB are refused', async () => {
    const twice = 'default: {region: s3cret}\ndefault:\n  region: one\n  region: two\n';
    expect((await loadProfile([file(twice)])).profile).toEqual({ region: 'two' });
    expect((await loadProfile([file(JSON.stringify({ default: { region: 'x' } }))])).profile).toEqual({ region: 'x' });
    for (const content of ['default: {a: b}\n', 'default:\n  region: one\n', '{"default": {}}\n']) {
      const whole = content + '#'.repeat(64 * 1024 - content.length);
      if (!content.startsWith('{')) expect((await loadProfile([file(whole)])).known).toEqual(['default']);
      expect(await faultsOf(loadProfile([file(`${whole}#`)]))).toEqual([
        expect.stringMatching(/: larger than 65536 bytes, the limit for a configuration file$/),
      ]);
    }
  });

  test('a duration that no timer can wait for is a fault', async () => {
    for (const key of ['timeout', 'backoff', 'token_lifetime']) {
      expect((await loadProfile([file(`default: {${key}: 86400}`)])).profile).not.toEqual({});
      for (const value of ['86401', '3000000', '1e300']) {
        expect(await faultsOf(loadProfile([file(`default: {${key}: ${value}}`)]))).toEqual([
          expect.stringContaining('at most 86400'),
        ]);
      }
    }
    for (const argv of [
      ['--timeout', '3000000', 'list_cas'],
      ['--token-lifetime', '86401', 'list_cas'],
      ['run', '--service', 'web', '--watch-interval', '3000000', '--', 'true'],
    ]) {
      const end = await callCli(['confidant', '--config-files', '/nonexistent', ...argv]);
      expect(end).toMatchObject({ code: 2, stderr: expect.stringContaining('above 0, at most 86400') as string });
    }
  });

  test('an alias bomb is refused', async () => {
    const levels = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (const [now, before] of ['ba', 'cb', 'dc', 'ed', 'fe'].map((pair) => [...pair])) {
      levels.push(`${now}: &${now} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]`);
    }
    expect(await faultsOf(loadProfile([file(levels.join('\n'))]))).toHaveLength(1);
  });
});

describe('settings', () => {
  test('settings have the defaults of the original', () => {
    expect(completeSettings(COMPLETE)).toEqual({
      ...COMPLETE,
      tokenLifetimeMinutes: 10,
      tokenVersion: 2,
      tokenCacheFile: '/dev/shm/confidant/confidant_token',
      retries: 0,
      backoffMs: 1000,
      timeoutMs: 5000,
    });
  });

  test('everything that is missing is reported at once, with where to put it', async () => {
    const place = { profile: 'profile default of /x', url: 'url in profile default of /x' };
    const faults = await faultsOf(Promise.resolve().then(() => completeSettings({}, place)));
    expect(faults).toHaveLength(4);
    expect(faults[0]).toBe('no server address: set url in profile default of /x, or give --url, or set CONFIDANT_URL');
    expect(faults[1]).toBe('no key to authenticate with: set auth_key in profile default of /x, or give --auth-key');
  });

  test('errors of the SDK name its settings, not options of the command line', async () => {
    const faults = [
      ...(await faultsOf(Promise.resolve().then(() => completeSettings({})))),
      ...(await faultsOf(
        Promise.resolve().then(() => completeSettings({ authContext: { to: 'x', userType: 'service' } })),
      )),
      ...(await faultsOf(Promise.resolve().then(() => completeServerSettings({})))),
      ...(await faultsOf(Promise.resolve().then(() => completeServerSettings({ url: 'ftp://x' })))),
    ];
    expect(faults).toContain('no server address: set url in settings (loadProfile reads CONFIDANT_URL, too)');
    expect(faults).toContain('no key to authenticate with: set auth_key in the configuration (in settings, authKey)');
    for (const name of ['authContext.to', 'authContext.userType', 'authContext.from']) {
      expect(faults).toContainEqual(expect.stringContaining(`(in settings, ${name})`));
    }
    expect(faults.join()).not.toContain('--');
  });

  test('a user needs no configured name, but a service does', async () => {
    const to = 'confidant-production';
    expect(completeSettings({ ...COMPLETE, authContext: { to, userType: 'user' } }).authContext).toEqual({
      to,
      userType: 'user',
    });
    const service = () => completeSettings({ ...COMPLETE, authContext: { to, userType: 'service' } });
    expect(await faultsOf(Promise.resolve().then(service))).toEqual([expect.stringContaining('auth_context.from')]);
  });
});

describe('an address with a user and a password in it', () => {
  test('an address with a password is refused by every command before any request, and never repeated', async () => {
    const url = 'https://alice:s3cret@confidant.example.com';
    const profiles = [{ url }, { url, login: true }, { url, auth_key: 'alias/x' }, { url, auth_key: 'x', login: true }];
    for (const profile of profiles) {
      const path = file(JSON.stringify({ default: profile }));
      for (const command of [['whoami'], ['login'], ['logout'], ['list_cas'], ['token']]) {
        const end = await callCli(['confidant', '--config-files', path, '--region', 'us-east-1', ...command]);
        // A login cannot make tokens, whatever its address.
        const hasLoginOnly = profile.login === true && profile.auth_key === undefined;
        const reason =
          command[0] === 'token' && hasLoginOnly ? 'a login cannot make tokens' : 'without user and password';
        expect(end).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(reason) as string });
        expect(end.stderr).not.toMatch(/s3cret|alice/);
      }
    }
    expect(() => completeSettings({ ...COMPLETE, url })).toThrow(ConfigError);
    expect(() => completeServerSettings({ url })).toThrow(ConfigError);
  });
});

describe('options of the command line over the file', () => {
  const settings = (options: Record<string, unknown>, content = FULL) => {
    const globals = readGlobals({ configFiles: file(content), ...options });
    return new Context(globals, openLog('critical', 'test'), {
      before: [],
      command: 'x',
      after: [],
    }).configuration.settings();
  };

  test('an option overrides the file, except that retries of the file override the option', async () => {
    const options = { url: 'https://o', timeout: 9, tokenLifetime: 5, tokenVersion: 2, region: 'r', retries: 7 };
    expect(await settings(options)).toMatchObject({
      url: 'https://o',
      timeoutMs: 9000,
      tokenLifetimeMinutes: 5,
      tokenVersion: 2,
      region: 'r',
      retries: 2,
    });
    expect(await settings({ retries: 7 }, FULL.replace('  retries: 2\n', ''))).toMatchObject({ retries: 7 });
  });

  test('any one of from, to and user type replaces the whole context of the file', async () => {
    const faults = await faultsOf(settings({ from: 'someone' }));
    expect(faults).toHaveLength(2);
    const all = { from: 'f', to: 't', userType: 'service' };
    expect((await settings(all)).authContext).toEqual(all);
  });

  test('a command line does not retry for ever', async () => {
    expect((await settings({}, FULL.replace('  retries: 2\n', ''))).retries).toBe(5);
  });

  test('CONFIDANT_CONFIG_FILES and CONFIDANT_PROFILE are used if their options were not given', async () => {
    process.env['CONFIDANT_CONFIG_FILES'] = `/nonexistent/x,${file(FULL)}`;
    process.env['CONFIDANT_PROFILE'] = 'other';
    try {
      const context = (options: Record<string, unknown>) =>
        new Context(readGlobals(options), openLog('critical', 'test'), { before: [], command: 'x', after: [] });
      expect((await context({}).configuration.profile()).url).toBe('https://other.example.com');
      expect((await context({ profile: 'default' }).configuration.profile()).url).toBe('https://confidant.example.com');
      const elsewhere = file('other: {url: https://elsewhere}');
      expect((await context({ configFiles: elsewhere }).configuration.profile()).url).toBe('https://elsewhere');
    } finally {
      delete process.env['CONFIDANT_CONFIG_FILES'];
      delete process.env['CONFIDANT_PROFILE'];
    }
  });
});

describe('CONFIDANT_URL', () => {
  afterEach(() => vi.unstubAllEnvs());
  const without = FULL.replace(/^ {2}url: .*\n/gm, '');
  const loaded = (content: string, options: Record<string, unknown> = {}) => {
    const globals = readGlobals({ configFiles: file(content), ...options });
    return new Context(globals, openLog('critical', 'test'), { before: [], command: 'x', after: [] });
  };

  test('CONFIDANT_URL is used if neither an option nor the profile sets an address, by the SDK too', async () => {
    vi.stubEnv('CONFIDANT_URL', 'https://environment.example.com/v1/');
    expect((await loaded(without).configuration.settings()).url).toBe('https://environment.example.com');
    expect((await loaded('').configuration.serverSettings()).url).toBe('https://environment.example.com');
    expect((await loadProfile([file(without)])).profile.url).toBe('https://environment.example.com/v1/');
    vi.stubEnv('CONFIDANT_CONFIG_FILES', '');
    vi.stubEnv('HOME', '/nonexistent');
    expect((await loadProfile()).profile.url).toBe('https://environment.example.com/v1/');
  });

  test('CONFIDANT_URL is not used when a profile or a file that was named does not exist', async () => {
    vi.stubEnv('CONFIDANT_URL', 'https://environment.example.com');
    for (const missing of [{ profile: 'stagng' }, { configFiles: '/nonexistent/x' }]) {
      const faults = await faultsOf(loaded(without, missing).configuration.serverSettings());
      expect(faults[0]).toMatch(/^no server address/);
      expect(faults).toContain('CONFIDANT_URL is not used, because a profile or file that you named does not exist');
    }
    expect((await loadProfile(['/nonexistent/x'])).profile.url).toBeUndefined();
    expect((await loadProfile([file(without)], 'stagng')).profile.url).toBeUndefined();
    vi.stubEnv('CONFIDANT_PROFILE', 'default');
    expect((await loadProfile([file('other: {}')])).profile.url).toBeUndefined();
    vi.stubEnv('CONFIDANT_PROFILE', '');
    vi.stubEnv('CONFIDANT_CONFIG_FILES', '/nonexistent/x');
    expect((await loadProfile()).profile.url).toBeUndefined();
  });

  test('CONFIDANT_URL never overrides a configured address, and counts as unset when it is empty', async () => {
    vi.stubEnv('CONFIDANT_URL', 'https://environment.example.com');
    expect((await loaded(FULL).configuration.settings()).url).toBe('https://confidant.example.com');
    expect((await loaded(without, { url: 'https://option' }).configuration.settings()).url).toBe('https://option');
    expect((await loaded(FULL, { url: 'https://option' }).configuration.settings()).url).toBe('https://option');
    expect((await loadProfile([file(FULL)])).profile.url).toBe('https://confidant.example.com');
    vi.stubEnv('CONFIDANT_URL', '');
    expect(await faultsOf(loaded(without).configuration.settings())).toEqual([
      expect.stringMatching(/^no server address: .*, or/),
    ]);
  });

  test('a CONFIDANT_URL that is not an address, or has a password, is refused by name and not repeated', async () => {
    for (const url of ['nonsense s3cret', 'https://alice:s3cret@confidant.example.com', 'ftp://s3cret']) {
      for (const args of [['whoami'], ['login'], ['list_cas', '--auth-key', 'alias/x']]) {
        const end = await callCli(['confidant', '--config-files', file('default: {}'), ...args], {
          CONFIDANT_URL: url,
        });
        expect(end).toMatchObject({
          code: 1,
          stdout: '',
          stderr: expect.stringContaining('without user and password: CONFIDANT_URL\n') as string,
        });
        expect(end.stderr).not.toContain('s3cret');
      }
      const option = await callCli(['confidant', '--url', url, 'whoami'], { CONFIDANT_URL: 'https://fine' });
      expect(option.stderr).toContain('without user and password: --url\n');
    }
  });
});

describe('an unknown key', () => {
  test('an unknown key is reported with the key that it resembles, or where it belongs, and never with its value', async () => {
    const content = [
      'default: {urll: s3cret, auth-key: s3cret, from: s3cret, future: s3cret,',
      '  auth_context: {form: s3cret, region: s3cret, usertype: s3cret}}',
    ].join('\n');
    const path = file(content);
    const { stderr } = await callCli(['confidant', '--config-files', path, 'list_cas']);
    expect(stderr.split('\n').filter((line) => line.includes('warning'))).toEqual([
      `confidant: warning: ${path}: unknown key default.urll; did you mean url?`,
      `confidant: warning: ${path}: unknown key default.auth-key; did you mean auth_key?`,
      `confidant: warning: ${path}: unknown key default.from: it belongs under auth_context`,
      `confidant: warning: ${path}: unknown key default.future`,
      `confidant: warning: ${path}: unknown key default.auth_context.form; did you mean from?`,
      `confidant: warning: ${path}: unknown key default.auth_context.region: it belongs beside auth_context, not under it`,
      `confidant: warning: ${path}: unknown key default.auth_context.usertype; did you mean user_type?`,
    ]);
    expect(stderr).not.toContain('s3cret');
  });

  test('only the command line reports unknown keys: the SDK prints nothing', async () => {
    const write = vi.spyOn(process.stderr, 'write');
    await loadProfile([file('default: {urll: https://x}')]);
    expect(write).not.toHaveBeenCalled();
    write.mockRestore();
  });
});

describe('a profile that is asked for', () => {
  test('the profile that the environment names is the one that the SDK reads', async () => {
    vi.stubEnv('CONFIDANT_CONFIG_FILES', `/nonexistent/config, ${file(FULL)}`);
    vi.stubEnv('CONFIDANT_PROFILE', 'other');
    expect((await loadProfile()).profile).toEqual({ url: 'https://other.example.com' });
    vi.unstubAllEnvs();
  });

  test('a named profile that does not exist counts as empty (compat), and the existing ones are listed', async () => {
    let told = '';
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        told += chunk.toString();
        done();
      },
    });
    const options = readGlobals({ configFiles: file(FULL), profile: 'othr' });
    const context = new Context(options, openLog('info', 'test', stream), { before: [], command: 'x', after: [] });
    await expect(context.configuration.settings()).rejects.toBeInstanceOf(ConfigError);
    expect(told).toContain('has no profile othr (it has default, other)');
  });

  test('a missing default profile is reported only if a needed setting is missing', async () => {
    const mistyped = file('defualt:\n  url: https://confidant.example.com\n');
    const told = `confidant: error: ${mistyped} has no profile default (it has defualt)`;
    for (const command of ['list_credentials', 'login']) {
      const end = await callCli(['confidant', '--config-files', mistyped, command]);
      expect(end).toMatchObject({ code: 1, stdout: '' });
      expect(end.stderr.split('\n')).toContain(told);
    }
    const whole = ['-u', 'http://127.0.0.1:1', '-k', 'alias/x', '--from', 'a', '--to', 'b', '--user-type', 'user'];
    const done = await callCli(['confidant', '--config-files', mistyped, ...whole, 'env', '--service', 'x']);
    expect(done.stderr).not.toContain('has no profile');
  });
});
