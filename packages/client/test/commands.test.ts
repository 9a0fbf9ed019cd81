import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { COMMANDS } from '../src/cli/command-table.js';
import { writeLogin } from '../src/cli/login-file.js';
import { OUTPUT_FORMATS } from '../src/cli/spec.js';
import { callCli, programPath, runCli } from './support/cli.js';
import { credentialWith, deploy, serviceWith } from './support/deployment.js';
import type { Deployment } from './support/deployment.js';
import { golden } from './support/golden.js';
import type { Answer } from './support/http.js';
import { writeScript } from './support/recipe-server.js';
import { openTerminal } from './support/terminal.js';

// Every step is a process of its own.
vi.setConfig({ testTimeout: 60_000 });

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

interface Shown {
  credential: { credential_pairs: Record<string, unknown> };
}

const sent = () => JSON.parse(at.server.seen.at(-1)!.body) as Record<string, unknown>;
const LIST = {
  'GET /v1/credentials': {
    body: {
      credentials: [
        { id: 'c1', name: 'database' },
        { id: 'c2', name: 'Database' },
      ],
    },
  },
};

describe('values come from where nobody else sees them', () => {
  const create = ['create_credential', '--name', 'db', '--output', 'id'];
  beforeEach(() => {
    answers = { 'POST /v1/credentials': { body: credentialWith('new-id', {}) } };
  });

  it('standard input; --output id prints the id alone', async () => {
    const end = await at.run([...create, '--credential-pairs', '-'], { stdin: '{"a": 12345678901234567890}' });
    expect(end).toMatchObject({ code: 0, stdout: 'new-id\n', stderr: '' });
    expect(at.server.seen[0]!.body).toBe('{"name":"db","credential_pairs":{"a":12345678901234567890},"enabled":true}');
  });

  it('a file', async () => {
    writeFileSync(join(at.folder, 'pairs.json'), '{"a": "v"}');
    const pairs = `@${join(at.folder, 'pairs.json')}`;
    const further = ['--tags', 'x', 'y', '--disabled', '--documentation', 'd', '--metadata', '{"m": 1}'];
    expect((await at.run([...create, '--credential-pairs', pairs, ...further])).code).toBe(0);
    expect(sent()).toEqual({
      name: 'db',
      credential_pairs: { a: 'v' },
      enabled: false,
      tags: ['x', 'y'],
      documentation: 'd',
      metadata: { m: 1 },
    });
  });

  it('the argument itself, as the original takes it', async () => {
    await at.run([...create, '--credential-pairs', '{"a": "v"}']);
    expect(sent()).toMatchObject({ credential_pairs: { a: 'v' } });
  });

  it('what is no JSON object is refused with exit 2, unsent and unrepeated', async () => {
    for (const stdin of ['{"a": s3cret}', '["s3cret"]', '"s3cret"', '']) {
      const end = await at.run([...create, '--credential-pairs', '-'], { stdin });
      expect(end).toMatchObject({ code: 2, stdout: '' });
      expect(end.stderr).not.toContain('s3cret');
    }
    expect((await at.run([...create, '--credential-pairs', '@/nonexistent/x'])).code).toBe(2);
    expect(at.server.seen).toEqual([]);
  });

  it('and are not shown by the answer, of a creation nor of an update', async () => {
    const body = credentialWith('c1', { key: 'typed without echo' });
    answers = { 'POST /v1/credentials': { body }, 'PUT /v1/credentials/c1': { body } };
    const created = await at.call(['create_credential', '--name', 'db', '--credential-pairs', '{"key": "v"}']);
    const updated = await at.call(['update_credential', '--id', 'c1', '--disabled']);
    for (const { code, stdout } of [created, updated]) {
      expect({ code, pairs: (JSON.parse(stdout) as Shown).credential.credential_pairs }).toEqual({
        code: 0,
        pairs: {},
      });
    }
  });

  it('a prompt needs a terminal', async () => {
    const end = await at.run([...create, '--prompt', 'a']);
    expect(end).toMatchObject({ code: 2, stdout: '' });
    expect(end.stderr).toContain('only be asked for on a terminal');
  });
});

describe('credentials', () => {
  it('an update sends what was given and nothing else; nothing given is refused', async () => {
    answers = { 'PUT /v1/credentials/c1': { body: credentialWith('c1', {}) } };
    await at.call(['update_credential', '--id', 'c1', '--disabled']);
    expect(sent()).toEqual({ enabled: false });
    const end = await at.call(['update_credential', '--id', 'c1']);
    expect(end).toMatchObject({ code: 1, stdout: '{\n    "error": "No changes to make",\n    "result": false\n}\n' });
  });

  it('an update names the keys that go with the old pairs', async () => {
    const keys = (...names: string[]) => ({ ...credentialWith('c1', {}), credential_keys: names });
    answers = {
      'GET /v1/credentials/c1?metadata_only=True': { body: keys('db_user', 'db_password') },
      'PUT /v1/credentials/c1': { body: keys('db_password') },
    };
    const update = ['update_credential', '--id', 'c1', '--credential-pairs', '{"db_password": "s3cret"}'];
    const end = await at.call(update);
    expect(end).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('gone with the old pairs: db_user (') as string,
    });
    expect(end.stderr + end.stdout).not.toContain('s3cret');
    // Who may not read is not kept from writing.
    answers = { 'PUT /v1/credentials/c1': { body: keys('db_password') } };
    expect(await at.call(update)).toMatchObject({ code: 0, stderr: '' });
  });

  it('are found by their exact name', async () => {
    const path = 'GET /v1/credentials/c2?metadata_only=False';
    answers = { ...LIST, [path]: { body: credentialWith('c2', { key: 'v w' }) } };
    const end = await at.call(['get_credential', '--name', 'Database', '-o', 'dotenv']);
    expect(end).toMatchObject({ code: 0, stdout: "CREDENTIALS_KEY='v w'\n" });
    const missing = await at.call(['get_credential', '--name', 'data']);
    expect(missing.code).toBe(1);
    expect(JSON.parse(missing.stdout)).toEqual({
      error: 'no credential is named data (similar: database, Database)',
      result: false,
    });
  });

  it('with a prefix that makes no name, no line for another program is printed', async () => {
    answers = { 'GET /v1/credentials/c1?metadata_only=False': { body: credentialWith('c1', { key: 'v' }) } };
    for (const [format, prefix] of [
      ['shell', '1'],
      ['shell', 'my-'],
      ['dotenv', '1 x'],
    ] as const) {
      const end = await at.call(['get_credential', '--id', 'c1', '-o', format, '--prefix', prefix]);
      expect(end).toMatchObject({ stdout: '', stderr: expect.stringContaining('no name') as string });
    }
  });

  it('lists are printed with their page', async () => {
    answers = { 'GET /v1/credentials?limit=2&page=p': { body: { credentials: [], next_page: 'q' } } };
    const end = await at.call(['list_credentials', '--limit', '2', '--page', 'p']);
    expect(JSON.parse(end.stdout)).toEqual({ credentials: [], next_page: 'q', result: true });
  });
});

describe('blind credentials', () => {
  const stored = {
    id: 'b1',
    name: 'tls',
    revision: 1,
    data_key: { 'us-east-1': 'x', 'us-west-2': 'x' },
    metadata: { context: { 'us-east-1': { group: 'web' }, 'us-west-2': { group: 'web' } } },
  };
  const pairs = ['--credential-pairs', '{"key": "s3cret"}'];
  const update = (keys: Record<string, string>, ...more: string[]) =>
    at.call(['update_blind_credential', '--id', 'b1', '--blind-keys', JSON.stringify(keys), ...more]);
  beforeEach(() => {
    answers = { 'GET /v1/blind_credentials/b1': { body: stored }, 'PUT /v1/blind_credentials/b1': { body: stored } };
  });

  it('an update names the regions that it drops', async () => {
    const end = await update({ 'us-east-1': 'alias/blind-useast1' }, ...pairs);
    expect(end.code).toBe(0);
    expect(end.stderr).toBe(
      'confidant: warning: it can not be decrypted in us-west-2 any more: --blind-keys has no key for it\n',
    );
    expect(Object.keys(sent()['data_key'] as object)).toEqual(['us-east-1']);
  });

  it('and says nothing when it drops none: all are given, or nothing is encrypted anew', async () => {
    const both = { 'us-east-1': 'alias/blind-useast1', 'us-west-2': 'alias/blind-uswest2' };
    expect(await update(both, ...pairs)).toMatchObject({ code: 0, stderr: '' });
    expect(await update({ 'us-east-1': 'alias/blind-useast1' }, '--disabled')).toMatchObject({ code: 0, stderr: '' });
    expect(sent()).toEqual({ enabled: false });
  });
});

describe('map', () => {
  it('creates a service that does not exist', async () => {
    answers = { ...LIST, 'PUT /v1/services/web': { body: serviceWith({}) } };
    const end = await at.call([
      'map',
      '--service',
      'web',
      '--cred-names',
      'database',
      '--cred-ids',
      'a',
      '--account',
      'x',
    ]);
    expect(end.code).toBe(0);
    expect(sent()).toEqual({ account: 'x', enabled: true, credentials: ['a', 'c1'], blind_credentials: [] });
  });

  it('keeps what is mapped, and writes no revision when nothing changes', async () => {
    answers = {
      'GET /v1/services/web?metadata_only=True': { body: serviceWith({}) },
      'PUT /v1/services/web': { body: serviceWith({}) },
    };
    await at.call(['map', '--service', 'web', '--cred-ids', 'b']);
    expect(sent()).toMatchObject({ credentials: ['b', 'c1'] });
    const before = at.server.seen.length;
    expect(await at.call(['map', '--service', 'web', '--cred-ids', 'c1'])).toMatchObject({ code: 0 });
    expect(at.server.seen.slice(before).map(({ method }) => method)).toEqual(['GET']);
  });

  it('add_creds and remove_creds print the id of the service where the id is asked for', async () => {
    answers = {
      'GET /v1/services/web?metadata_only=True': { body: serviceWith({}) },
      'PUT /v1/services/web': { body: serviceWith({}) },
    };
    for (const words of [
      ['add_creds', '--cred-ids', 'b'],
      ['remove_creds', '--cred-ids', 'c1'],
    ]) {
      const end = await at.call([words[0]!, '--service-id', 'web', ...words.slice(1), '-o', 'id']);
      expect(end).toMatchObject({ code: 0, stdout: 'web\n' });
      const json = await at.call([words[0]!, '--service-id', 'web', ...words.slice(1)]);
      expect(JSON.parse(json.stdout)).toEqual({ result: true });
    }
  });

  it('nothing to take away is told on both outputs', async () => {
    answers = { 'GET /v1/services/web?metadata_only=True': { body: serviceWith({}) } };
    const end = await at.call(['remove_creds', '--service-id', 'web', '--cred-ids', 'other', '-o', 'id']);
    expect(end).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('No changes to make') as string });
  });

  it('a service that can not be read is not taken for a missing one', async () => {
    for (const status of [401, 403, 500]) {
      answers = { 'GET /v1/services/web?metadata_only=True': { status } };
      expect((await at.call(['map', '--service', 'web', '--cred-ids', 'b'])).code).toBe(1);
    }
    expect(at.server.seen.every(({ method }) => method === 'GET')).toBe(true);
  });

  it('a name that no service can have is told, and nothing is written', async () => {
    answers = {};
    const end = await at.call(['map', '--service', 'a b/c', '--cred-ids', 'x']);
    expect([end.code, JSON.parse(end.stdout)]).toEqual([
      1,
      { error: expect.stringContaining('a b/c is no name of a service'), result: false },
    ]);
    expect(at.server.seen.map(({ method }) => method)).toEqual(['GET']);
  });

  it('add_creds creates a service too; remove_creds does not', async () => {
    answers = { 'PUT /v1/services/web': { body: serviceWith({}) } };
    expect(await at.call(['add_creds', '--service-id', 'web', '--cred-ids', 'a'])).toMatchObject({
      code: 0,
      stdout: '{\n    "result": true\n}\n',
    });
    expect((await at.call(['remove_creds', '--service-id', 'web', '--cred-ids', 'a'])).code).toBe(1);
  });
});

describe('history and diff', () => {
  const revisions = [{ revision: 1 }, { revision: 5 }, { revision: 3 }];

  it('revisions come newest first', async () => {
    answers = { 'GET /v1/archive/blind_credentials/b': { body: { revisions } } };
    const end = await at.call(['history', '--blind-credential', 'b']);
    expect(JSON.parse(end.stdout)).toEqual({
      result: true,
      revisions: [{ revision: 5 }, { revision: 3 }, { revision: 1 }],
    });
  });

  it('a diff is of the current revision and the one before, unless others are named', async () => {
    answers = {
      'GET /v1/archive/services/web': { body: { revisions } },
      'GET /v1/services/web/3/5': { body: { enabled: { added: true, removed: false } } },
      'GET /v1/services/web/1/3': { body: {} },
    };
    const end = await at.call(['diff', '--service', 'web']);
    expect(JSON.parse(end.stdout)).toEqual({
      diff: { enabled: { added: true, removed: false } },
      new: 5,
      old: 3,
      result: true,
    });
    expect((await at.call(['diff', '--service', 'web', '--new', '3'])).code).toBe(0);
  });

  it('without a revision before: an error that says so', async () => {
    answers = { 'GET /v1/archive/credentials/c': { body: { revisions: [{ revision: 1 }] } } };
    const end = await at.call(['revert_credential', '--id', 'c']);
    expect(JSON.parse(end.stdout)).toEqual({ error: 'c has no revision before 1', result: false });
  });
});

describe('token', () => {
  it('prints a username and token in the forms other programs take', async () => {
    const basic = await at.call(['token']);
    expect(basic.stdout).toMatch(/^2\/service\/web:[A-Za-z0-9+/=]+\n$/);
    const token = basic.stdout.trim().split(':')[1]!;
    const headers = await at.call(['token', '--format', 'headers']);
    expect(headers.stdout).toBe(`X-Auth-From: 2/service/web\nX-Auth-Token: ${token}\n`);
    const json = await at.call(['token', '--format', 'json']);
    expect(JSON.parse(json.stdout)).toEqual({ username: '2/service/web', token });
  });

  it('a failure prints nothing to standard output', async () => {
    at.configure({ auth_key: 'alias/unknown', token_cache_file: '' });
    expect(await at.call(['token'])).toMatchObject({ code: 1, stdout: '' });
    at.configure({});
  });
});

describe('failures', () => {
  it('tell what, why and the request id on standard error, and the text alone on standard output', async () => {
    const headers = { 'x-request-id': 'r-9', 'x-confidant-error': 'unavailable' };
    answers = { 'GET /v1/services': { status: 503, headers, body: { error: 'Try again later.' } } };
    const end = await at.call(['list_services']);
    expect(end).toMatchObject({ code: 1, stdout: '{\n    "error": "Try again later.",\n    "result": false\n}\n' });
    expect(end.stderr).toBe('confidant: error: GET /v1/services answered 503: Try again later. (request r-9)\n');
  });

  it('keys that two credentials share are told, with the credentials that hold them', async () => {
    const conflicts = { db_password: { credentials: ['c1', 'c2'], blind_credentials: ['b1'] } };
    answers = { 'PUT /v1/services/web': { status: 400, body: { error: 'Conflicting key pairs.', conflicts } } };
    const end = await at.call(['map', '--service', 'web', '--cred-ids', 'c1', 'c2']);
    expect(end.stderr).toContain('Conflicting key pairs.; db_password is in c1, c2, b1');
    expect(JSON.parse(end.stdout)).toEqual({ error: 'Conflicting key pairs.', conflicts, result: false });
    expect((await at.call(['map', '--service', 'web', '--cred-ids', 'c1', '-o', 'dotenv'])).stdout).toBe('');
  });

  it('a redirect tells where to, without the query, and what to do', async () => {
    const headers = { location: 'https://confidant.example.com/v1/services?x=s3cret' };
    answers = { 'GET /v1/services': { status: 302, headers, body: '' } };
    const { code, stderr, stdout } = await at.call(['list_services']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/302, a redirect to https:\/\/confidant.example.com\/v1\/services, .*use https .* SSLIFY/);
    expect(JSON.parse(stdout)).toMatchObject({ error: expect.stringContaining('SSLIFY'), result: false });
    expect(stderr).not.toContain('s3cret');
  });

  it('a key that KMS refuses is named, with its region', async () => {
    at.configure({ auth_key: 'alias/unknown', token_cache_file: '' });
    const { stderr } = await at.call(['list_services']);
    expect(stderr).toContain('KMS refused the request (NotFoundException) for alias/unknown in us-east-1');
    at.configure({});
  });

  it('a token that is not accepted: the clocks, and the names it was made with, on standard error alone', async () => {
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
    expect(behind.stderr).toContain('auth_key its AUTH_KEY for user_type service');
    answers = rejected(-3);
    const ahead = await at.call(['list_services']);
    expect(ahead.stderr).toContain("this machine's clock is 3 minutes ahead of the server's");
    // What a token bears needs no words.
    answers = rejected(1.9, 401, 'unauthenticated');
    const missing = await at.call(['list_services']);
    expect(missing.stderr).not.toContain("machine's clock");
    expect(missing.stderr).toContain('takes the header Authorization away');
    answers = rejected(0, 403, undefined);
    const original = await at.call(['list_services']);
    expect(original.stderr).toContain('the token was made with from web');
    for (const { stderr } of [behind, ahead, missing, original]) expect(stderr).not.toContain(token);
  });

  it('a refusal that is not about the token tells who asked, and one that is for everybody does not', async () => {
    const headers = (code: string) => ({ 'x-confidant-error': code });
    const refused = { status: 403, headers: headers('not_authorized'), body: { error: 'Access denied.' } };
    answers = { 'GET /v1/services': refused, 'GET /v1/services/other?metadata_only=False': refused };
    for (const args of [['list_services'], ['get_service', '--service', 'other']]) {
      const { stderr } = await at.call(args);
      expect(stderr).toContain('answered 403: Access denied.');
      expect(stderr).toContain('asked as the service web: ');
      expect(stderr).not.toContain('the token was made with');
    }
    answers = { 'GET /v1/services': { status: 403, headers: headers('maintenance') } };
    expect((await at.call(['list_services'])).stderr.split('\n')).toHaveLength(2);
  });

  it('blind credentials that can not be opened: how to have the rest', async () => {
    const recorded = golden<{ name: string; stdout: string }[]>('client-outputs.json')[1]!;
    const { service } = JSON.parse(recorded.stdout) as { service: { blind_credentials: unknown[] } };
    const body = { ...serviceWith({ key: 'v' }), blind_credentials: service.blind_credentials };
    answers = { 'GET /v1/services/web?metadata_only=False': { body } };
    const get = ['get_service', '--service', 'web'];
    vi.stubEnv('XDG_STATE_HOME', at.folder);
    await writeLogin(at.server.url, { email: 'a', cookieName: 'session', cookie: 'c', csrfToken: 't' });
    vi.unstubAllEnvs();
    const env = { XDG_STATE_HOME: at.folder, AWS_EC2_METADATA_DISABLED: 'true' };
    const asPerson = (...args: string[]) =>
      callCli(['confidant', '--config-files', '/nonexistent', '--url', at.server.url, ...args], env);
    for (const [options, reason] of [
      [['--region', 'us-east-1'], 'no AWS credentials were found'],
      [[], 'no AWS region'],
    ] as const) {
      const end = await asPerson(...options, ...get);
      expect(end).toMatchObject({ code: 1, stderr: expect.stringContaining(reason) as string });
      expect(end.stderr).toMatch(/the blind credentials can not be opened: .*; --no-decrypt-blind reads the service/);
    }
    expect(await asPerson(...get, '--no-decrypt-blind')).toMatchObject({ code: 0, stderr: '' });
    // With credentials, but not of the region or the right.
    const refused = { ...body, blind_credentials: [{ ...(service.blind_credentials[0] as object), data_key: {} }] };
    answers = { 'GET /v1/services/web?metadata_only=False': { body: refused } };
    expect((await at.call(get)).stderr).toMatch(/blind credential .* can not be decrypted .*--no-decrypt-blind/);
  });

  it('missing AWS credentials are called that', async () => {
    at.configure({ token_cache_file: '' });
    const env = { AWS_ENDPOINT_URL_KMS: at.kms.url, AWS_EC2_METADATA_DISABLED: 'true' };
    const end = await callCli(['confidant', '--config-files', at.config, 'list_services'], env);
    expect(end).toMatchObject({ code: 1, stderr: expect.stringContaining('no AWS credentials were found') });
    at.configure({});
  });

  it('without a configuration, beside a server that was started here: how to use it', async () => {
    mkdirSync(join(at.folder, 'data'));
    writeFileSync(join(at.folder, 'data', 'client.env'), '');
    const end = await runCli(['confidant', 'list_services'], { cwd: at.folder });
    expect(end).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('. ./data/client.env\n') });
  });

  it('wrong arguments show the way to the help of the command', async () => {
    for (const args of [['get_ca'], ['history'], ['create_blind_credential', '--blind', 'x'], ['completion', 'cmd']]) {
      const { code, stderr } = await at.call(args);
      expect([code, stderr.trimEnd().split('\n').at(-1)]).toEqual([2, `confidant: see confidant ${args[0]} --help`]);
    }
    expect((await at.call(['get_cas'])).stderr).toMatch(/see confidant --help\n$/);
  });

  it('a wrong global option points at the help that lists it, wherever it stands', async () => {
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

  it('repetitions are told, so that nobody looks at a silent terminal', async () => {
    at.configure({ retries: 1, backoff: 0.001 });
    answers = { 'GET /v1/services': { status: 503 } };
    expect((await at.call(['list_services'])).stderr).toMatch(/trying again in 1 s \(1 of 1\)/);
    expect((await at.call(['--log-level', 'error', 'list_services'])).stderr).not.toMatch(/trying/);
    at.configure({});
  });

  it('a reader that leaves early is no failure', () => {
    const help = `"${process.execPath}" "${programPath('confidant')}" --help | head -n 1; echo "\${PIPESTATUS[0]}"`;
    expect(execFileSync('bash', ['-c', help], { encoding: 'utf8' })).toBe(
      'Usage: confidant [global options] COMMAND [options]\n0\n',
    );
  });
});

describe('completion', () => {
  let script: string;
  let folder: string;
  beforeAll(async () => {
    script = (await callCli(['confidant', 'completion', 'bash'])).stdout;
    folder = mkdtempSync(join(tmpdir(), 'confidant-completion-'));
    writeScript(
      join(folder, 'confidant'),
      `#!/bin/sh\nexec '${process.execPath}' '${programPath('confidant')}' "$@"\n`,
    );
    const profiles = ['default: {}', 'demo: {}', 'web-production: {}', '"$(touch ran)": {}', '"two words": {}'];
    writeFileSync(join(folder, 'config.yaml'), profiles.join('\n'));
    writeFileSync(join(folder, 'pairs one.json'), '{"key": "value"}');
    writeFileSync(join(folder, 'other.json'), '{}');
    mkdirSync(join(folder, 'folder'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What is offered for the last of the words, by a shell that takes no word apart. */
  const complete = (...words: string[]): string[] => {
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const line = `COMP_LINE='${words.join(' ')}'; COMP_POINT=\${#COMP_LINE}`;
    const call = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; ${line}; _confidant; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { PATH: `${folder}:${process.env['PATH']}`, HOME: folder, CONFIDANT_CONFIG_FILES: 'config.yaml' };
    return execFileSync('bash', ['-c', `${script}\n${call}`], { encoding: 'utf8', cwd: folder, env })
      .trim()
      .split('\n');
  };

  it('offers commands, then the options of the command', async () => {
    expect(complete('confidant', 'get_s')).toEqual(['get_service']);
    expect(complete('confidant', '--profile', 'env', 'get_ca', '--')).toEqual(['--ca', '--help']);
    expect(complete('confidant', 'env', '--service', 's', '--', '--')).not.toContain('--service');
  });

  it('offers help, and what there is help for', async () => {
    expect(complete('confidant', 'hel')).toEqual(['help']);
    expect(complete('confidant', 'help', 'get_jw')).toEqual(['get_jwt', 'get_jwks']);
    expect(complete('confidant', 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
    const { stdout: fish } = await callCli(['confidant', 'completion', 'fish']);
    expect(fish).toMatch(/^complete -c confidant -f -n '.*' -a help /m);
    expect(fish).toMatch(/^complete -c confidant -f -n '__fish_seen_subcommand_from help' -a '.*get_jwks.*'/m);
  });

  it('offers the forms of the output', async () => {
    expect(complete('confidant', '--output', '')).toEqual([...OUTPUT_FORMATS]);
    expect(complete('confidant', 'list_services', '-o', '')).toEqual(['json', 'yaml', 'id', 'table']);
    expect(complete('confidant', 'get_service', '-o', 't')).toEqual(['tfvars']);
    expect(complete('confidant', '-o', 'do')).toEqual(['dotenv']);
    const { stdout: fish } = await callCli(['confidant', 'completion', 'fish']);
    expect(fish).toMatch(/-l output -r -f -a 'json yaml dotenv shell tfvars id table'/);
  });

  it('offers the profiles of the configuration, and runs nothing that stands in it', () => {
    expect(complete('confidant', '--profile', '')).toEqual(['default', 'demo', 'web-production']);
    expect(complete('confidant', 'get_ca', '--profile=de')).toEqual(['--profile=default', '--profile=demo']);
    writeFileSync(join(folder, 'elsewhere.yaml'), 'other: {}');
    for (const files of [['--config-files', 'elsewhere.yaml'], ['--config-files=elsewhere.yaml']]) {
      expect(complete('confidant', ...files, '--profile', '')).toEqual(['other']);
    }
    expect(complete('confidant', '--config-files', '/nonexistent', '--profile', '')).toEqual(['']);
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });

  it('offers files after @ where an option takes JSON, and no option where a value belongs', () => {
    const create = ['confidant', 'create_credential', '--name', 'n'];
    expect(complete(...create, '--credential-pairs', '')).toEqual(['@']);
    expect(complete(...create, '--credential-pairs', '@pairs')).toEqual(['@pairs\\ one.json']);
    expect(complete(...create, '--metadata=@fold')).toEqual(['--metadata=@folder/']);
    expect(complete('confidant', 'get_service', '--service', '')).toEqual(['']);
    expect(complete('confidant', 'token', '--format', '')).toEqual(['basic', 'headers', 'json']);
    expect(complete('confidant', '--url', 'https://confidant.example.com', 'get_s')).toEqual(['get_service']);
  });

  it('does so as it is typed', async () => {
    // Stands for the program in what is typed: it shows the words that it gets.
    const show = `show() { printf '<%s>' "$@"; }\ncomplete -o default -F _confidant show\nPS1='ready> '\n`;
    writeFileSync(join(folder, 'completion.bash'), script + show);
    const terminal = openTerminal('exec bash --noprofile --rcfile completion.bash -i', {
      folder,
      env: { PATH: `${folder}:${process.env['PATH']}`, CONFIDANT_CONFIG_FILES: 'config.yaml' },
    });
    await terminal.shown('ready> ');
    for (const [typed, words] of [
      ['--url https://c.example.com --prof\tdem\tget_se\t', '<--profile><demo><get_service>'],
      ['--profile=web\tlist_ca\t', '<--profile=web-production><list_cas>'],
      ['update_credential --metadata \toth\t--id', '<--metadata><@other.json><--id>'],
      ['create_credential --credential-pairs @pa\t', '<--credential-pairs><@pairs one.json>'],
      ['create_credential --credential-pairs=@pa\t', '<--credential-pairs=@pairs one.json>'],
    ] as const) {
      terminal.type(`show ${typed}\r`);
      await terminal.shown(words);
    }
    terminal.type('exit\r');
    expect((await terminal.ended).code).toBe(0);
  });

  it('knows every command in every shell, and no other shell', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { stdout } = await callCli(['confidant', 'completion', shell]);
      for (const { name } of COMMANDS) expect(stdout).toContain(name);
    }
    expect((await callCli(['confidant', 'completion', 'cmd'])).code).toBe(2);
  });
});

describe('start', () => {
  const loader = `export function resolve(name, context, next) { console.error('load ' + name); return next(name, context); }`;
  const register = `import { register } from 'node:module'; register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(loader))});`;
  const env = { NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(register)}"` };
  /** The packages that a run imports. */
  const loaded = (stderr: string): string[] => [
    ...new Set(stderr.match(/(?<=^load )(?!node:|\.|file:|data:|[a-z_]+$)\S+/gm)),
  ];

  it('help and version load neither the AWS SDK nor the schemas', async () => {
    for (const option of ['--help', '--version']) {
      const { stderr } = await runCli(['confidant', option], { env });
      expect(loaded(stderr)).toEqual([]);
      expect(stderr).toContain('load commander');
    }
  });

  it('completion loads nothing of AWS or HTTP', async () => {
    const { stderr } = await runCli(['confidant', 'completion', 'bash'], { env });
    expect(loaded(stderr)).toEqual(['@confidant/contract/wire']);
    expect(stderr).not.toMatch(/^load .*transport/m);
  });

  it('reading a service with a kept token loads no more than it needs', async () => {
    answers = { 'GET /v1/services/web?metadata_only=False': { body: serviceWith({ key: 'v' }) } };
    const get = ['get_service', '--service', 'web'];
    expect((await at.run(get)).code).toBe(0);
    const { default: profile } = JSON.parse(readFileSync(at.config, 'utf8')) as Record<string, Record<string, unknown>>;
    const yaml = join(at.folder, 'config.yaml');
    writeFileSync(yaml, stringify({ default: profile }));
    const end = await at.run(['--config-files', yaml, ...get], { env });
    expect(end.code).toBe(0);
    expect(loaded(end.stderr).sort()).toEqual(['@confidant/contract/wire', '@confidant/kmsauth/sender']);
    expect(end.stderr).not.toMatch(/^load (yaml|zod)$/m);
  });
});
