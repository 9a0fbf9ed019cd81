import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { writeLogin } from '../src/cli/login/store.js';
import { awsEnvironment, callCli, programPath, runCli } from './support/cli.js';
import { deploy, serviceWith, type Deployment } from './support/deployment.js';
import { golden } from './support/golden.js';
import { close, type Answer } from './support/http.js';

/** On a machine in the cloud the metadata service would provide credentials. */
const NO_METADATA = { AWS_EC2_METADATA_DISABLED: 'true' };

let at: Deployment;
let answers: Record<string, Answer>;
beforeAll(async () => {
  at = await deploy();
  at.answer(({ method, path }) => answers[`${method} ${path}`]);
});
afterAll(() => at.close());
beforeEach(() => {
  at.server.seen.length = 0;
});

describe('failures', () => {
  test('standard error gets method, reason and request id, and standard output only the text of the server', async () => {
    const headers = { 'x-request-id': 'r-9', 'x-confidant-error': 'unavailable' };
    answers = { 'GET /v1/services': { status: 503, headers, body: { error: 'Try again later.' } } };
    const end = await at.call(['list_services']);
    expect(end).toMatchObject({ code: 1, stdout: '{\n    "error": "Try again later.",\n    "result": false\n}\n' });
    expect(end.stderr).toBe('confidant: error: GET /v1/services answered 503: Try again later. (request r-9)\n');
  });

  test('conflicting keys are reported with the credentials that have them', async () => {
    const conflicts = { db_password: { credentials: ['c1', 'c2'], blind_credentials: ['b1'] } };
    answers = { 'PUT /v1/services/web': { status: 400, body: { error: 'Conflicting key pairs.', conflicts } } };
    const end = await at.call(['map', '--service', 'web', '--cred-ids', 'c1', 'c2']);
    expect(end.stderr).toContain('Conflicting key pairs.; db_password is in c1, c2, b1');
    expect(JSON.parse(end.stdout)).toEqual({ error: 'Conflicting key pairs.', conflicts, result: false });
    expect((await at.call(['map', '--service', 'web', '--cred-ids', 'c1', '-o', 'dotenv'])).stdout).toBe('');
  });

  test('a redirect is reported with its target, without the query, and with advice', async () => {
    const headers = { location: 'https://confidant.example.com/v1/services?x=s3cret' };
    answers = { 'GET /v1/services': { status: 302, headers, body: '' } };
    const { code, stderr, stdout } = await at.call(['list_services']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/302, a redirect to https:\/\/confidant.example.com\/v1\/services, .*use https .* SSLIFY/);
    expect(JSON.parse(stdout)).toMatchObject({ error: expect.stringContaining('SSLIFY'), result: false });
    expect(stderr).not.toContain('s3cret');
  });

  test('a key that KMS refuses is named with its region', async () => {
    at.configure({ auth_key: 'alias/unknown', token_cache_file: '' });
    const { stderr } = await at.call(['list_services']);
    expect(stderr).toContain('KMS refused the request (NotFoundException) for alias/unknown in us-east-1');
    at.configure({});
  });

  test('a rejected token is reported with clock skew and the settings that it was made with, on standard error only', async () => {
    const rejected = (minutes: number, status = 403, code: string | undefined = 'token_rejected') => ({
      'GET /v1/services': {
        status,
        headers: {
          date: new Date(Date.now() + minutes * 60_000).toUTCString(),
          ...(code === undefined ? {} : { 'x-confidant-error': code }),
        },
        body: code === undefined ? '<h1>Forbidden</h1>' : { error: 'refused' },
      },
    });
    const token = (await at.call(['token'])).stdout.trim().split(':')[1]!;
    answers = rejected(30);
    const behind = await at.call(['list_services']);
    expect(JSON.parse(behind.stdout)).toEqual({ error: 'refused', result: false });
    expect(behind.stderr).toContain("this machine's clock is 30 minutes behind the server's");
    expect(behind.stderr).toContain(
      'from web, to confidant-production, user_type service, auth_key alias/authnz-service, region us-east-1, token_version 2',
    );
    expect(behind.stderr).toContain(`profile default of ${at.config}`);
    expect(behind.stderr).toContain('auth_key must be AUTH_KEY (for services)');
    answers = rejected(-3);
    const ahead = await at.call(['list_services']);
    expect(ahead.stderr).toContain("this machine's clock is 3 minutes ahead of the server's");
    // A small difference, which tokens tolerate, is not mentioned.
    answers = rejected(1.9, 401, 'unauthenticated');
    const missing = await at.call(['list_services']);
    expect(missing.stderr).not.toContain("machine's clock");
    expect(missing.stderr).toContain('A proxy on the way may also have removed the Authorization header.');
    answers = rejected(0, 403, undefined);
    const original = await at.call(['list_services']);
    expect(original.stderr).toContain('the token was made with from web');
    for (const { stderr } of [behind, ahead, missing, original]) expect(stderr).not.toContain(token);
  });

  test('a refusal that is not about the token says who the caller is, unless it applies to everybody', async () => {
    const headers = (code: string) => ({ 'x-confidant-error': code });
    const refused = { status: 403, headers: headers('not_authorized'), body: { error: 'Access denied.' } };
    answers = { 'GET /v1/services': refused, 'GET /v1/services/other?metadata_only=False': refused };
    for (const args of [['list_services'], ['get_service', '--service', 'other']]) {
      const { stderr } = await at.call(args);
      expect(stderr).toContain('answered 403: Access denied.');
      expect(stderr).toContain('You authenticated as service web. ');
      expect(stderr).not.toContain('the token was made with');
    }
    answers = { 'GET /v1/services': { status: 403, headers: headers('maintenance') } };
    expect((await at.call(['list_services'])).stderr.split('\n')).toHaveLength(2);
  });

  test('a refusal of an anonymous request says nothing about the caller, and does not call KMS', async () => {
    at.configure({ token_cache_file: '', auth_context: { to: 'confidant-production', user_type: 'user' } });
    const calls = at.kms.calls.length;
    for (const status of [401, 403]) {
      answers = { 'GET /v1/jwks/public/staging': { status, body: { error: 'no' } } };
      const { stderr } = await at.call(['get_jwks', '--environment', 'staging']);
      expect(stderr).toBe(`confidant: error: GET /v1/jwks/public/staging answered ${status}: no\n`);
    }
    expect(at.kms.calls).toHaveLength(calls);
    at.configure({});
  });

  test('if blind credentials cannot be decrypted, the message says how to get the rest', async () => {
    const recorded = golden<{ name: string; stdout: string }[]>('client-outputs.json')[1]!;
    const { service } = JSON.parse(recorded.stdout) as { service: { blind_credentials: unknown[] } };
    const body = { ...serviceWith({ key: 'v' }), blind_credentials: service.blind_credentials };
    answers = { 'GET /v1/services/web?metadata_only=False': { body } };
    const get = ['get_service', '--service', 'web'];
    vi.stubEnv('XDG_STATE_HOME', at.folder);
    await writeLogin(at.server.url, { email: 'a', cookieName: 'session', cookie: 'c', csrfToken: 't' });
    vi.unstubAllEnvs();
    const env = { XDG_STATE_HOME: at.folder, ...NO_METADATA };
    const asPerson = (...args: string[]) =>
      callCli(['confidant', '--config-files', '/nonexistent', '--timeout', '60', '--url', at.server.url, ...args], env);
    for (const [options, reason] of [
      [['--region', 'us-east-1'], 'no AWS credentials were found'],
      [[], 'no AWS region'],
    ] as const) {
      const end = await asPerson(...options, ...get);
      expect(end).toMatchObject({ code: 1, stderr: expect.stringContaining(reason) as string });
      expect(end.stderr).toMatch(/the blind credentials cannot be decrypted: .*; --no-decrypt-blind reads the service/);
    }
    expect(await asPerson(...get, '--no-decrypt-blind')).toMatchObject({ code: 0, stderr: '' });
    // Here there are AWS credentials, but none of the data keys is in a usable region.
    const refused = { ...body, blind_credentials: [{ ...(service.blind_credentials[0] as object), data_key: {} }] };
    answers = { 'GET /v1/services/web?metadata_only=False': { body: refused } };
    expect((await at.call(get)).stderr).toMatch(/blind credential .* cannot be decrypted .*--no-decrypt-blind/);
  });

  test('missing AWS credentials are reported as missing', async () => {
    at.configure({ token_cache_file: '' });
    const env = { AWS_ENDPOINT_URL_KMS: at.kms.url, ...NO_METADATA };
    const end = await callCli(['confidant', '--config-files', at.config, 'list_services'], env);
    expect(end).toMatchObject({ code: 1, stderr: expect.stringContaining('no AWS credentials were found') });
    at.configure({});
  });

  test('without a configuration, the message says how to use a server that was started in this directory', async () => {
    mkdirSync(join(at.folder, 'data'));
    writeFileSync(join(at.folder, 'data', 'client.env'), '');
    const end = await runCli(['confidant', 'list_services'], { cwd: at.folder });
    expect(end).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('. ./data/client.env\n') });
    const withoutKeys = () =>
      runCli(['confidant', '--config-files', at.config, 'list_services'], { cwd: at.folder, env: NO_METADATA });
    at.configure({ token_cache_file: '' });
    expect((await withoutKeys()).stderr).toMatch(
      /no AWS credentials were found.*started here, run: \. \.\/data\/client\.env\n/,
    );
    at.configure({});
  });

  test('a client.env that others could have written is not suggested, because sourcing it runs it', async () => {
    const [data, file] = [join(at.folder, 'data'), join(at.folder, 'data', 'client.env')];
    const told = async () => {
      const bare = await runCli(['confidant', 'list_services'], { cwd: at.folder });
      at.configure({ token_cache_file: '' });
      const configured = ['confidant', '--config-files', at.config, 'list_services'];
      const other = await runCli(configured, { cwd: at.folder, env: NO_METADATA });
      at.configure({});
      return /client\.env/.test(bare.stderr + other.stderr);
    };
    expect(await told()).toBe(true);
    chmodSync(file, 0o666);
    expect(await told()).toBe(false);
    chmodSync(file, 0o600);
    chmodSync(data, 0o777);
    expect(await told()).toBe(false);
    chmodSync(data, 0o700);
    renameSync(file, join(at.folder, 'elsewhere'));
    symlinkSync(join(at.folder, 'elsewhere'), file);
    expect(await told()).toBe(false);
    rmSync(file);
    execFileSync('mkfifo', [file]);
    expect(await told()).toBe(false);
    rmSync(file);
    writeFileSync(file, '', { mode: 0o600 });
    // Only root can give files away.
    if (process.geteuid?.() === 0) {
      chownSync(file, 65_534, 65_534);
      expect(await told()).toBe(false);
    }
    rmSync(data, { recursive: true });
  });

  test('without key and login, the most helpful line comes first, and there are few', async () => {
    const state = { XDG_STATE_HOME: join(at.folder, 'state') };
    const call = (env: Record<string, string>, ...args: string[]) =>
      callCli(['confidant', '--config-files', '/nonexistent/config', ...args], env);
    const lines = ({ stderr }: { stderr: string }) =>
      stderr.split('\n').map((line) => line.replace(/^confidant: (error: )?/, ''));
    expect(lines(await call(state, '--url', at.server.url, 'whoami'))).toEqual([
      `you are not logged in at ${at.server.url}: run confidant --url ${at.server.url} login, if the server offers it`,
      'for KMS tokens, set auth_key and auth_context in /nonexistent/config (none of them exists): see docs/client.md',
      'see confidant --help',
      '',
    ]);
    const noAddress =
      'no server address: set url in /nonexistent/config (none of them exists), or give --url, or set CONFIDANT_URL';
    expect(lines(await call(state, 'whoami'))).toEqual([noAddress, 'see confidant --help', '']);
    vi.stubEnv('XDG_STATE_HOME', state.XDG_STATE_HOME);
    const session = { email: 'a', cookieName: 'session', cookie: 'c', csrfToken: 't' };
    await writeLogin('https://one.example.com/', session);
    const hint =
      'you are logged in at https://one.example.com: to use this login, give --login --url https://one.example.com';
    for (const command of ['whoami', 'logout', 'login']) {
      expect(lines(await call(state, command))).toEqual([noAddress, hint, 'see confidant --help', '']);
    }
    await writeLogin('https://two.example.com', session);
    vi.unstubAllEnvs();
    const which =
      'you are logged in at https://one.example.com and https://two.example.com: choose one with --url, CONFIDANT_URL or ' +
      'url in the configuration';
    expect(lines(await call(state, 'whoami'))).toEqual([noAddress, which, 'see confidant --help', '']);
    // A login cannot make tokens, so the answer is the same with and without one.
    const one = await call(state, '--url', 'https://one.example.com', 'token');
    expect(one).toMatchObject({ code: 1, stdout: '' });
    expect(lines(one)[0]).toMatch(/^a login cannot make tokens: set auth_key/);
    const none = await call(state, '--url', 'https://none.example.com', 'token');
    expect(none).toMatchObject({ code: 1, stdout: '' });
    for (const { stderr } of [one, none]) expect(stderr).not.toMatch(/confidant .*login/);
  });

  test("the server's address may end in /v1", async () => {
    answers = { 'GET /v1/services': { body: { services: [] } } };
    for (const end of ['/v1', '/v1/', '/']) {
      expect(await at.call(['--url', `${at.server.url}${end}`, 'list_services'])).toMatchObject({ code: 0 });
    }
  });

  test('if nothing listens on this machine, the message says what to start or to read again', async () => {
    const refused = await at.call(['--url', 'http://127.0.0.1:1', 'list_services']);
    expect(refused.stderr).toBe(
      'confidant: error: GET /v1/services: cannot reach http://127.0.0.1:1 (ECONNREFUSED); is the server running? (npm start)\n',
    );
    at.configure({ retries: 2, backoff: 0.001 });
    const repeated = (await at.call(['--url', 'http://127.0.0.1:1', 'list_services'])).stderr.split('\n');
    expect(repeated.map((line) => line.includes('is the server running?'))).toEqual([true, false, true, false]);
    at.configure({ token_cache_file: '' });
    const elsewhere = awsEnvironment('http://127.0.0.1:1');
    const kms = await callCli(['confidant', '--config-files', at.config, 'list_services'], elsewhere);
    expect(kms.stderr).toMatch(
      /ECONNREFUSED.*; is the server running\? \(npm start; if its ports have changed, run `\. data\/client\.env` again\)\n$/,
    );
    at.configure({});
  });

  test('plain http instead of https and untrusted certificates are named as the cause, and not retried', async () => {
    at.configure({ retries: 3 });
    const pem = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url));
    const secure = createServer({ key: pem('localhost-key.pem'), cert: pem('localhost-cert.pem') });
    // All of 127.0.0.0/8 is this machine, but the certificate is only for 127.0.0.1.
    await once(secure.listen(0, '0.0.0.0'), 'listening');
    const { port } = secure.address() as AddressInfo;
    for (const [wrong, words] of [
      [at.server.url.replace('http:', 'https:'), '; the server speaks plain http there, not https'],
      [
        `https://127.0.0.1:${port}`,
        '; its certificate is not trusted: set verify in the configuration to a file of the CA certificates to trust',
      ],
    ] as const) {
      const { code, stderr } = await at.call(['--url', wrong, 'list_services']);
      expect([code, stderr.includes('trying again'), stderr]).toEqual([1, false, expect.stringContaining(words)]);
    }
    at.configure({ retries: 3, verify: fileURLToPath(new URL('fixtures/localhost-cert.pem', import.meta.url)) });
    const end = await at.call(['--url', `https://127.0.0.2:${port}`, 'list_services']);
    expect(end.stderr).toContain('; its certificate is for another name');
    at.configure({});
    await close(secure);
  });

  test('wrong arguments point to the help of the command', async () => {
    for (const args of [['get_ca'], ['history'], ['create_blind_credential', '--blind', 'x'], ['completion', 'cmd']]) {
      const { code, stderr } = await at.call(args);
      expect([code, stderr.trimEnd().split('\n').at(-1)]).toEqual([2, `confidant: see confidant ${args[0]} --help`]);
    }
    expect((await at.call(['get_cas'])).stderr).toMatch(/see confidant --help\n$/);
  });

  test('a wrong global option points to the help that lists it, wherever it is given', async () => {
    for (const wrong of [
      ['--token-version', '3'],
      ['--output', 'csv'],
      ['--retries=x'],
      ['--token', '1'],
      ['--region'],
    ]) {
      for (const args of [
        [...wrong, 'list_cas'],
        ['list_cas', ...wrong],
      ]) {
        if (wrong.length === 1 && args[0] === '--region') continue;
        const { code, stderr } = await at.call(args);
        expect([args, code, stderr.trimEnd().split('\n').at(-1)]).toEqual([args, 2, 'confidant: see confidant --help']);
      }
    }
    expect((await at.call(['get_ca', '--help'])).stdout).toContain('confidant --help lists the global options');
  });

  test('retries are reported, so that the terminal is not silent', async () => {
    at.configure({ retries: 1, backoff: 0.001 });
    answers = { 'GET /v1/services': { status: 503 } };
    expect((await at.call(['list_services'])).stderr).toMatch(/trying again in 1 s \(1 of 1\)/);
    expect((await at.call(['--log-level', 'error', 'list_services'])).stderr).not.toMatch(/trying/);
    at.configure({});
  });

  test('a reader that stops early is not a failure', () => {
    const help = `"${process.execPath}" "${programPath('confidant')}" --help | head -n 1; echo "\${PIPESTATUS[0]}"`;
    expect(execFileSync('bash', ['--norc', '-c', help], { encoding: 'utf8' })).toBe(
      'Usage: confidant [global options] COMMAND [options]\n0\n',
    );
  });
});
