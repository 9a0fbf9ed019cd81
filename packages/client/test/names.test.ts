import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { callCli, PATIENT, type CliEnd } from './support/cli.js';
import { credentialWith, deploy, serviceWith, type Deployment } from './support/deployment.js';
import { startEmbeddedServer, type EmbeddedServer } from './support/embedded-server.js';
import type { Answer } from './support/http.js';

const ids: Record<string, string> = {};
let server: EmbeddedServer;
let environment: Record<string, string>;

const run = (...args: string[]): Promise<CliEnd> => callCli([...PATIENT, ...args], environment);
/** Returns the response that a successful command prints. */
async function answered(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout, stderr, code } = await run(...args);
  expect({ args, stderr, code }).toEqual({ args, stderr: expect.any(String) as string, code: 0 });
  return JSON.parse(stdout) as Record<string, unknown>;
}
async function refused(...args: string[]): Promise<string> {
  const { stdout, code } = await run(...args);
  const { error, result } = JSON.parse(stdout) as Record<string, unknown>;
  expect({ code, result }).toEqual({ code: 1, result: false });
  return error as string;
}
const mapped = async (service: string): Promise<string[]> => {
  const body = (await answered('get_service', '--service', service, '--metadata-only'))['service'] as Record<
    'credentials' | 'blind_credentials',
    { name: string }[]
  >;
  return [...body.credentials, ...body.blind_credentials].map(({ name }) => name);
};
const BLIND_KEYS = '{"us-east-1": "alias/confidant-service"}';

beforeAll(async () => {
  server = await startEmbeddedServer();
  const shown = execFileSync('sh', ['-c', `. '${server.dataDir}/client.env'; env -0`], { encoding: 'utf8', env: {} });
  environment = Object.fromEntries(
    shown
      .split('\0')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  for (const name of ['database', 'cache', '東京 api']) {
    const made = await run(
      'create_credential',
      '--name',
      name,
      '--credential-pairs',
      `{"key_${name[0]}": "one"}`,
      '-o',
      'id',
    );
    ids[name] = made.stdout.trim();
  }
  const blind = ['--blind-keys', BLIND_KEYS, '--group-context', '{"group": "web"}', '--credential-pairs'];
  for (const name of ['tls', 'signing']) {
    const made = await run(
      'create_blind_credential',
      '--name',
      name,
      ...blind,
      `{"${name}_key": "blind s3cret"}`,
      '-o',
      'id',
    );
    ids[name] = made.stdout.trim();
  }
});
afterAll(() => server?.stop());

describe('names instead of ids', () => {
  test('a credential can be changed, reverted and read by its name', async () => {
    const update = ['update_credential', '--credential-name', 'cache'];
    expect(await answered(...update, '--documentation', 'd')).toMatchObject({
      credential: { id: ids['cache'], revision: 2 },
    });
    // Here --name is the new name, as before.
    expect(await answered(...update, '--name', 'store')).toMatchObject({ credential: { name: 'store', revision: 3 } });
    expect(await answered('revert_credential', '--credential-name', 'store', '--revision', '1')).toMatchObject({
      credential: { id: ids['cache'], name: 'cache', revision: 4 },
    });
    expect(await answered('get_credential', '--credential-name', 'cache')).toMatchObject({
      credential: { credential_pairs: { key_c: 'one' } },
    });
    expect((await answered('history', '--credential-name', 'cache'))['revisions']).toHaveLength(4);
    // A diff in the other direction swaps the added and removed values of each field.
    const compare = async (older: string, newer: string) =>
      (await answered('diff', '--credential-name', 'cache', '--old', older, '--new', newer)) as {
        diff: Record<string, { added?: unknown; removed?: unknown }>;
      };
    const [there, back] = [(await compare('1', '2')).diff, (await compare('2', '1')).diff];
    expect(Object.keys(there).length).toBeGreaterThan(1);
    for (const [field, { added, removed }] of Object.entries(there)) {
      expect([field, back[field]?.added, back[field]?.removed]).toEqual([field, removed, added]);
    }
    expect(await answered('diff', '--credential-name', 'cache', '--old', '2', '--new', '3')).toMatchObject({
      diff: { name: { added: 'store', removed: 'cache' } },
    });
  });

  test('a blind credential can be changed, reverted and read by its name', async () => {
    const named = ['--blind-credential-name', 'signing'];
    expect(await answered('update_blind_credential', ...named, '--name', 'signer')).toMatchObject({
      blind_credential: { id: ids['signing'], name: 'signer' },
    });
    expect(await answered('revert_blind_credential', '--blind-credential-name', 'signer')).toMatchObject({
      blind_credential: { name: 'signing', revision: 3 },
    });
    expect(await answered('get_blind_credential', ...named, '--decrypt-blind')).toMatchObject({
      blind_credential: { decrypted_credential_pairs: { signing_key: 'blind s3cret' } },
    });
    expect((await answered('history', ...named))['revisions']).toHaveLength(3);
  });

  test('credentials can be mapped, removed and searched for in services by their names', async () => {
    await answered('map', '--service', 'web', '--cred-names', '東京 api', '--blind-cred-names', 'tls', 'signing');
    expect(await mapped('web')).toEqual(['東京 api', 'signing', 'tls']);
    await answered('add_creds', '--service-id', 'web', '--cred-names', 'database', '--cred-ids', ids['cache']!);
    await answered('remove_creds', '--service-id', 'web', '--cred-names', '東京 api', '--blind-cred-names', 'signing');
    expect(await mapped('web')).toEqual(['cache', 'database', 'tls']);
    for (const option of [
      ['--credential-name', 'database'],
      ['--blind-credential-name', 'tls'],
      ['--blind-credential', ids['tls']!],
    ]) {
      expect((await answered('list_services', ...option))['services']).toEqual([{ id: 'web', enabled: true }]);
    }
  });

  test('an unknown name is reported with similar ones, and nothing is changed', async () => {
    expect(await refused('revert_credential', '--credential-name', 'databsae')).toBe(
      'no credential is named databsae (similar: database)',
    );
    expect(await refused('get_blind_credential', '--blind-credential-name', 'TLS')).toBe(
      'no blind credential is named TLS (similar: tls)',
    );
    expect(await refused('map', '--service', 'typo', '--cred-names', 'database', 'nope', 'never')).toBe(
      'no credential is named nope or never',
    );
    expect((await run('list_services', '-o', 'id')).stdout).toBe('web\n');
  });

  test('an id together with a name is refused, and so is neither', async () => {
    for (const words of [
      ['update_credential', '--id', 'x', '--credential-name', 'y', '--disabled'],
      ['update_credential', '--disabled'],
      ['get_blind_credential'],
      ['revert_blind_credential', '--id', 'x', '--blind-credential-name', 'y'],
      ['get_credential', '--name', 'x', '--credential-name', 'y'],
      ['diff', '--credential-name', 'x', '--service', 'y'],
      ['list_services', '--blind-credential-name', 'x', '--limit', '1'],
    ]) {
      expect([words, (await run(...words)).code]).toEqual([words, 2]);
    }
  });
});

describe('revisions', () => {
  test('a missing revision is reported as such, for everything that has revisions', async () => {
    const { cache, tls } = ids;
    const newest = 'The newest is';
    for (const [words, told] of [
      [['revert_credential', '--id', cache!, '--revision', '9'], `Credential ${cache} has no revision 9. ${newest} 4.`],
      [
        ['diff', '--credential', cache!, '--old', '8', '--new', '9'],
        `Credential ${cache} has no revision 8 or 9. ${newest} 4.`,
      ],
      [
        ['revert_blind_credential', '--id', tls!, '--revision', '7'],
        `Blind credential ${tls} has no revision 7. ${newest} 1.`,
      ],
      [
        ['diff', '--blind-credential', tls!, '--old', '1', '--new', '2'],
        `Blind credential ${tls} has no revision 2. ${newest} 1.`,
      ],
      [['revert_service', '--id', 'web', '--revision', '99'], `Service web has no revision 99. ${newest} 3.`],
      [['diff', '--service', 'web', '--old', '99'], `Service web has no revision 99. ${newest} 3.`],
    ] as const) {
      expect(await refused(...words)).toBe(told);
    }
  });

  test("a resource that does not exist is reported in the server's words", async () => {
    expect(await refused('revert_credential', '--id', 'nope', '--revision', '9')).toBe('Credential not found.');
    expect(await refused('revert_service', '--id', 'nope', '--revision', '9')).toBe('Service not found.');
  });

  test('revisions of a blind credential are compared by keys and regions, without values', async () => {
    await answered(
      'update_blind_credential',
      ...['--blind-credential-name', 'tls', '--documentation', 'ask the team', '--metadata', '{"path": "/etc/s3cret"}'],
      ...['--blind-keys', BLIND_KEYS, '--credential-pairs', '{"chain": "other s3cret"}', '--disabled'],
    );
    const { stdout } = await run('diff', '--blind-credential-name', 'tls');
    expect(JSON.parse(stdout)).toEqual({
      diff: {
        credential_keys: { added: ['chain'], removed: ['tls_key'] },
        credential_pairs: { added: ['us-east-1'], removed: ['us-east-1'] },
        documentation: { added: 'ask the team', removed: null },
        enabled: { added: false, removed: true },
        metadata: { added: ['path'] },
        modified_by: expect.any(Object) as object,
        modified_date: expect.any(Object) as object,
      },
      new: 2,
      old: 1,
      result: true,
    });
    expect(stdout).not.toMatch(/s3cret|gAAAA|group/);
    const other = await answered('diff', '--blind-credential', ids['tls']!, '--old', '2', '--new', '1');
    expect(other).toMatchObject({ diff: { metadata: { removed: ['path'] } }, old: 2, new: 1 });
    expect(await answered('diff', '--blind-credential', ids['tls']!, '--old', '2', '--new', '2')).toMatchObject({
      diff: {},
    });
  });
});

describe('lists for people', () => {
  const table = async (...words: string[]): Promise<string[]> => {
    const { stdout, code } = await run(...words, '-o', 'table');
    expect(code).toBe(0);
    return stdout.split('\n');
  };

  test('lists are tables with aligned columns', async () => {
    const [titles, ...rows] = await table('list_credentials');
    expect(titles).toMatch(/^NAME {6}ID {32}REVISION {2}ENABLED {2}MODIFIED {14}BY$/);
    expect(rows.slice(0, -1).map((row) => row.replace(/\d{4}-.*Z/, 'DATE').replace(/Z {2}\S+$/, ''))).toEqual([
      expect.stringMatching(new RegExp(`^cache     ${ids['cache']}  4         yes      DATE  \\S+$`)),
      expect.stringMatching(new RegExp(`^database  ${ids['database']}  1         yes      DATE  \\S+$`)),
      // These characters are two cells wide in a terminal.
      expect.stringMatching(new RegExp(`^東京 api  ${ids['東京 api']}  1         yes      DATE  \\S+$`)),
    ]);
    expect((await table('list_blind_credentials')).join('\n')).toMatch(
      /^tls {6}[\da-f]{32} {2}2 {9}no {7}20\S+Z {2}\S/m,
    );
    expect((await table('list_services'))[0]).toMatch(/^SERVICE {2}REVISION {2}ENABLED {2}MODIFIED {14}BY$/);
    expect(await table('list_services', '--credential-name', 'database')).toEqual([
      'SERVICE  ENABLED',
      'web      yes',
      '',
    ]);
  });

  test('histories are tables with aligned columns', async () => {
    const [titles, first] = await table('history', '--blind-credential-name', 'tls');
    expect(titles).toMatch(/^REVISION {2}ENABLED {2}MODIFIED {14}BY +NAME {2}KEYS$/);
    expect(first).toMatch(/^2 {9}no .* tls {3}chain$/);
    expect((await table('history', '--service', 'web')).length).toBe(5);
  });

  test('tables never show a value', async () => {
    for (const words of [
      ['list_credentials'],
      ['history', '--blind-credential-name', 'tls'],
      ['history', '--credential-name', 'cache'],
    ]) {
      expect((await table(...words)).join('\n')).not.toMatch(/s3cret|gAAAA|\bone\b/);
    }
  });

  test('-o id prints one id per line, and reports that there are more', async () => {
    expect((await run('list_blind_credentials', '-o', 'id')).stdout.split('\n').sort()).toEqual(
      ['', ids['signing'], ids['tls']].sort(),
    );
    const { stdout, stderr } = await run('list_credentials', '--limit', '2', '-o', 'id');
    expect(stdout).toMatch(/^([\da-f]{32}\n){2}$/);
    const page = /^confidant: there are more results: repeat the command with --page (\S+)\n$/.exec(stderr)![1]!;
    const rest = await run('list_credentials', '--limit', '2', '--page', page, '-o', 'id');
    expect(rest).toMatchObject({ stdout: expect.stringMatching(/^[\da-f]{32}\n$/) as string, stderr: '' });
  });

  test('any other command refuses a table before it does anything, and lists its formats', async () => {
    const { code, stdout, stderr } = await run(
      'update_credential',
      '--id',
      ids['database']!,
      '--disabled',
      '-o',
      'table',
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('--output table cannot be used with update_credential: choose json, yaml, id\n');
    expect(await answered('get_credential', '--name', 'database')).toMatchObject({
      credential: { enabled: true, revision: 1 },
    });
  });
});

describe('a created service', () => {
  test('map and add_creds report a service that they create, once, and not with --log-level warning', async () => {
    const created = await run('map', '--service', 'new-1', '--cred-names', 'database');
    expect(created).toMatchObject({ code: 0, stderr: 'confidant: created the service new-1\n' });
    expect(await run('map', '--service', 'new-1', '--cred-names', 'cache')).toMatchObject({ code: 0, stderr: '' });
    const added = await run('add_creds', '--service-id', 'new-2', '--cred-ids', ids['cache']!);
    expect(added).toMatchObject({
      stdout: '{\n    "result": true\n}\n',
      stderr: 'confidant: created the service new-2\n',
    });
    const quiet = await run('--log-level', 'warning', 'map', '--service', 'new-3', '--cred-names', 'cache');
    expect(quiet).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('unusual responses', () => {
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
  const listed = (...credentials: [id: string, name: string][]) =>
    credentials.map(([id, name]) => ({ ...credentialWith(id, {}), name }));

  test('a name is looked for on every page, and an endless list is given up', async () => {
    answers = {
      'GET /v1/credentials': { body: { credentials: listed(['c1', 'a']), next_page: 'p=' } },
      'GET /v1/credentials?limit=1000&page=p%3D': {
        body: { credentials: listed(['c2', 'b'], ['c1', 'a']), next_page: null },
      },
      'GET /v1/credentials/c1/services': { body: { services: [] } },
      'GET /v1/credentials/c2/services': { body: { services: [] } },
    };
    for (const name of ['a', 'b']) {
      expect(await at.call(['list_services', '--credential-name', name])).toMatchObject({ code: 0 });
    }
    expect(at.server.seen.map(({ path }) => path).filter((path) => path.endsWith('/services'))).toEqual([
      '/v1/credentials/c1/services',
      '/v1/credentials/c2/services',
    ]);
    answers['GET /v1/credentials?limit=1000&page=p%3D'] = { body: { credentials: [], next_page: 'p=' } };
    const { code, stderr } = await at.call(['list_services', '--credential-name', 'c']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('does not end') as string });
  });

  test('a name that two credentials have is refused with their ids', async () => {
    answers = {
      'GET /v1/credentials': { body: { credentials: listed(['c1', 'a'], ['c2', 'a']), next_page: null } },
      'GET /v1/blind_credentials': { body: { blind_credentials: listed(['b1', 'a'], ['b2', 'a']) } },
    };
    const { stdout, code } = await at.call(['update_credential', '--credential-name', 'a', '--disabled']);
    expect([code, JSON.parse(stdout)]).toEqual([
      1,
      { error: 'more than one credential is named a: give the id, one of c1, c2', result: false },
    ]);
    const blind = await at.call(['map', '--service', 'web', '--blind-cred-names', 'a']);
    expect(JSON.parse(blind.stdout)).toEqual({
      error: 'more than one blind credential is named a: give the id, one of b1, b2',
      result: false,
    });
    expect(at.server.seen.every(({ method }) => method === 'GET')).toBe(true);
  });

  test('a table shows control characters instead of obeying them', async () => {
    const name = 'x\u001b[2J\u202ey\nz\tq\u2028';
    answers = { 'GET /v1/credentials': { body: { credentials: listed(['c1', name]), next_page: null } } };
    const { stdout } = await at.call(['list_credentials', '-o', 'table']);
    expect(stdout.split('\n')[1]).toMatch(/^x\\u001b\[2J\\u202ey\\u000az\\u0009q\\u2028 {2}c1 {2}1 /);
    expect(stdout.match(/\n/g)).toHaveLength(2);
  });

  test('an empty list prints its titles as a table, and nothing as ids', async () => {
    answers = { 'GET /v1/services': { body: { services: [], next_page: null } } };
    expect((await at.call(['list_services', '-o', 'table'])).stdout).toBe(
      'SERVICE  REVISION  ENABLED  ACCOUNT  MODIFIED  BY\n',
    );
    expect(await at.call(['list_services', '-o', 'id'])).toMatchObject({ code: 0, stdout: '' });
  });

  test('authorities are listed by name; their certificates are not', async () => {
    const ca = { certificate: '-----BEGIN', certificate_chain: '-----BEGIN' };
    answers = {
      'GET /v1/cas': {
        body: {
          cas: [
            { ...ca, ca: 'private', tags: { team: 'web', x: 'y' } },
            { ...ca, ca: 'own', tags: [] },
          ],
        },
      },
    };
    expect((await at.call(['list_cas', '-o', 'table'])).stdout).toBe(
      'CA       TAGS\nprivate  team=web, x=y\nown      -\n',
    );
    expect((await at.call(['list_cas', '-o', 'id'])).stdout).toBe('private\nown\n');
  });

  test('a failure prints neither a table nor an id', async () => {
    answers = { 'GET /v1/services': { status: 403, body: { error: 'no' } } };
    for (const format of ['table', 'id']) {
      expect(await at.call(['list_services', '-o', format])).toMatchObject({ code: 1, stdout: '' });
    }
  });

  test('a diff without the right to the ciphertext warns that regions were not compared', async () => {
    const blind = (revision: number, keys: string[]) => ({
      ...{ id: `b-${revision}`, name: 'tls', revision, enabled: true, documentation: null, metadata: {} },
      ...{ credential_pairs: {}, data_key: {}, credential_keys: keys, cipher_type: 'fernet', cipher_version: 2 },
      ...{ modified_by: 'alice', modified_date: 'Sat, 21 Nov 2026 21:44:29 GMT' },
    });
    answers = { 'GET /v1/archive/blind_credentials/b': { body: { revisions: [blind(2, ['x']), blind(1, [])] } } };
    const { stdout, stderr } = await at.call(['diff', '--blind-credential', 'b']);
    expect(stderr).toContain('the regions are not compared');
    expect(Object.keys((JSON.parse(stdout) as { diff: object }).diff)).toEqual([
      'credential_keys',
      'modified_by',
      'modified_date',
    ]);
  });

  test('a service that somebody else created at the same time is not reported as created', async () => {
    answers = { 'PUT /v1/services/web': { body: { ...serviceWith({}), revision: 2 } } };
    expect(await at.call(['map', '--service', 'web', '--cred-ids', 'c1'])).toMatchObject({ code: 0, stderr: '' });
  });

  test("if the history cannot be read, the server's words are printed", async () => {
    answers = { 'PUT /v1/credentials/c1/9': { status: 404, body: { error: 'Credential not found.' } } };
    const { stdout } = await at.call(['revert_credential', '--id', 'c1', '--revision', '9']);
    expect(JSON.parse(stdout)).toEqual({ error: 'Credential not found.', result: false });
  });
});

describe('list_services of a credential', () => {
  test('an id that does not exist is not reported as a credential that no service maps', async () => {
    await answered('create_credential', '--name', 'unused', '--credential-pairs', '{"a": "b"}');
    const unused = (await run('list_services', '--credential-name', 'unused')).stdout;
    expect(JSON.parse(unused)).toEqual({ result: true, services: [] });
    for (const option of ['--credential', '--blind-credential']) {
      expect(await refused('list_services', option, 'nosuch')).toMatch(/not found/i);
    }
  });
});
