import { afterEach, describe, expect, test } from 'vitest';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer, type TestServer } from '../harness/server.js';

let server: TestServer;
afterEach(() => server.stop());

const RECORDING = {
  ENABLE_SAVE_LAST_DECRYPTION_TIME: 'true',
  MAXIMUM_ROTATION_DAYS: '90',
  ROTATION_DAYS_CONFIG: '{"FINANCIALLY_SENSITIVE": 30}',
  TAGS_EXCLUDING_ROTATION: '["ROTATION_EXCLUDED"]',
};

async function created(): Promise<{ path: string; json: Record<string, string> }> {
  const { json } = await server.call('user:alice', 'POST', '/v1/credentials', {
    name: 'Decr',
    credential_pairs: { dk: '1' },
    tags: ['FINANCIALLY_SENSITIVE'],
  });
  return { path: `/v1/credentials/${json.id}`, json };
}
const dueOf = async (path: string, query = '?metadata_only=true'): Promise<string> =>
  (await server.call('user:alice', 'GET', path + query)).json.next_rotation_date;

describe('with ENABLE_SAVE_LAST_DECRYPTION_TIME', () => {
  test('a credential is due once its values were shown, but not once its metadata was', async () => {
    server = await startServer(RECORDING);
    const { path, json } = await created();
    expect(await dueOf(path)).toBe(json['next_rotation_date']);
    const shown = await server.call('user:alice', 'GET', path);
    expect(shown.json.next_rotation_date < json['next_rotation_date']!).toBe(true);
    expect(shown.json.next_rotation_date > json['last_rotation_date']!).toBe(true);
    expect(await dueOf(path)).toBe(shown.json.next_rotation_date);
    expect(shown.json).toMatchObject({ revision: 1, modified_date: json['modified_date'] });
  });

  test('the date survives updates that leave the pairs, and a new value ends it (bug 14)', async () => {
    server = await startServer(RECORDING);
    const { path } = await created();
    const due = (await server.call('user:alice', 'GET', path)).json.next_rotation_date;
    await server.call('user:alice', 'PUT', path, { credential_pairs: { dk: '1' }, documentation: 'x' });
    expect(await dueOf(path)).toBe(due);
    const rotated = await server.call('user:alice', 'PUT', path, { credential_pairs: { dk: '2' } });
    expect(rotated.json.last_rotation_date > due).toBe(true);
    expect(await dueOf(path)).toBe(rotated.json.next_rotation_date);
  });

  test('a revert to values that were seen keeps the date of that', async () => {
    server = await startServer(RECORDING);
    const { path } = await created();
    const due = (await server.call('user:alice', 'GET', path)).json.next_rotation_date;
    await server.call('user:alice', 'PUT', path, { credential_pairs: { dk: '2' } });
    await server.call('user:alice', 'PUT', `${path}/1`);
    expect(await dueOf(path)).toBe(due);
  });

  test('nothing is written in maintenance mode (bug 14)', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'confidant-maintenance-'));
    const file = join(folder, 'touched');
    server = await startServer({ ...RECORDING, MAINTENANCE_MODE_TOUCH_FILE: file });
    const { path, json } = await created();
    writeFileSync(file, '');
    try {
      const shown = await server.call('user:alice', 'GET', path);
      expect([shown.status, shown.json.credential_pairs]).toEqual([200, { dk: '1' }]);
      expect(await dueOf(path)).toBe(json['next_rotation_date']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('nothing is written without the setting, and repeated reads return the same bytes', async () => {
    server = await startServer({ MAXIMUM_ROTATION_DAYS: '90' });
    const { path } = await created();
    const [first, second] = [
      await server.call('user:alice', 'GET', path),
      await server.call('user:alice', 'GET', path),
    ];
    expect(first.text).toBe(second.text);
  });
});

describe('with ENFORCE_DOCUMENTATION', () => {
  const BLIND = {
    credential_pairs: { r: 'x' },
    data_key: { r: 'k' },
    cipher_type: 'fernet',
    cipher_version: 2,
  };
  const KINDS = [
    ['/v1/credentials', { credential_pairs: { a: '1' } }],
    ['/v1/blind_credentials', BLIND],
  ] as const;

  test.each(KINDS)('%s can be created and updated only with documentation', async (path, body) => {
    server = await startServer({ ENFORCE_DOCUMENTATION: 'true' });
    const refusal = [400, { error: 'documentation is a required field' }];
    const post = (fields: object) => server.call('user:alice', 'POST', path, { ...body, name: 'ED', ...fields });
    for (const fields of [{}, { documentation: '' }, { documentation: null }]) {
      const answer = await post(fields);
      expect([answer.status, answer.json]).toEqual(refusal);
    }
    const made = await post({ documentation: 'd' });
    expect(made.status).toBe(200);
    const put = (fields: object) => server.call('user:alice', 'PUT', `${path}/${made.json.id}`, fields);
    const emptied = await put({ documentation: '' });
    expect([emptied.status, emptied.json]).toEqual(refusal);
    expect((await put({ name: 'ED2' })).status).toBe(200);
    // compat: a body with a revision is a revert by an old client.
    expect((await put({ documentation: '', revision: 1 })).status).toBe(200);
    const stillEmpty = await put({ name: 'ED3' });
    expect([stillEmpty.status, stillEmpty.json]).toEqual(refusal);
  });
});
