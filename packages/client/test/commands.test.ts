import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { credentialWith, deploy, serviceWith, type Deployment } from './support/deployment.js';
import type { Answer } from './support/http.js';

// Every step starts a new process.
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

describe('sources of values', () => {
  const create = ['create_credential', '--name', 'db', '--output', 'id'];
  beforeEach(() => {
    answers = { 'POST /v1/credentials': { body: credentialWith('new-id', { a: 1 }) } };
  });

  test('values can come from standard input, and --output id prints only the id', async () => {
    const end = await at.run([...create, '--credential-pairs', '-'], { stdin: '{"a": 12345678901234567890}' });
    expect(end).toMatchObject({ code: 0, stdout: 'new-id\n', stderr: 'confidant: stored: a\n' });
    const quiet = await at.run(['--log-level', 'warning', ...create, '--credential-pairs', '-'], { stdin: '{"a": 1}' });
    expect(quiet).toMatchObject({ code: 0, stderr: '' });
    expect(at.server.seen[0]!.body).toBe('{"name":"db","credential_pairs":{"a":12345678901234567890},"enabled":true}');
  });

  test('values can come from a file', async () => {
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

  test('values can be the argument itself, as in the original', async () => {
    await at.run([...create, '--credential-pairs', '{"a": "v"}']);
    expect(sent()).toMatchObject({ credential_pairs: { a: 'v' } });
  });

  test('text that is not a JSON object is refused with exit 2, and neither sent nor quoted', async () => {
    for (const [content, fault] of [
      ['{"a":\n  s3cret}', 'is not valid JSON (line 2, column 3)'],
      ['a: s3cret\n', 'is not valid JSON (line 1, column 1)'],
      ['{"a": "s3cret"', 'is not valid JSON (it ends too soon)'],
      ['['.repeat(100) + ']'.repeat(100), 'is nested too deeply'],
      ['["s3cret"]', 'is JSON, but not an object'],
      ['"s3cret"', 'is JSON, but not an object'],
      ['{"a": "s3cret", "b": 1, "a": "s3cret"}', 'has the key a twice'],
      ['', 'is empty'],
      [' \n', 'is empty'],
    ] as const) {
      const path = join(at.folder, 'bad.json');
      writeFileSync(path, content);
      const complaint = (source: string, advice = '') => ({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining(`confidant: --credential-pairs${source} ${fault}${advice}\n`) as string,
      });
      const piped = await at.run([...create, '--credential-pairs', '-'], { stdin: content });
      expect(piped).toMatchObject(complaint(': standard input'));
      expect(await at.call([...create, '--credential-pairs', `@${path}`])).toMatchObject(complaint(`: @${path}`));
      const argument = await at.call([...create, '--credential-pairs', content]);
      expect(argument).toMatchObject(complaint('', `. Example: '{"key": "value"}', @file, or - for standard input`));
      expect(piped.stderr + argument.stderr).not.toContain('s3cret');
    }
    expect((await at.run([...create, '--credential-pairs', '@/nonexistent/x'])).code).toBe(2);
    const path = join(at.folder, 'forgotten.json');
    writeFileSync(path, '{"a": "s3cret"}');
    const forgotten = await at.call([...create, '--credential-pairs', path]);
    expect(forgotten).toMatchObject({ code: 2, stderr: expect.stringContaining(`; did you mean @${path}?`) as string });
    expect((await at.call([...create, '--credential-pairs', '/none/s3cret'])).stderr).not.toMatch(/s3cret|did you/);
    expect(at.server.seen).toEqual([]);
  });

  test('a file that is not UTF-8 is refused with exit 2, and a byte order mark is ignored', async () => {
    const file = join(at.folder, 'pairs.json');
    writeFileSync(file, Buffer.concat([Buffer.from('{"a": "'), Buffer.from([0xe4, 0xff]), Buffer.from('"}')]));
    const damaged = await at.call([...create, '--credential-pairs', `@${file}`]);
    expect(damaged).toMatchObject({ code: 2, stderr: expect.stringContaining('is not UTF-8 text') as string });
    expect(at.server.seen).toEqual([]);
    answers = { 'POST /v1/credentials': { body: credentialWith('c1', { a: 'v' }) } };
    writeFileSync(file, '\ufeff{"a": "v"}');
    expect((await at.call([...create, '--credential-pairs', `@${file}`])).code).toBe(0);
    expect(sent()).toMatchObject({ credential_pairs: { a: 'v' } });
  });

  test('values are not printed after a creation or an update', async () => {
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

  test('a prompt without a terminal is refused', async () => {
    const end = await at.run([...create, '--prompt', 'a']);
    expect(end).toMatchObject({ code: 2, stdout: '' });
    expect(end.stderr).toContain('only be asked for on a terminal');
  });
});

describe('credentials', () => {
  test('an update sends what was given and nothing else, and is refused if nothing was given', async () => {
    answers = { 'PUT /v1/credentials/c1': { body: credentialWith('c1', {}) } };
    await at.call(['update_credential', '--id', 'c1', '--disabled']);
    expect(sent()).toEqual({ enabled: false });
    const end = await at.call(['update_credential', '--id', 'c1']);
    expect(end).toMatchObject({ code: 1, stdout: '{\n    "error": "No changes to make",\n    "result": false\n}\n' });
  });

  test('an update names the keys that were removed with the old pairs', async () => {
    const keys = (...names: string[]) => ({ ...credentialWith('c1', {}), credential_keys: names });
    answers = {
      'GET /v1/credentials/c1?metadata_only=True': { body: keys('db_user', 'db_password') },
      'PUT /v1/credentials/c1': { body: keys('db_password') },
    };
    const update = ['update_credential', '--id', 'c1', '--credential-pairs', '{"db_password": "s3cret"}'];
    const end = await at.call(update);
    expect(end).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('removed with the old pairs: db_user (') as string,
    });
    expect(end.stderr + end.stdout).not.toContain('s3cret');
    // A caller who may not read may still write.
    answers = { 'PUT /v1/credentials/c1': { body: keys('db_password') } };
    expect(await at.call(update)).toMatchObject({ code: 0, stderr: 'confidant: stored: db_password\n' });
  });

  test("--tags '' removes all tags, and no tag is ever empty", async () => {
    answers = { 'PUT /v1/credentials/c1': { body: credentialWith('c1', {}) } };
    await at.call(['update_credential', '--id', 'c1', '--tags', '']);
    expect(sent()).toEqual({ tags: [] });
    await at.call(['update_credential', '--id', 'c1', '--tags', 'a', '', 'b']);
    expect(sent()).toEqual({ tags: ['a', 'b'] });
  });

  test('--key prints only that value as it is, and nothing after a failure', async () => {
    const path = 'GET /v1/credentials/c2?metadata_only=False';
    answers = { ...LIST, [path]: { body: credentialWith('c2', { url: "pg://u:p'w@db\n", port: 5432 }) } };
    const get = ['get_credential', '--name', 'Database', '--key'];
    expect(await at.call([...get, 'url'])).toMatchObject({ code: 0, stdout: "pg://u:p'w@db\n", stderr: '' });
    expect(await at.call([...get, 'port'])).toMatchObject({ code: 0, stdout: '5432' });
    for (const absent of ['urll', 'toString']) {
      expect(await at.call([...get, absent])).toEqual({
        code: 1,
        signal: null,
        stdout: '',
        stderr: `confidant: error: credential Credential c2 (c2) has no key ${absent}; it has url, port\n`,
      });
    }
    // Servers store keys in lower case.
    expect(await at.call([...get, 'URL'])).toMatchObject({ code: 0, stdout: "pg://u:p'w@db\n", stderr: '' });
    answers = LIST;
    expect(await at.call([...get, 'url'])).toMatchObject({ code: 1, stdout: '' });
    at.server.seen.length = 0;
    for (const more of [['-o', 'json'], ['-o', 'shell'], ['--metadata-only']]) {
      expect(await at.call([...get, 'url', ...more])).toMatchObject({ code: 2, stdout: '' });
    }
    expect(await at.call(['get_blind_credential', '--id', 'b1', '--key', 'url'])).toMatchObject({
      code: 2,
      stdout: '',
    });
    expect(at.server.seen).toEqual([]);
  });

  test('credentials are found by their exact name', async () => {
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

  test('a key that is not a valid name with its prefix is left out with a warning', async () => {
    answers = { 'GET /v1/credentials/c1?metadata_only=False': { body: credentialWith('c1', { key: 'v' }) } };
    for (const [format, prefix] of [
      ['shell', '1'],
      ['shell', 'my-'],
      ['dotenv', '1 x'],
    ] as const) {
      const end = await at.call(['get_credential', '--id', 'c1', '-o', format, '--prefix', prefix]);
      expect(end).toMatchObject({ stdout: '', stderr: expect.stringContaining('is not a valid name in') as string });
    }
  });

  test('a list is printed with the name of its next page', async () => {
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

  test('an update of a blind credential warns of the regions that it drops', async () => {
    const end = await update({ 'us-east-1': 'alias/blind-useast1' }, ...pairs);
    expect(end.code).toBe(0);
    expect(end.stderr).toBe(
      'confidant: warning: the credential can no longer be decrypted in us-west-2, because --blind-keys has no key there\n',
    );
    expect(Object.keys(sent()['data_key'] as object)).toEqual(['us-east-1']);
  });

  test('an update names the keys that were removed with the old pairs', async () => {
    answers['GET /v1/blind_credentials/b1'] = { body: { ...stored, credential_keys: ['key', 'ca', 'chain'] } };
    const both = { 'us-east-1': 'alias/blind-useast1', 'us-west-2': 'alias/blind-uswest2' };
    const end = await update(both, ...pairs);
    expect(end.stderr).toBe(
      'confidant: warning: removed with the old pairs: ca, chain (revert_blind_credential --id b1 undoes it)\n',
    );
    expect(await update(both, '--disabled')).toMatchObject({ code: 0, stderr: '' });
  });

  test('--key prints one decrypted value of the blind credential that --name finds', async () => {
    const both = { 'us-east-1': 'alias/blind-useast1', 'us-west-2': 'alias/blind-uswest2' };
    await update(both, ...pairs);
    answers = {
      'GET /v1/blind_credentials': { body: { blind_credentials: [{ id: 'b1', name: 'tls' }] } },
      'GET /v1/blind_credentials/b1': { body: { ...stored, ...sent() } },
    };
    const get = ['get_blind_credential', '--name', 'tls', '--decrypt-blind', '--key'];
    expect(await at.call([...get, 'key'])).toMatchObject({ code: 0, stdout: 's3cret', stderr: '' });
    const missing = await at.call([...get, 'crt']);
    expect(missing).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('no key crt; it has key\n') as string,
    });
  });

  test('an update that drops no region warns of nothing', async () => {
    const both = { 'us-east-1': 'alias/blind-useast1', 'us-west-2': 'alias/blind-uswest2' };
    expect(await update(both, ...pairs)).toMatchObject({ code: 0, stderr: '' });
    expect(await update({ 'us-east-1': 'alias/blind-useast1' }, '--disabled')).toMatchObject({ code: 0, stderr: '' });
    expect(sent()).toEqual({ enabled: false });
  });
});

describe('map', () => {
  test('map creates a service that does not exist', async () => {
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
    expect(sent()).toEqual({
      account: 'x',
      enabled: true,
      credentials: ['a', 'c1'],
      blind_credentials: [],
      expected_revision: 0,
    });
  });

  test('a name that only the other kind has is refused with the option that takes it', async () => {
    answers = { ...LIST, 'GET /v1/blind_credentials': { body: { blind_credentials: [{ id: 'b1', name: 'tls' }] } } };
    for (const command of [
      ['map', '--service'],
      ['add_creds', '--service-id'],
      ['remove_creds', '--service-id'],
    ]) {
      const plain = await at.call([...command, 'web', '--cred-names', 'tls']);
      expect(plain.stderr).toContain(
        'no credential is named tls; a blind credential is named tls: use --blind-cred-names',
      );
      const blind = await at.call([...command, 'web', '--blind-cred-names', 'database']);
      expect(blind.stderr).toContain('; a credential is named database: use --cred-names');
    }
    expect((await at.call(['get_credential', '--name', 'tls'])).stderr).toContain(
      '; a blind credential is named tls\n',
    );
    expect((await at.call(['map', '--service', 'web', '--cred-names', 'none'])).stderr).toMatch(
      /no credential is named none\n$/,
    );
  });

  test('map keeps what is mapped, and writes no revision when nothing changes', async () => {
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

  test('add_creds and remove_creds print the id of the service with --output id', async () => {
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

  test('add_creds and remove_creds may be run again: they succeed, write nothing, and warn of nothing to remove', async () => {
    answers = { 'GET /v1/services/web?metadata_only=True': { body: serviceWith({}) } };
    at.server.seen.length = 0;
    const result = { code: 0, stdout: '{\n    "result": true\n}\n' };
    const added = await at.call(['add_creds', '--service-id', 'web', '--cred-ids', 'c1']);
    expect(added).toMatchObject({ ...result, stderr: '' });
    const removed = await at.call(['remove_creds', '--service-id', 'web', '--cred-ids', 'other']);
    expect(removed).toMatchObject({
      ...result,
      stderr: 'confidant: warning: nothing to remove: none of these credentials is mapped to web\n',
    });
    const id = await at.call(['remove_creds', '--service-id', 'web', '--cred-ids', 'other', '-o', 'id']);
    expect(id).toMatchObject({ code: 0, stdout: 'web\n' });
    expect(at.server.seen.map(({ method }) => method)).toEqual(['GET', 'GET', 'GET']);
  });

  test('add_creds and remove_creds without any id fail before any request', async () => {
    for (const command of ['add_creds', 'remove_creds']) {
      const end = await at.call([command, '--service-id', 'web', '-o', 'id']);
      expect(end).toMatchObject({ code: 1, stdout: '', stderr: 'confidant: error: No changes to make\n' });
    }
    expect(at.server.seen).toEqual([]);
  });

  test('a service that cannot be read is not mistaken for a missing one', async () => {
    for (const status of [401, 403, 500]) {
      answers = { 'GET /v1/services/web?metadata_only=True': { status } };
      expect((await at.call(['map', '--service', 'web', '--cred-ids', 'b'])).code).toBe(1);
    }
    expect(at.server.seen.every(({ method }) => method === 'GET')).toBe(true);
  });

  test('a name that no service can have is refused, and nothing is written', async () => {
    answers = {};
    const end = await at.call(['map', '--service', 'a b/c', '--cred-ids', 'x']);
    expect([end.code, JSON.parse(end.stdout)]).toEqual([
      1,
      { error: expect.stringContaining('a b/c is not a valid service name'), result: false },
    ]);
    expect(at.server.seen.map(({ method }) => method)).toEqual(['GET']);
  });

  test('add_creds creates a service too; remove_creds does not', async () => {
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

  test('history lists the newest revision first', async () => {
    answers = { 'GET /v1/archive/blind_credentials/b': { body: { revisions } } };
    const end = await at.call(['history', '--blind-credential', 'b']);
    expect(JSON.parse(end.stdout)).toEqual({
      result: true,
      revisions: [{ revision: 5 }, { revision: 3 }, { revision: 1 }],
    });
  });

  test('a diff compares the current revision with the one before, unless others are named', async () => {
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

  test('a diff without an earlier revision is an error that says so', async () => {
    answers = { 'GET /v1/archive/credentials/c': { body: { revisions: [{ revision: 1 }] } } };
    const end = await at.call(['revert_credential', '--id', 'c']);
    expect(JSON.parse(end.stdout)).toEqual({ error: 'c has no revision before 1', result: false });
  });
});

describe('token', () => {
  test('token prints a username and token in the formats that other programs take', async () => {
    const basic = await at.call(['token']);
    expect(basic.stdout).toMatch(/^2\/service\/web:[A-Za-z0-9+/=]+\n$/);
    const token = basic.stdout.trim().split(':')[1]!;
    const headers = await at.call(['token', '--format', 'headers']);
    expect(headers.stdout).toBe(`X-Auth-From: 2/service/web\nX-Auth-Token: ${token}\n`);
    const json = await at.call(['token', '--format', 'json']);
    expect(JSON.parse(json.stdout)).toEqual({ username: '2/service/web', token });
  });

  test('a failure of token prints nothing to standard output', async () => {
    at.configure({ auth_key: 'alias/unknown', token_cache_file: '' });
    expect(await at.call(['token'])).toMatchObject({ code: 1, stdout: '' });
    at.configure({});
  });
});
