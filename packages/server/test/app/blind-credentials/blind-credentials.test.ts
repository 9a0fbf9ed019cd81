import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../../harness/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const FULL = {
  credential_pairs: { 'us-east-1': 'gAAAAA-east', 'us-west-2': 'gAAAAA-west' },
  credential_keys: ['gb_two', 'gb_one'],
  data_key: { 'us-east-1': 'ZGsx', 'us-west-2': 'ZGsy' },
  cipher_type: 'fernet',
  cipher_version: 2,
  metadata: { context: { 'us-east-1': { to: 'x' }, 'us-west-2': { to: 'x' } } },
  documentation: 'bdoc',
  enabled: true,
};

let serial = 0;
const fresh = (): string => `Blind ${++serial}`;

async function create(fields: object = {}): Promise<{ id: string; name: string }> {
  const answer = await server.call('user:alice', 'POST', '/v1/blind_credentials', {
    ...FULL,
    credential_keys: [],
    name: fresh(),
    ...fields,
  });
  expect(answer.status).toBe(200);
  return answer.json;
}

describe('a blind credential', () => {
  test('is returned as it was sent, with a date in RFC 1123 format', async () => {
    const answer = await server.call('user:alice', 'POST', '/v1/blind_credentials', { ...FULL, name: 'GBlind' });
    expect(answer.json).toEqual({
      ...FULL,
      name: 'GBlind',
      credential_keys: ['gb_one', 'gb_two'],
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      revision: 1,
      modified_by: 'alice',
      modified_date: expect.stringMatching(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/),
    });
    const read = await server.call('user:alice', 'GET', `/v1/blind_credentials/${answer.json.id}`);
    expect(read.json).toEqual(answer.json);
  });

  test('is enabled and has no metadata, keys or documentation when the request omits them', async () => {
    const { credential_pairs, data_key, cipher_type, cipher_version } = FULL;
    const body = { name: fresh(), credential_pairs, data_key, cipher_type, cipher_version };
    const answer = await server.call('user:alice', 'POST', '/v1/blind_credentials', body);
    expect(answer.json).toMatchObject({ enabled: true, metadata: {}, credential_keys: [], documentation: null });
  });

  test.each([
    ['cipher_version', "The following fields are required: ['cipher_version']"],
    ['cipher_type', "The following fields are required: ['cipher_type']"],
    ['credential_pairs', "The following fields are required: ['credential_pairs']"],
    ['data_key', "The following fields are required: ['data_key']"],
    ['name', 'name is a required field'],
  ])('400 without %s, in the recorded words', async (field, error) => {
    const { [field]: _left, ...body } = { ...FULL, name: fresh() } as Record<string, unknown>;
    const answer = await server.call('user:alice', 'POST', '/v1/blind_credentials', body);
    expect([answer.status, answer.json]).toEqual([400, { error }]);
  });

  test.each([
    [{ data_key: 's' }, 'data_key must be a dict with a region/key mapping.'],
    [{ credential_pairs: { 'us-east-1': 1 } }, 'credential_pairs must be a dict with a region/key mapping.'],
    [{ credential_pairs: {} }, 'credential_pairs must be a dict with a region/key mapping.'],
    [{ cipher_version: '2' }, 'cipher_version must be a whole number.'],
    [{ cipher_type: 7 }, 'cipher_type must be text.'],
    [{ enabled: 'x' }, 'Enabled must be a boolean.'],
  ])('400 for %j', async (fields, error) => {
    const answer = await server.call('user:alice', 'POST', '/v1/blind_credentials', {
      ...FULL,
      name: fresh(),
      ...fields,
    });
    expect([answer.status, answer.json]).toEqual([400, { error }]);
  });

  test('is not found by GET (404) and refused by PUT (400) under the id of a credential, and the reverse (bug 25)', async () => {
    const blind = await create();
    const credential = (
      await server.call('user:alice', 'POST', '/v1/credentials', { name: fresh(), credential_pairs: { a: '1' } })
    ).json;
    expect((await server.call('user:alice', 'GET', `/v1/blind_credentials/${credential.id}`)).status).toBe(404);
    expect((await server.call('user:alice', 'PUT', `/v1/blind_credentials/${credential.id}`, {})).status).toBe(400);
    expect((await server.call('user:alice', 'GET', `/v1/credentials/${blind.id}`)).status).toBe(404);
    expect((await server.call('user:alice', 'PUT', `/v1/credentials/${blind.id}`, {})).status).toBe(400);
    expect((await server.call('user:alice', 'GET', '/v1/blind_credentials/nope')).status).toBe(404);
    expect((await server.call('user:alice', 'PUT', '/v1/blind_credentials/nope', {})).status).toBe(404);
  });
});

describe('an update', () => {
  test('changes only the fields present and writes a new revision each time', async () => {
    const made = await create();
    const name = fresh();
    const renamed = await server.call('user:bob', 'PUT', `/v1/blind_credentials/${made.id}`, { name });
    expect(renamed.json).toMatchObject({
      ...made,
      name,
      revision: 2,
      modified_by: 'bob',
      modified_date: expect.any(String),
    });
    const same = await server.call('user:bob', 'PUT', `/v1/blind_credentials/${made.id}`, {});
    expect(same.json).toMatchObject({ name, revision: 3 });
  });

  test('of the pairs requires data key and cipher; without pairs these stay unchanged', async () => {
    const made = await create();
    const path = `/v1/blind_credentials/${made.id}`;
    const credential_pairs = { 'us-east-1': 'q' };
    const missing = await server.call('user:alice', 'PUT', path, {
      credential_pairs,
      data_key: { 'us-east-1': 'q' },
      cipher_type: 'fernet',
    });
    expect([missing.status, missing.json]).toEqual([
      400,
      { error: 'cipher_version required when updating credential_pairs.' },
    ]);
    const ignored = await server.call('user:alice', 'PUT', path, { data_key: { 'us-east-1': 'other' } });
    expect(ignored.json).toMatchObject({ data_key: FULL.data_key, revision: 2 });
    const whole = { credential_pairs, data_key: { 'us-east-1': 'k' }, cipher_type: 'fernet', cipher_version: 2 };
    expect((await server.call('user:alice', 'PUT', path, whole)).json).toMatchObject({ ...whole, revision: 3 });
  });

  test('that takes the name of another blind credential gets 409, as do creations and reverts (bug 15)', async () => {
    const first = await create();
    const second = await create();
    const conflict = { error: `Name already exists. See id: ${first.id}`, reference: first.id };
    const created = await server.call('user:alice', 'POST', '/v1/blind_credentials', { ...FULL, name: first.name });
    expect([created.status, created.json]).toEqual([409, conflict]);
    const path = `/v1/blind_credentials/${second.id}`;
    const updated = await server.call('user:alice', 'PUT', path, { name: first.name });
    expect([updated.status, updated.json]).toEqual([409, conflict]);

    await server.call('user:alice', 'PUT', path, { name: fresh() });
    const taker = await create({ name: second.name });
    const reverted = await server.call('user:alice', 'PUT', `${path}/1`);
    expect([reverted.status, reverted.json.reference]).toEqual([409, taker.id]);
  });

  test('keeps names unique, as creations do: of eight concurrent ones with one name exactly one succeeds', async () => {
    const name = fresh();
    const body = { ...FULL, name };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => server.call('user:alice', 'POST', '/v1/blind_credentials', body)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 7 }, () => 409)]);
  });
});

describe('a revert', () => {
  test('restores everything of the old revision, and gets 400 when nothing would change', async () => {
    const made = await create();
    const path = `/v1/blind_credentials/${made.id}`;
    await server.call('user:alice', 'PUT', path, { documentation: 'new', metadata: {}, enabled: false });
    const reverted = await server.call('user:bob', 'PUT', `${path}/1`);
    expect(reverted.json).toMatchObject({
      ...made,
      revision: 3,
      modified_by: 'bob',
      modified_date: expect.any(String),
    });
    expect((await server.call('user:bob', 'PUT', `${path}/1`)).status).toBe(400);
    expect((await server.call('user:bob', 'PUT', `${path}/99`)).status).toBe(404);
    expect((await server.call('user:bob', 'PUT', `${path}/1x`)).status).toBe(404);
    expect((await server.call('user:bob', 'PUT', '/v1/blind_credentials/nope/1')).status).toBe(404);
  });
});

describe('lists', () => {
  test('the list shows the oldest change first, without ciphertext and without pages', async () => {
    const [first, second] = [await create(), await create()];
    await server.call('user:alice', 'PUT', `/v1/blind_credentials/${first.id}`, {});
    const { json } = await server.call('user:alice', 'GET', '/v1/blind_credentials?limit=1');
    const ids = json.blind_credentials.map((row: { id: string }) => row.id);
    expect(ids.indexOf(second.id)).toBe(ids.length - 2);
    expect(ids.indexOf(first.id)).toBe(ids.length - 1);
    expect(Object.keys(json)).toEqual(['blind_credentials']);
    expect(Object.keys(json.blind_credentials[0]).sort()).toEqual(
      ['documentation', 'enabled', 'id', 'modified_by', 'modified_date', 'name', 'revision'].sort(),
    );
  });

  test('the history of one blind credential is newest first and does not repeat the current row (bug 19)', async () => {
    const made = await create();
    await server.call('user:alice', 'PUT', `/v1/blind_credentials/${made.id}`, { documentation: 'two' });
    const { json } = await server.call('user:alice', 'GET', `/v1/archive/blind_credentials/${made.id}`);
    expect(Object.keys(json)).toEqual(['revisions']);
    expect(json.revisions.map((row: { id: string }) => row.id)).toEqual([`${made.id}-2`, `${made.id}-1`]);
    expect(json.revisions[1]).toMatchObject({ ...FULL, credential_keys: [], revision: 1, documentation: 'bdoc' });
    expect((await server.call('user:alice', 'GET', '/v1/archive/blind_credentials/nope')).status).toBe(404);
  });

  test('the history of all blind credentials has pages', async () => {
    await create();
    await create();
    const first = await server.call('user:alice', 'GET', '/v1/archive/blind_credentials?limit=1');
    expect(first.json.blind_credentials).toHaveLength(1);
    const next = await server.call(
      'user:alice',
      'GET',
      `/v1/archive/blind_credentials?limit=1&page=${encodeURIComponent(first.json.next_page)}`,
    );
    expect(next.json.blind_credentials[0].id).not.toBe(first.json.blind_credentials[0].id);
    expect((await server.call('user:alice', 'GET', '/v1/archive/blind_credentials?limit=2&page=!')).status).toBe(400);
  });
});

describe('services and conflicts', () => {
  test('a service gets the blind credentials mapped to it, with an ISO date, and no others', async () => {
    const mapped = await create();
    await create();
    await server.call('user:alice', 'PUT', '/v1/services/blind-svc', { blind_credentials: [mapped.id] });
    const { json } = await server.call('service:blind-svc', 'GET', '/v1/services/blind-svc');
    expect(json.blind_credentials).toEqual([
      { ...mapped, modified_date: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{15}\+00:00$/) },
    ]);
    const services = await server.call('user:alice', 'GET', `/v1/blind_credentials/${mapped.id}/services`);
    expect(services.json).toEqual({ services: [{ id: 'blind-svc', enabled: true }] });
    expect((await server.call('user:alice', 'GET', '/v1/blind_credentials/nope/services')).json).toEqual({
      services: [],
    });
  });

  test('a key that two credentials of a service share is refused from either side, naming the credentials that have it', async () => {
    const credential = (
      await server.call('user:alice', 'POST', '/v1/credentials', {
        name: fresh(),
        credential_pairs: { cred30_key: '1' },
      })
    ).json;
    const blind = await create({ credential_keys: ['gb_one'] });
    const put = (credentials: string[], blind_credentials: string[]) =>
      server.call('user:alice', 'PUT', '/v1/services/golden-blind', { credentials, blind_credentials });
    expect((await put([credential.id], [blind.id])).status).toBe(200);

    const changed = await server.call('user:alice', 'PUT', `/v1/blind_credentials/${blind.id}`, {
      credential_keys: ['cred30_key'],
    });
    expect([changed.status, changed.json]).toEqual([
      400,
      {
        error: 'Conflicting key pairs in mapped service.',
        conflicts: { cred30_key: { credentials: [credential.id], services: ['golden-blind'] } },
      },
    ]);
    const clash = await create({ credential_keys: ['cred30_key'] });
    const mapping = await put([credential.id], [clash.id]);
    expect([mapping.status, mapping.json.conflicts]).toEqual([
      400,
      { cred30_key: { blind_credentials: [clash.id], credentials: [credential.id] } },
    ]);
    const other = await server.call('user:alice', 'PUT', `/v1/credentials/${credential.id}`, {
      credential_pairs: { gb_one: 'x' },
    });
    expect([other.status, other.json.conflicts]).toEqual([
      400,
      { gb_one: { blind_credentials: [blind.id], services: ['golden-blind'] } },
    ]);
  });

  test('a service gets 403 on every route of blind credentials (bug 4)', async () => {
    const { id } = await create();
    await server.call('user:alice', 'PUT', '/v1/services/other-svc', { blind_credentials: [id] });
    const attempts: [string, string, unknown?][] = [
      ['GET', '/v1/blind_credentials'],
      ['POST', '/v1/blind_credentials', { ...FULL, name: fresh() }],
      ['GET', `/v1/blind_credentials/${id}`],
      ['PUT', `/v1/blind_credentials/${id}`, { documentation: 'mine' }],
      ['PUT', `/v1/blind_credentials/${id}/1`],
      ['GET', `/v1/blind_credentials/${id}/services`],
      ['GET', '/v1/archive/blind_credentials'],
      ['GET', `/v1/archive/blind_credentials/${id}`],
    ];
    for (const [method, path, body] of attempts) {
      const answer = await server.call('service:other-svc', method, path, body);
      expect([method, path, answer.status]).toEqual([method, path, 403]);
    }
    expect((await server.call('service:stranger', 'GET', '/v1/services/other-svc')).status).toBe(403);
  });
});
