import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Backend, startServer, type TestServer } from '../harness/server.js';
import { type KmsStandIn, startKmsStandIn } from '../stand-ins/kms.js';
import { type DynamoDbServer, startDynamoDb } from '../stand-ins/dynamodb-server.js';
import { admin } from './run-admin.js';

const PROGRAM = fileURLToPath(new URL('../../bin/confidant-admin.js', import.meta.url));

let kms: KmsStandIn;
let dynamodb: DynamoDbServer;
beforeAll(async () => {
  [kms, dynamodb] = await Promise.all([startKmsStandIn(), startDynamoDb()]);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([kms.stop(), dynamodb.stop()]);
});

let tables = 0;
function production(): Record<string, string> {
  tables += 1;
  return {
    DYNAMODB_TABLE: `confidant-${tables}`,
    DYNAMODB_TABLE_ARCHIVE: `confidant-archive-${tables}`,
    DYNAMODB_URL: dynamodb.endpoint,
    DYNAMODB_CREATE_TABLE: 'true',
    KMS_URL: kms.url,
    KMS_MASTER_KEY: 'alias/confidant-master',
    AUTH_KEY: 'alias/authnz-service',
    USER_AUTH_KEY: 'alias/authnz-user',
    AUTH_CONTEXT: 'confidant-production',
    KMS_AUTH_USER_TYPES: 'user,service',
    KMS_AUTH_MANAGE_GRANTS: 'false',
    BACKGROUND_CACHE_IAM_ROLES: 'false',
    USER_AUTH_MODULE: 'header',
    HEADER_AUTH_USERNAME_HEADER: 'X-User',
    HEADER_AUTH_EMAIL_HEADER: 'X-Email',
    KMS_READ_TIMEOUT: '20',
    PYNAMO_REQUEST_TIMEOUT_SECONDS: '20',
    STATSD_PORT: '0',
    SSLIFY: 'false',
    SESSION_SECRET: 'a secret of at least thirty-two characters',
  };
}

const DEFAULTS = [
  { name: 'in the embedded server', isEmbedded: true },
  { name: 'with DynamoDB', isEmbedded: false },
];

describe.each(DEFAULTS)('archiving $name', ({ isEmbedded }) => {
  let server: TestServer;
  /** The environment of confidant-admin for the same data. */
  let environment: Record<string, string>;
  beforeEach(async () => {
    const settings = isEmbedded ? {} : production();
    const backend: Backend | undefined = isEmbedded ? undefined : { environment: settings, kms: kms.kms };
    server = await startServer({}, backend);
    environment = isEmbedded ? { CONFIDANT_DATA_DIR: server.dataDir } : settings;
  });
  afterEach(() => server.stop());

  const call = (method: string, path: string, body?: unknown) => server.call('user:alice', method, path, body);
  async function disabled(name = 'To archive'): Promise<string> {
    const created = await call('POST', '/v1/credentials', {
      name,
      credential_pairs: { arch_key: '1' },
      enabled: false,
      tags: ['t1'],
      documentation: 'bye',
    });
    await call('PUT', `/v1/credentials/${created.json.id}`, { credential_pairs: { arch_key: '2' } });
    return created.json.id as string;
  }

  test('archiving requires force and a disabled credential that no service maps, and frees the name', async () => {
    const id = await disabled();
    const path = `/v1/credentials/${id}/archive`;
    const before = (await call('GET', `/v1/credentials/${id}`)).json;
    for (const body of [undefined, {}, 'null', { force: false }]) {
      const dry = await call('POST', path, body);
      expect([dry.status, dry.json]).toEqual([200, { result: 'dry-run success' }]);
    }
    await call('PUT', `/v1/credentials/${id}`, { enabled: true });
    const enabled = await call('POST', path, { force: true });
    expect([enabled.status, enabled.json]).toEqual([400, { error: 'Credential still enabled' }]);
    await call('PUT', `/v1/credentials/${id}`, { enabled: false });

    await call('PUT', '/v1/services/arch-test', { credentials: [id] });
    const mapped = await call('POST', path, { force: true });
    expect([mapped.status, mapped.json]).toEqual([400, { error: 'Credential has mapped services' }]);
    await call('PUT', '/v1/services/arch-test', { credentials: [] });

    const done = await call('POST', path, { force: true });
    expect([done.status, done.json]).toEqual([200, { result: 'success' }]);
    expect((await call('GET', `/v1/credentials/${id}`)).status).toBe(404);
    expect((await call('POST', path, { force: true })).status).toBe(404);
    const { credentials } = (await call('GET', '/v1/archive/credentials')).json;
    expect(credentials).toEqual([]);
    const reverted = await call('PUT', '/v1/services/arch-test/1');
    expect([reverted.status, reverted.json.error]).toEqual([400, 'No difference between old and new service.']);

    const namesake = await call('POST', '/v1/credentials', { name: 'To archive', credential_pairs: { a: '1' } });
    expect(namesake.status).toBe(200);
    const taken = await admin(['restore_credentials', '--ids', id, '--force'], environment);
    expect([taken.exitCode, taken.err]).toEqual([
      1,
      `Credential ${id}: Name already exists. See id: ${namesake.json.id}\n`,
    ]);
    await call('PUT', `/v1/credentials/${namesake.json.id}`, { name: 'Another' });
    expect((await admin(['restore_credentials', '--ids', id, '--force'], environment)).exitCode).toBe(0);
    expect((await call('GET', `/v1/credentials/${id}`)).json).toMatchObject({
      ...before,
      revision: 4,
      modified_date: expect.any(String),
    });
    expect((await call('GET', `/v1/archive/credentials/${id}`)).json.revisions).toHaveLength(4);
    expect((await call('POST', '/v1/credentials', { name: 'To archive', credential_pairs: { a: '1' } })).status).toBe(
      409,
    );
  });

  test('archiving refuses ids without a credential, and principals that the policy denies', async () => {
    const id = await disabled();
    const revision = await call('POST', `/v1/credentials/${id}-1/archive`, { force: true });
    expect([revision.status, revision.json]).toEqual([400, { error: 'id provided is not a credential.' }]);
    expect((await call('POST', '/v1/credentials/nope/archive', { force: true })).status).toBe(404);
    expect((await call('POST', `/v1/credentials/${id}/archive`, { force: 'yes' })).status).toBe(400);
    const denied = await server.call('service:svc', 'POST', `/v1/credentials/${id}/archive`, { force: true });
    expect([denied.status, denied.json]).toEqual([
      403,
      { error: `svc does not have access to archive credential ${id}`, reference: id },
    ]);
  });

  if (!isEmbedded) {
    test('restoring over a row of another kind fails and says so, and writes nothing', async () => {
      const id = await disabled();
      expect((await call('POST', `/v1/credentials/${id}/archive`, { force: true })).status).toBe(200);
      // A server that knows of no archive cannot know that the id is taken.
      const { DYNAMODB_TABLE_ARCHIVE: _, ...settings } = environment;
      const unaware = await startServer({}, { environment: settings, kms: kms.kms });
      expect((await unaware.call('user:alice', 'PUT', `/v1/services/${id}`, { credentials: [] })).status).toBe(200);
      await unaware.stop();
      for (const force of [[], ['--force']]) {
        expect(await admin(['restore_credentials', '--ids', id, ...force], environment)).toEqual({
          exitCode: 1,
          out: '',
          err: expect.stringContaining('a service or blind credential has its id'),
        });
      }
      expect((await call('GET', `/v1/credentials/${id}`)).status).toBe(404);
    });
  }

  test('confidant-admin archives and restores with the output of the original', async () => {
    const id = await disabled();
    const rows = `${id}, ${id}-1, ${id}-2`;
    const live = (await call('POST', '/v1/credentials', { name: 'Live', credential_pairs: { a: '1' } })).json.id;
    const archive = (...args: string[]) => admin(['archive_credentials', ...args], environment);
    const restore = (...args: string[]) => admin(['restore_credentials', ...args], environment);

    expect(await archive('--ids', `${id},${live}`)).toEqual({
      exitCode: 0,
      out: `Would have archived credential and revisions: ${rows}\nSkipping enabled credential ${live}\n`,
      err: '',
    });
    expect((await call('GET', `/v1/credentials/${id}`)).status).toBe(200);
    expect(await archive('--ids', id, '--force')).toEqual({
      exitCode: 0,
      out: `Archiving credential and revisions: ${rows}\n`,
      err: '',
    });
    expect((await call('GET', `/v1/credentials/${id}`)).status).toBe(404);
    expect(await restore('--all')).toEqual({
      exitCode: 0,
      out: `Would have restored credential and revisions: ${rows}\n`,
      err: '',
    });
    expect((await restore('--ids', id, '--force')).out).toBe(`Restoring credential and revisions: ${rows}\n`);
    expect(await restore('--ids', id, '--force')).toEqual({
      exitCode: 0,
      out: '',
      err: `Credential ${id}: nothing to restore, it exists with all revisions\n`,
    });
    expect((await call('GET', `/v1/credentials/${id}`)).json.credential_pairs).toEqual({ arch_key: '2' });
    expect(await archive('--days', '1')).toEqual({
      exitCode: 0,
      out: '',
      err: 'Nothing to archive: no disabled credential has been unchanged for more than 1 days.\n',
    });
  });

  test.each([
    ['its output is not read', '| true', 0],
    ['its output cannot be written', '> /dev/full', 1],
  ])('confidant-admin archives every credential even when %s', async (_, output, exitCode) => {
    const ids = await Promise.all(['a', 'b', 'c', 'd'].map(disabled));
    const line = `("$1" "$2" archive_credentials --force --ids ${ids.join(',')}; echo "exit $?" >&2) ${output}`;
    const { stderr } = await promisify(execFile)('sh', ['-c', line, 'sh', process.execPath, PROGRAM], {
      env: { ...process.env, ...environment },
    });
    expect(stderr).toMatch(new RegExp(`(^|\\n)exit ${exitCode}\\n$`));
    for (const id of ids) expect((await call('GET', `/v1/credentials/${id}`)).status).toBe(404);
  });

  test('confidant-admin exits with 1 when one id fails, and archives the others', async () => {
    const id = await disabled();
    const result = await admin(['archive_credentials', '--ids', `nope,${id}`, '--force'], environment);
    expect(result).toMatchObject({ exitCode: 1, err: 'Credential nope: the credential does not exist\n' });
    expect((await call('GET', `/v1/credentials/${id}`)).status).toBe(404);
    expect((await admin(['restore_credentials', '--ids', 'nope'], environment)).exitCode).toBe(1);
  });

  test.each([
    [['archive_credentials', '--days', '0'], 'Either --days or --ids options are required\n'],
    [['archive_credentials'], 'Either --days or --ids options are required\n'],
    [['archive_credentials', '--days', '1', '--ids', 'x'], '--days and --ids options are mutually exclusive\n'],
    [['restore_credentials'], 'Either --ids or --all argument must be provided\n'],
  ])('confidant-admin %j exits with 1 and names the missing option', async (args, err) => {
    expect(await admin(args, environment)).toEqual({ exitCode: 1, out: '', err });
  });
});

describe('without DYNAMODB_TABLE_ARCHIVE', () => {
  test('archiving responds with 400 and the name of the setting (bug 16), and the commands exit with 1', async () => {
    const { DYNAMODB_TABLE_ARCHIVE: _archive, ...settings } = production();
    const server = await startServer({}, { environment: settings, kms: kms.kms });
    const { json } = await server.call('user:alice', 'POST', '/v1/credentials', {
      name: 'NoArch',
      credential_pairs: { z: '1' },
      enabled: false,
    });
    const answer = await server.call('user:alice', 'POST', `/v1/credentials/${json.id}/archive`, { force: true });
    expect([answer.status, answer.json.error]).toEqual([400, expect.stringContaining('DYNAMODB_TABLE_ARCHIVE')]);
    const command = await admin(['archive_credentials', '--ids', json.id, '--force'], settings);
    expect([command.exitCode, command.err]).toEqual([1, expect.stringContaining('DYNAMODB_TABLE_ARCHIVE')]);
    await server.stop();
  });
});

describe('create_dynamodb_tables', () => {
  test('creates missing tables, changes nothing when run again, and fails for the embedded server', async () => {
    const settings: Record<string, string> = { ...production(), DYNAMODB_CREATE_TABLE: 'false' };
    const { DYNAMODB_TABLE: table, DYNAMODB_TABLE_ARCHIVE: archive } = settings;
    for (let time = 0; time < 2; time += 1) {
      expect(await admin(['create_dynamodb_tables'], settings)).toEqual({
        exitCode: 0,
        out: `Table ${table} exists.\nTable ${archive} exists.\n`,
        err: '',
      });
    }
    expect((await admin(['create_dynamodb_tables'], {})).exitCode).toBe(1);
  });
});
