import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { conflictsWith } from '../../../src/domain/conflicts.js';
import { startServer, type TestServer } from '../../harness/server.js';

const POLICY = `
version: 1
include: default
rules:
  - name: bob sees no production values
    effect: deny
    principal: { name: bob }
    action: get
    resource: { type: credential, tag: production }
`;

let folder: string;
let server: TestServer;
let production: string;
let open: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-bypass-'));
  const file = join(folder, 'policy.yaml');
  writeFileSync(file, POLICY);
  server = await startServer({
    ACL_POLICY_FILE: file,
    SCOPED_AUTH_KEYS: '{"alias/confidant-master":"sandbox"}',
    ENABLE_SAVE_LAST_DECRYPTION_TIME: 'true',
  });
  const create = async (name: string, tags: string[]): Promise<string> => {
    const body = { name, tags, credential_pairs: { [name]: `value of ${name}` } };
    return (await server.call('user:admin', 'POST', '/v1/credentials', body)).json.id as string;
  };
  production = await create('secret', ['production', 'db']);
  open = await create('open', []);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

describe('a caller who may not get a credential gets none of its values', () => {
  test('through a service that maps the credential: people see only values they may get, services everything mapped to them', async () => {
    await server.call('user:admin', 'PUT', '/v1/services/api', { credentials: [production, open] });
    const bob = await server.call('user:bob', 'GET', '/v1/services/api');
    expect(bob.json.credentials).toMatchObject([
      { id: open, credential_pairs: { open: 'value of open' } },
      { id: production, credential_pairs: {}, credential_keys: ['secret'] },
    ]);
    for (const as of ['user:admin', 'service:api']) {
      const { json } = await server.call(as, 'GET', '/v1/services/api');
      expect(json.credentials[1].credential_pairs).toEqual({ secret: 'value of secret' });
    }
  });

  test('whatever tags the caller gives the credential', async () => {
    for (const tags of [['production\ndb'], ['db'], [], ['Production']]) {
      const answer = await server.call('user:bob', 'PUT', `/v1/credentials/${production}`, { tags });
      expect([400, 403]).toContain(answer.status);
    }
    const read = await server.call('user:bob', 'GET', `/v1/credentials/${production}`);
    expect(read.json).toMatchObject({ tags: ['production', 'db'], credential_pairs: {} });
  });
});

test('names and tags with line breaks get 400', async () => {
  for (const body of [{ tags: ['a\nb'] }, { tags: ['a\u0000'] }, { name: 'a\u0000b' }, { name: 'a\tb' }]) {
    const answer = await server.call('user:admin', 'PUT', `/v1/credentials/${open}`, body);
    expect([answer.status, answer.json.error]).toEqual([400, expect.stringContaining(Object.keys(body)[0]!)]);
  }
});

test('an update that shows stored values leaves the audit line and the decryption date of a read', async () => {
  const answer = await server.call('user:admin', 'PUT', `/v1/credentials/${open}`, { documentation: 'x' });
  expect(answer.json.credential_pairs).toEqual({ open: 'value of open' });
  const audit = server
    .log()
    .split('\n')
    .filter((line) => line.includes('"audit":') && line.includes(open))
    .map((line) => (JSON.parse(line) as { audit: { action: string; revision: number } }).audit);
  expect(audit.slice(-2)).toMatchObject([
    { action: 'get', revision: 2 },
    { action: 'update', revision: 2 },
  ]);
});

test('a history of blind credentials leaves the audit line of a read', async () => {
  const { json } = await server.call('user:admin', 'POST', '/v1/blind_credentials', {
    name: 'Blind',
    credential_pairs: { r: 'ciphertext' },
    data_key: { r: 'key' },
    cipher_type: 'fernet',
    cipher_version: 2,
  });
  await server.call('user:carol', 'GET', `/v1/archive/blind_credentials/${json.id}`);
  await server.call('user:carol', 'GET', '/v1/archive/blind_credentials');
  const audit = server
    .log()
    .split('\n')
    .filter((line) => line.includes('"audit":') && line.includes('"carol"'))
    .map((line) => (JSON.parse(line) as { audit: object }).audit);
  expect(audit).toMatchObject([
    { action: 'get', resourceType: 'blind_credential', resourceId: json.id, outcome: 'ok' },
    { action: 'list', resourceType: 'blind_credential', credentials: [json.id], outcome: 'ok' },
  ]);
});

test('a service in another account gets 401 on every address of its own', async () => {
  await server.call('user:admin', 'PUT', '/v1/services/scoped', { account: 'sandbox' });
  for (const path of [
    '/v1/services/scoped',
    '/v1/services/scoped?metadata_only=true',
    '/v1/archive/services/scoped',
    '/v1/services/scoped/1/1',
    '/v1/grants/scoped',
  ]) {
    expect([path, (await server.call('service:scoped', 'GET', path)).status]).toEqual([path, 401]);
  }
});

test('a credential with too many tags gets 400', async () => {
  const tags = Array.from({ length: 1001 }, (_, i) => String(i));
  expect((await server.call('user:admin', 'PUT', `/v1/credentials/${open}`, { tags })).status).toBe(400);
});

test('conflicts among very many keys are found quickly', () => {
  const keys = Array.from({ length: 50_000 }, (_, i) => `key ${i}`);
  let searched = 0;
  const counting = Object.assign([...keys], { includes: () => (searched += 1) > 0 });
  const other = { id: 'b', kind: 'credential' as const, keys: counting };
  const found = conflictsWith({ id: 'a', kind: 'credential', keys: ['key 7', 'none'] }, [
    { id: 's', credentials: [other] },
  ]);
  expect([found, searched]).toEqual([{ 'key 7': { credentials: ['b'], services: ['s'] } }, 0]);
});
