import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ SCOPED_AUTH_KEYS: '{"alias/confidant-master":"sandbox"}' });
});
afterAll(() => server.stop());

const alice = 'user:alice';
let counter = 0;
const unique = (name: string): string => `${name}-${(counter += 1)}`;

async function create(
  pairs: Record<string, unknown> = { [unique('key')]: 'value' },
  name = unique('cred'),
): Promise<string> {
  const answer = await server.call(alice, 'POST', '/v1/credentials', { name, credential_pairs: pairs });
  expect(answer.status).toBe(200);
  return answer.json.id as string;
}

async function put(id: string, body: Record<string, unknown>, status = 200): Promise<any> {
  const answer = await server.call(alice, 'PUT', `/v1/services/${id}`, body);
  expect([answer.text, answer.status]).toEqual([answer.text, status]);
  return answer.json;
}

describe('a service', () => {
  test('fetches the values mapped to it and nothing else', async () => {
    const [first, second] = [await create({ a: '1' }, 'b name'), await create({ b: '2' }, 'A name')];
    await create({ c: '3' });
    const id = unique('fetcher');
    const created = await put(id, { credentials: [first, second] });
    expect(created.credentials.every((each: any) => Object.keys(each.credential_pairs).length === 0)).toBe(true);
    const fetched = await server.call(`service:${id}`, 'GET', `/v1/services/${id}`);
    expect(fetched.json).toMatchObject({
      id,
      revision: 1,
      enabled: true,
      account: null,
      // Sorted by name, then id (bug 23).
      credentials: [
        { id: second, credential_pairs: { b: '2' }, credential_keys: ['b'] },
        { id: first, credential_pairs: { a: '1' }, credential_keys: ['a'] },
      ],
      blind_credentials: [],
      permissions: { metadata: false, get: true, update: false },
    });
  });

  test('still gets a disabled credential, with its enabled field (bug 22)', async () => {
    const credential = await create({ k: 'v' });
    await server.call(alice, 'PUT', `/v1/credentials/${credential}`, { enabled: false });
    const id = unique('svc');
    await put(id, { credentials: [credential] });
    const fetched = await server.call(`service:${id}`, 'GET', `/v1/services/${id}`);
    expect(fetched.json.credentials).toMatchObject([{ enabled: false, credential_pairs: { k: 'v' } }]);
  });

  test('gets 403 for another service, with what was refused in the response', async () => {
    const id = unique('svc');
    await put(id, {});
    const answer = await server.call('service:intruder', 'GET', `/v1/services/${id}`);
    expect(answer.status).toBe(403);
    expect(answer.json).toEqual({ error: `intruder does not have access to get service ${id}`, reference: id });
  });

  test('named like a revision gets 403 for the archived revision (bug 1)', async () => {
    const id = unique('svc');
    await put(id, { credentials: [await create()] });
    const answer = await server.call(`service:${id}-1`, 'GET', `/v1/services/${id}-1`);
    expect(answer.status).toBe(404);
    expect(answer.json.error).toBeTypeOf('string');
    expect((await server.call(`service:${id}-1`, 'GET', `/v1/services/${id}`)).status).toBe(403);
  });

  test('gets 403 for lists, writes and diffs', async () => {
    const credential = await create();
    const id = unique('svc');
    await put(id, { credentials: [credential] });
    const as = `service:${id}`;
    for (const [method, path, body] of [
      ['GET', '/v1/credentials'],
      ['GET', '/v1/services'],
      ['GET', '/v1/archive/credentials'],
      ['GET', '/v1/archive/services'],
      ['GET', `/v1/credentials/${credential}`],
      ['GET', `/v1/credentials/${credential}/services`],
      ['GET', `/v1/credentials/${credential}/1/1`],
      ['GET', `/v1/archive/credentials/${credential}`],
      ['POST', '/v1/credentials', { name: 'x', credential_pairs: { a: '1' } }],
      ['PUT', `/v1/credentials/${credential}`, { name: 'x' }],
      ['PUT', `/v1/credentials/${credential}/1`],
      ['PUT', `/v1/services/${id}`, { credentials: [] }],
      ['PUT', '/v1/services/new-one', {}],
      ['PUT', `/v1/services/${id}/1`],
    ] as const) {
      expect([path, (await server.call(as, method, path, body)).status]).toEqual([path, 403]);
    }
  });

  test('in another account gets 401, while people are governed by the policy (bug 26)', async () => {
    const id = unique('scoped');
    await put(id, { account: 'sandbox' });
    const service = await server.call(`service:${id}`, 'GET', `/v1/services/${id}`);
    expect(service.status).toBe(401);
    expect(service.json).toEqual({ error: 'Authenticated user is not authorized.' });
    expect((await server.call(alice, 'GET', `/v1/services/${id}`)).status).toBe(200);
    expect((await put(id, { account: 'elsewhere' }, 400)).error).toContain('account');
    expect((await put(id, { account: '' })).account).toBeNull();
  });
});

describe('mapping', () => {
  test('omitted or null fields are empty for a new service and unchanged for an existing one (bug 17)', async () => {
    const credential = await create();
    const id = unique('svc');
    expect(await put(id, {})).toMatchObject({ credentials: [], enabled: true, revision: 1 });
    await put(id, { credentials: [credential], enabled: false });
    expect(await put(id, { credentials: null, blind_credentials: null })).toMatchObject({
      credentials: [{ id: credential }],
      enabled: false,
      revision: 3,
    });
  });

  test('unknown ids, archived revisions and services cannot be mapped: 400 names them (bug 3)', async () => {
    const credential = await create();
    const id = unique('svc');
    await put(id, {});
    for (const bad of ['f'.repeat(32), `${credential}-1`, id]) {
      expect((await put(id, { credentials: [credential, bad] }, 400)).error).toContain(bad);
      expect((await put(id, { blind_credentials: [bad] }, 400)).error).toContain(bad);
    }
    expect((await put(id, { blind_credentials: [credential] }, 400)).error).toContain(credential);
    expect((await server.call(alice, 'GET', `/v1/services/${id}`)).json).toMatchObject({
      revision: 1,
      credentials: [],
    });
  });

  test.each([
    { credentials: 'x' },
    { credentials: [5] },
    { enabled: 'yes' },
    { account: 7 },
    { blind_credentials: {} },
  ])('the body %j gets 400, which names the field', async (body) => {
    const answer = await put(unique('svc'), body, 400);
    expect(answer.error).toContain(Object.keys(body)[0]);
  });

  test('two mapped credentials that share a key get 400, unless conflicts are ignored', async () => {
    const [first, second] = [await create({ same: '1', x: '1' }), await create({ same: '2' })];
    const id = unique('svc');
    const answer = await put(id, { credentials: [first, second] }, 400);
    expect(answer).toEqual({
      error: 'Conflicting key pairs in mapped service.',
      conflicts: { same: { credentials: [first, second].sort() } },
    });
    expect((await server.call(alice, 'GET', `/v1/services/${id}`)).status).toBe(404);
    await put(id, { credentials: [first] });
    const other = await create({ y: '1' });
    await put(id, { credentials: [first, other] });
    const update = await server.call(alice, 'PUT', `/v1/credentials/${other}`, { credential_pairs: { same: '3' } });
    expect(update.status).toBe(400);
    expect(update.json.conflicts).toEqual({ same: { credentials: [first], services: [id] } });
  });

  test('duplicates are mapped once', async () => {
    const credential = await create();
    expect((await put(unique('svc'), { credentials: [credential, credential] })).credentials).toHaveLength(1);
  });

  test('a service whose id no IAM role can have gets 400', async () => {
    for (const bad of ['a b', 'ü', 'x'.repeat(129), 'a%00b']) {
      const answer = await server.call(alice, 'PUT', `/v1/services/${encodeURIComponent(bad)}`, {});
      expect([400, 404]).toContain(answer.status);
    }
  });

  test('a credential lists the services that map it, in this and in later revisions', async () => {
    const credential = await create();
    const [first, second] = [unique('svc'), unique('svc')];
    await put(first, { credentials: [credential] });
    await put(second, { credentials: [credential], enabled: false });
    const path = `/v1/credentials/${credential}/services`;
    expect((await server.call(alice, 'GET', path)).json).toEqual({
      services: [
        { id: first, enabled: true },
        { id: second, enabled: false },
      ],
    });
    await put(first, { credentials: [] });
    expect((await server.call(alice, 'GET', path)).json.services.map((row: any) => row.id)).toEqual([second]);
    expect((await server.call(alice, 'GET', '/v1/credentials/nope/services')).json).toEqual({ services: [] });
  });
});

describe('revisions', () => {
  test('creating a service never overwrites a live service that is named like its revision (bug 13)', async () => {
    const id = unique('gap');
    await put(`${id}-1`, { enabled: false });
    await put(`${id}-2`, {});
    expect((await put(id, {})).revision).toBe(3);
    expect((await put(id, {})).revision).toBe(4);
    expect((await server.call(alice, 'GET', `/v1/services/${id}-1`)).json).toMatchObject({
      enabled: false,
      revision: 1,
    });
    const history = await server.call(alice, 'GET', `/v1/archive/services/${id}`);
    expect(history.json.revisions.map((row: any) => row.revision)).toEqual([3, 4]);
    await put(`${id}-3`, {}, 400);
  });

  test('a revert brings back the mapping, and enabled alone is a difference (bug 19)', async () => {
    const credential = await create();
    const id = unique('svc');
    await put(id, { credentials: [credential], enabled: true });
    await put(id, { enabled: false });
    const reverted = await server.call(alice, 'PUT', `/v1/services/${id}/1`);
    expect(reverted.json).toMatchObject({ revision: 3, enabled: true, credentials: [{ id: credential }] });
    const again = await server.call(alice, 'PUT', `/v1/services/${id}/1`);
    expect([again.status, again.json.error]).toEqual([400, 'No difference between old and new service.']);
    for (const [path, status] of [
      [`/v1/services/${id}/99`, 404],
      [`/v1/services/${id}/bar-3`, 404],
      [`/v1/services/nope/1`, 404],
      [`/v1/services/${credential}/1`, 400],
    ] as const) {
      expect((await server.call(alice, 'PUT', path)).status).toBe(status);
    }
  });

  test('a diff names the ids added and removed', async () => {
    const [first, second] = [await create(), await create()];
    const id = unique('svc');
    await put(id, { credentials: [first] });
    await put(id, { credentials: [second] });
    const diff = await server.call(alice, 'GET', `/v1/services/${id}/1/2`);
    expect(diff.json).toMatchObject({ credentials: { added: [second], removed: [first] } });
    expect((await server.call(`service:${id}`, 'GET', `/v1/services/${id}/1/2`)).status).toBe(200);
    expect((await server.call(alice, 'GET', `/v1/services/${id}/1/9`)).status).toBe(404);
  });

  test('every accepted concurrent mapping has a revision of its own (bug 12)', async () => {
    const id = unique('svc');
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => server.call(alice, 'PUT', `/v1/services/${id}`, { enabled: i % 2 === 0 })),
    );
    const revisions = answers.filter((answer) => answer.status === 200).map((answer) => answer.json.revision);
    expect(revisions.length).toBeGreaterThan(0);
    expect(new Set(revisions).size).toBe(revisions.length);
    expect(answers.every((answer) => [200, 409].includes(answer.status))).toBe(true);
  });
});

test('with IGNORE_CONFLICTS, conflicting keys are accepted', async () => {
  const lenient = await startServer({ IGNORE_CONFLICTS: 'True' });
  try {
    const ids: string[] = [];
    for (const name of ['a', 'b']) {
      const { json } = await lenient.call(alice, 'POST', '/v1/credentials', { name, credential_pairs: { same: name } });
      ids.push(json.id);
    }
    expect((await lenient.call(alice, 'PUT', '/v1/services/svc', { credentials: ids })).status).toBe(200);
  } finally {
    await lenient.stop();
  }
});
