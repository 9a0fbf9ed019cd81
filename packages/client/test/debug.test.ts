import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LoginSession } from '../src/sdk/session-transport.js';
import { runCli, startCli, type CliEnd } from './support/cli.js';
import { deploy, serviceWith } from './support/deployment.js';
import { clientEnvironment, startEmbeddedServer, type EmbeddedServer } from './support/embedded-server.js';
import { addressCatcher, person } from './support/person.js';

// These tests run real programs against a real server and search the debug log for secrets.

const DEBUG = ['confidant', '--log-level', 'debug', '--timeout', '60'];
const VALUES = ['first-s3cret-value', 'second-s3cret-value', 'blind-s3cret-value'];

let server: EmbeddedServer;
let home: string;
let env: Record<string, string>;
/** The standard error of all commands. */
let all = '';

beforeAll(async () => {
  server = await startEmbeddedServer();
  home = mkdtempSync(join(tmpdir(), 'confidant-debug-'));
  env = { HOME: home, AWS_EC2_METADATA_DISABLED: 'true', ...clientEnvironment(server.dataDir) };
});
afterAll(async () => {
  await server?.stop();
  rmSync(home, { recursive: true });
});

async function run(args: readonly string[], more: Record<string, string> = {}): Promise<CliEnd & { told: string[] }> {
  const end = await runCli([...DEBUG, ...args], { env: { ...env, ...more } });
  all += end.stderr;
  const told = end.stderr.split('\n').map((line) => line.replace(/^confidant: debug: /, ''));
  return { ...end, told };
}

const matching = (...patterns: RegExp[]): unknown =>
  expect.arrayContaining(patterns.map((pattern) => expect.stringMatching(pattern) as string));

describe('--log-level debug', () => {
  test('debug logs the configuration, the server, the authentication, the token and each request', async () => {
    const config = join(server.dataDir, 'client.yaml');
    const files = `/nonexistent/config,${config},/nonexistent/other`;
    const pairs = JSON.stringify({ one: VALUES[0], two: VALUES[1] });
    const create = ['create_credential', '--name', 'Debug', '--credential-pairs', pairs];
    const { code, told } = await run(['--config-files', files, ...create]);
    expect(code).toBe(0);
    expect(told).toEqual(
      matching(
        /^configuration: \/nonexistent\/config does not exist$/,
        /^configuration: \S+client\.yaml is read$/,
        /^configuration: \/nonexistent\/other is ignored/,
        /^profile: default \(by default\)$/,
        /^server: http:\/\/\S+:\d+ \(url in profile default of \S+client\.yaml\)$/,
        /^authentication: KMS tokens under alias\/confidant-user in us-east-1 \(the configuration or --region\), from \S+, to \S+, user_type user, token_version 2, token_lifetime 10$/,
        /^KMS: at http:\/\/\S+ \(AWS_ENDPOINT_URL_KMS or AWS_ENDPOINT_URL\)$/,
        /^token: made by KMS in us-east-1$/,
        /^POST \/v1\/credentials, attempt 1: 200 after \d+ ms, request \S+$/,
      ),
    );
    const again = await run(['--profile', 'default', 'get_credential', '--name', 'Debug']);
    expect(again.stdout).toContain(VALUES[0]);
    expect(again.told).toEqual(
      matching(
        /^profile: default \(--profile\)$/,
        /^token: kept in \S+client-token-default$/,
        /^GET \/v1\/credentials, attempt 1: 200 after/,
        /^GET \/v1\/credentials\/\w+\?metadata_only=False, attempt 1: 200 after \d+ ms, request \S+$/,
      ),
    );
    const merge = ['update_credential', '--credential-name', 'Debug', '--merge', '--credential-pairs'];
    expect(await run([...merge, JSON.stringify({ one: VALUES[2] })])).toMatchObject({ code: 0 });
    const absent = await run(['--profile', 'nobody', '--url', server.url, 'get_credential', '--id', 'none']);
    expect(absent.told).toEqual(
      matching(/^profile: nobody \(--profile\), which the file does not have$/, /^server: \S+ \(--url\)$/),
    );
  });

  test('debug logs the login and where the server is set, without passwords of addresses', async () => {
    const browser = addressCatcher(home);
    const alice = person(server.url);
    await alice.logIn(/http\S+\/login#\S+/.exec(server.printed)![0]);
    const mine = { HOME: home, BROWSER: browser.program };
    const login = startCli([...DEBUG, '--url', server.url, 'login'], { env: mine });
    const address = await browser.address();
    await expect.poll(() => login.told(), { timeout: 30_000 }).toMatch(/: [A-Z]{4}-[A-Z]{4}\s/);
    const { back } = await alice.allow(address, /: ([A-Z]{4}-[A-Z]{4})\s/.exec(login.told())![1]!);
    await fetch(back!);
    const loggedIn = await login.ended;
    expect(loggedIn.stderr).toMatch(/debug: POST \/v1\/login\/cli, attempt 1: 200 after/);
    // The code was given to the person's browser, and the command line must not print it.
    expect(loggedIn.stderr).not.toContain(new URL(back!).searchParams.get('code')!);
    all += loggedIn.stderr;

    const { stderr } = await runCli([...DEBUG, 'whoami'], {
      env: { ...mine, HTTPS_PROXY: 'http://proxyuser:proxys3cret@127.0.0.1:1' },
    });
    all += stderr;
    const told = stderr.split('\n').map((line) => line.replace(/^confidant: debug: /, ''));
    expect(told).toEqual(
      matching(
        /^configuration: \S+\/\.confidant does not exist$/,
        /^configuration: \/etc\/confidant\/config (?:is read|does not exist)/,
        /^server: \S+ \(the only login\)$/,
        /^authentication: the login of \S+ in \S+logins\/\w+\.json \(there is no auth_key\), which ends 20\S+Z unless it is used$/,
        /^proxy: none for http:\/\/\S+$/,
        /^GET \/v1\/user\/email, attempt 1: 200 after/,
      ),
    );
    const named = join(home, 'named.json');
    writeFileSync(named, '{"of-variable": {}}');
    const variable = await run(['whoami'], {
      CONFIDANT_URL: 'https://urluser:urls3cret@127.0.0.1',
      CONFIDANT_CONFIG_FILES: named,
      CONFIDANT_PROFILE: 'of-variable',
    });
    expect(variable.told).toEqual(
      matching(/^profile: of-variable \(CONFIDANT_PROFILE\)$/, /^server: https:\/\/127\.0\.0\.1 \(CONFIDANT_URL\)$/),
    );
  });

  test('debug logs the proxy, why there is no response, and the retries', async () => {
    const config = join(home, 'far.json');
    const context = { from: 'alice', to: 'confidant', user_type: 'user' };
    const far = { url: 'https://confidant.example.com', auth_key: 'alias/confidant-user', auth_context: context };
    const profile = { ...far, region: 'us-east-1', token_cache_file: '', retries: 1, backoff: 0.001 };
    writeFileSync(config, JSON.stringify({ default: profile }));
    const { code, told } = await run(['--config-files', config, 'get_jwt', '--environment', 's3cret-environment'], {
      HTTPS_PROXY: 'http://proxyuser:proxys3cret@127.0.0.1:1',
    });
    expect(code).toBe(1);
    expect(told).toEqual(
      matching(
        /^proxy: 127\.0\.0\.1:1 for https:\/\/confidant\.example\.com$/,
        /^GET \/v1\/jwks\/token\?environment=…, attempt 1: no response, network \(\w+\), after \d+ ms$/,
        /^retry: 1 of 1 follows after \d+ ms, because of network$/,
        /^GET \/v1\/jwks\/token\?environment=…, attempt 2: no response, network \(\w+\), after \d+ ms$/,
      ),
    );
    expect(told.join('\n')).not.toContain('s3cret-environment');
  });

  test('debug logs the pause that Retry-After requests, and the use of the offline copy', async () => {
    const at = await deploy();
    let answers = 0;
    at.answer(() => {
      answers += 1;
      if (answers === 1) return { status: 503, headers: { 'retry-after': '1', 'x-request-id': 'first-id' } };
      return answers === 2 ? { body: serviceWith({ key: VALUES[0] }) } : { drop: true };
    });
    at.configure({ retries: 1, backoff: 0.001, offline_copy: join(at.folder, 'copies') });
    const get = ['--log-level', 'debug', 'get_service', '--service', 'web'];
    const written = await at.run(get);
    expect(written.stderr).toMatch(/offline copy: \S+ is not there\n/);
    expect(written.stderr).toMatch(/attempt 1: 503 after \d+ ms, request first-id\n/);
    expect(written.stderr).toMatch(
      /retry: 1 of 1 follows after 1\d{3} ms, because of status 503, whose Retry-After is 1 s/,
    );
    expect(written.stderr).toMatch(/offline copy: \S+ is written\n/);
    const used = await at.run(get);
    expect(used.stdout).toContain(VALUES[0]);
    expect(used.stderr).toMatch(/offline copy: \S+ is \d+ seconds old\n[^]*offline copy: \S+ of 20\S+Z is decrypted\n/);
    all += written.stderr + used.stderr;
    await at.close();
  });

  test('other levels log no debug lines', async () => {
    const { stderr } = await runCli(['confidant', 'list_credentials'], { env });
    expect(stderr).toBe('');
  });

  test('no debug line holds a secret', () => {
    const token = JSON.parse(readFileSync(join(server.dataDir, 'client-token-default'), 'utf8')) as { token: string };
    const logins = join(home, '.local/state/confidant/logins');
    const login = JSON.parse(readFileSync(join(logins, readdirSync(logins)[0]!), 'utf8')) as LoginSession;
    const secrets = {
      ...Object.fromEntries(VALUES.map((value) => [value, value])),
      token: token.token,
      cookie: login.cookie,
      csrf: login.csrfToken,
      key: env['AWS_SECRET_ACCESS_KEY']!,
      proxy: 'proxys3cret',
      proxyUser: 'proxyuser',
      url: 'urls3cret',
      urlUser: 'urluser',
    };
    // The log is not empty.
    expect(all.split('\n').length).toBeGreaterThan(50);
    for (const [name, secret] of Object.entries(secrets)) {
      expect([name, secret.length > 5, all.includes(secret)]).toEqual([name, true, false]);
    }
    expect(all).not.toMatch(/authorization|basic [A-Za-z0-9+/=]{20}|set-cookie|x-xsrf/i);
  });
});
