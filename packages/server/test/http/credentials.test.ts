import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ MAXIMUM_ROTATION_DAYS: '90' });
});
afterAll(() => server.stop());

const alice = 'user:alice';
let counter = 0;
const unique = (name: string): string => `${name} ${(counter += 1)}`;

async function create(body: Record<string, unknown> = {}): Promise<Record<string, any>> {
  const answer = await server.call(alice, 'POST', '/v1/credentials', {
    name: unique('credential'),
    credential_pairs: { key: 'value' },
    ...body,
  });
  expect(answer.status).toBe(200);
  return answer.json as Record<string, any>;
}

describe('a credential', () => {
  test('with control characters in its name, tags or keys gets 400, and nothing is stored', async () => {
    const before = (await server.call(alice, 'GET', '/v1/credentials')).json as { credentials: unknown[] };
    for (const character of ['\u001b', '\u0000', '\u009b', '\u202e', '\u2066', '\u200b', '\u00ad', '\ufeff']) {
      for (const [field, body] of Object.entries({
        name: { name: `a${character}b` },
        tags: { tags: [`a${character}b`] },
        credential_pairs: { credential_pairs: { [`a${character}b`]: 'v' } },
      })) {
        const pairs = { name: unique('refused'), credential_pairs: { key: 'value' }, ...body };
        const answer = await server.call(alice, 'POST', '/v1/credentials', pairs);
        expect([answer.status, answer.json]).toEqual([400, { error: expect.stringContaining(field) as string }]);
      }
    }
    expect((await server.call(alice, 'GET', '/v1/credentials')).json).toEqual(before);
  });

  test('is returned as it was stored', async () => {
    const created = await create({
      name: 'Full',
      credential_pairs: { Key_A: 'v1', key_b: 'ünï "q" \\ \u2028 \n', '': 'empty key' },
      metadata: { m: 'x', nested: { a: [1, 2] } },
      documentation: 'doc',
      tags: ['one', 'two'],
      enabled: false,
      unknown_field: 1,
    });
    expect(created).toMatchObject({
      name: 'Full',
      credential_pairs: { key_a: 'v1', key_b: 'ünï "q" \\ \u2028 \n', '': 'empty key' },
      credential_keys: ['key_a', 'key_b', ''],
      metadata: { m: 'x', nested: { a: [1, 2] } },
      documentation: 'doc',
      tags: ['one', 'two'],
      enabled: false,
      revision: 1,
      modified_by: 'alice',
      permissions: { metadata: true, get: true, update: true },
    });
    expect(created['id']).toMatch(/^[0-9a-f]{32}$/);
    expect(created['modified_date']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
    const read = await server.call(alice, 'GET', `/v1/credentials/${created['id']}`);
    expect(read.json).toEqual(created);
  });

  test('keeps numbers, booleans and null exactly, integers beyond 2^53 included (bug list, at-rest)', async () => {
    const text =
      '{"name":"Exact","credential_pairs":{"big":12345678901234567890,"f":1.50,"one":1.0,"t":true,"n":null,"i":5}}';
    const created = await server.call(alice, 'POST', '/v1/credentials', text);
    expect(created.status).toBe(200);
    expect(created.text).toContain(
      '"credential_pairs":{"big":12345678901234567890,"f":1.50,"one":1.0,"t":true,"n":null,"i":5}',
    );
    const read = await server.call(alice, 'GET', `/v1/credentials/${created.json.id}`);
    expect(read.text).toBe(created.text);
  });

  test('is enabled and has no documentation, tags or metadata when the request omits them (bugs 17, 23)', async () => {
    expect(await create()).toMatchObject({ enabled: true, documentation: null, tags: [], metadata: {} });
    expect(await create({ documentation: null, tags: null, metadata: null })).toMatchObject({
      documentation: null,
      tags: [],
      metadata: {},
    });
  });

  test('is shown with keys but without values by metadata_only, for true, True and 1 only', async () => {
    const { id } = await create();
    for (const yes of ['true', 'True', '1']) {
      const { json } = await server.call(alice, 'GET', `/v1/credentials/${id}?metadata_only=${yes}`);
      expect(json).toMatchObject({ credential_pairs: {}, credential_keys: ['key'] });
    }
    for (const no of ['TRUE', 'False', '', '0']) {
      const { json } = await server.call(alice, 'GET', `/v1/credentials/${id}?metadata_only=${no}`);
      expect(json.credential_pairs).toEqual({ key: 'value' });
    }
  });

  test('that does not exist or is of another kind gets 404 for reads and for its history (bug 1)', async () => {
    const { id } = await create();
    await server.call(alice, 'PUT', '/v1/services/not-a-credential', {});
    for (const other of ['nope', `${id}-1`, 'not-a-credential', '%2Fname%2Fx', '__proto__']) {
      for (const path of [`/v1/credentials/${other}`, `/v1/archive/credentials/${other}`]) {
        const answer = await server.call(alice, 'GET', path);
        expect([path, answer.status, typeof answer.json?.error]).toEqual([path, 404, 'string']);
      }
    }
  });

  test('of another kind gets 400 for writes, reverts and diffs', async () => {
    const { id } = await create();
    await server.call(alice, 'PUT', '/v1/services/other-kind', {});
    for (const other of [`${id}-1`, 'other-kind']) {
      const put = await server.call(alice, 'PUT', `/v1/credentials/${other}`, { name: 'x' });
      const revert = await server.call(alice, 'PUT', `/v1/credentials/${other}/1`);
      const diff = await server.call(alice, 'GET', `/v1/credentials/${other}/1/2`);
      expect([put.status, revert.status, diff.status]).toEqual([400, 400, 400]);
    }
  });
});

describe('invalid input gets 400 with the name of the field, and nothing is stored', () => {
  const pairs = { k: 'v' };
  test.each([
    ['name', { credential_pairs: pairs }],
    ['name', { name: '', credential_pairs: pairs }],
    ['name', { name: null, credential_pairs: pairs }],
    ['name', { name: 5, credential_pairs: pairs }],
    ['credential_pairs', { name: 'x' }],
    ['credential_pairs', { name: 'x', credential_pairs: {} }],
    ['credential_pairs', { name: 'x', credential_pairs: ['a'] }],
    ['credential_pairs', { name: 'x', credential_pairs: null }],
    ['credential_pairs', { name: 'x', credential_pairs: { a: { b: 1 } } }],
    ['credential_pairs', { name: 'x', credential_pairs: { a: [1] } }],
    ['credential_pairs', { name: 'x', credential_pairs: { 'a b': 'v' } }],
    ['credential_pairs', { name: 'x', credential_pairs: { A: '1', a: '2' } }],
    ['metadata', { name: 'x', credential_pairs: pairs, metadata: [] }],
    ['tags', { name: 'x', credential_pairs: pairs, tags: 'ab' }],
    ['tags', { name: 'x', credential_pairs: pairs, tags: [1] }],
    ['enabled', { name: 'x', credential_pairs: pairs, enabled: 'true' }],
    ['documentation', { name: 'x', credential_pairs: pairs, documentation: 7 }],
  ])('%s in %j', async (field, body) => {
    const before = await server.call(alice, 'GET', '/v1/credentials');
    const answer = await server.call(alice, 'POST', '/v1/credentials', body);
    expect(answer.status).toBe(400);
    expect(answer.json.error).toContain(field);
    expect((await server.call(alice, 'GET', '/v1/credentials')).text).toBe(before.text);
  });

  test.each(['', 'x=1', '{', 'null', '[]', '"text"', '{"name": "x"'.padEnd(100, ' ')])(
    'a body that is not a JSON object: %j',
    async (body) => {
      const { id } = await create();
      for (const [method, path] of [
        ['POST', '/v1/credentials'],
        ['PUT', `/v1/credentials/${id}`],
      ] as const) {
        expect((await server.call(alice, method, path, body)).status).toBe(400);
      }
    },
  );

  test('bytes that are not UTF-8, and forms, get 400', async () => {
    const { username, token } = await server.token(alice);
    const authorization = `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`;
    const send = (body: Uint8Array | string, type: string): Promise<Response> =>
      fetch(`${server.url}/v1/credentials`, {
        method: 'POST',
        headers: { authorization, 'content-type': type },
        body,
      });
    const broken = Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect((await send(broken, 'application/json')).status).toBe(400);
    const good = JSON.stringify({ name: 'form', credential_pairs: { a: '1' } });
    expect((await send(good, 'application/x-www-form-urlencoded')).status).toBe(400);
    expect((await send(good, 'text/plain')).status).toBe(400);
  });

  test('a body over the limit gets 413', async () => {
    const answer = await server.call(alice, 'POST', '/v1/credentials', {
      name: 'large',
      credential_pairs: { a: 'x'.repeat(1_100_000) },
    });
    expect(answer.status).toBe(413);
    expect(answer.json.error).toEqual(expect.any(String));
  });
});

describe('an update', () => {
  test('changes only the fields present, and keeps pairs, data key and rotation date without pairs (bug 17)', async () => {
    const created = await create({ documentation: 'd1', tags: ['t'], metadata: { m: 1 } });
    const updated = await server.call(alice, 'PUT', `/v1/credentials/${created['id']}`, { documentation: 'd2' });
    expect(updated.json).toEqual({
      ...created,
      documentation: 'd2',
      revision: 2,
      modified_date: updated.json.modified_date,
    });
    const empty = await server.call(alice, 'PUT', `/v1/credentials/${created['id']}`, {});
    expect(empty.json).toMatchObject({ revision: 3, documentation: 'd2', credential_pairs: { key: 'value' } });
  });

  test('moves the rotation date only when the pairs change', async () => {
    const created = await create();
    const path = `/v1/credentials/${created['id']}`;
    const same = await server.call(alice, 'PUT', path, { credential_pairs: { KEY: 'value' } });
    expect(same.json.last_rotation_date).toBe(created['last_rotation_date']);
    const changed = await server.call(alice, 'PUT', path, { credential_pairs: { key: 'other' } });
    expect(changed.json.last_rotation_date > created['last_rotation_date']).toBe(true);
    expect(changed.json.next_rotation_date.slice(0, 10)).toBe(
      new Date(Date.parse(changed.json.last_rotation_date) + 90 * 86_400_000).toISOString().slice(0, 10),
    );
  });

  test('treats null documentation, tags and metadata as none, and refuses null name and pairs with 400', async () => {
    const { id } = await create({ documentation: 'd', tags: ['t'], metadata: { a: 1 } });
    const path = `/v1/credentials/${id}`;
    const none = await server.call(alice, 'PUT', path, { documentation: null, tags: null, metadata: null });
    expect(none.json).toMatchObject({ documentation: null, tags: [], metadata: {} });
    for (const body of [{ name: null }, { name: '' }, { credential_pairs: null }, { credential_pairs: {} }]) {
      expect((await server.call(alice, 'PUT', path, body)).status).toBe(400);
    }
  });

  test('may send a response of the server back unchanged', async () => {
    const created = await create();
    const answer = await server.call(alice, 'PUT', `/v1/credentials/${created['id']}`, created);
    expect(answer.json).toMatchObject({ revision: 2, name: created['name'] });
  });
});

describe('names', () => {
  test('two credentials never share a name: the second gets 409, which says whose it is', async () => {
    const first = await create({ name: 'Taken' });
    const second = await create();
    const body = { name: 'Taken', credential_pairs: { a: '1' } };
    for (const answer of [
      await server.call(alice, 'POST', '/v1/credentials', body),
      await server.call(alice, 'PUT', `/v1/credentials/${second['id']}`, { name: 'Taken' }),
    ]) {
      expect(answer.status).toBe(409);
      expect(answer.json).toEqual({ error: `Name already exists. See id: ${first['id']}`, reference: first['id'] });
      expect(answer.headers.get('x-confidant-error')).toBe('name_taken');
    }
  });

  test('a name is free again after a rename', async () => {
    const { id } = await create({ name: 'Before' });
    await server.call(alice, 'PUT', `/v1/credentials/${id}`, { name: 'After' });
    await create({ name: 'Before' });
    const back = await server.call(alice, 'PUT', `/v1/credentials/${id}`, { name: 'Before' });
    expect(back.status).toBe(409);
  });

  test('exactly one of many concurrent creates of one name wins (bug 15)', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        server.call(alice, 'POST', '/v1/credentials', { name: 'Raced', credential_pairs: { a: String(i) } }),
      ),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, ...Array<number>(9).fill(409)]);
  });
});

describe('revisions', () => {
  test('every accepted concurrent update has a revision of its own (bug 12)', async () => {
    const { id } = await create();
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        server.call(alice, 'PUT', `/v1/credentials/${id}`, { documentation: `writer ${i}` }),
      ),
    );
    const accepted = answers.filter((answer) => answer.status === 200).map((answer) => answer.json);
    expect(answers.every((answer) => answer.status === 200 || answer.status === 409)).toBe(true);
    expect(new Set(accepted.map((body) => body.revision)).size).toBe(accepted.length);
    const history = await server.call(alice, 'GET', `/v1/archive/credentials/${id}`);
    for (const body of accepted) {
      const kept = history.json.revisions.find((row: { revision: number }) => row.revision === body.revision);
      expect(kept.documentation).toBe(body.documentation);
    }
  });

  test('a history lists revisions in ascending order, without keys or pairs', async () => {
    const { id } = await create({ documentation: 'one' });
    await server.call(alice, 'PUT', `/v1/credentials/${id}`, { documentation: 'two' });
    const history = await server.call(alice, 'GET', `/v1/archive/credentials/${id}`);
    expect(history.json).toMatchObject({
      revisions: [
        { id: `${id}-1`, revision: 1, documentation: 'one', credential_pairs: {}, credential_keys: [] },
        { id: `${id}-2`, revision: 2, documentation: 'two', credential_pairs: {}, credential_keys: [] },
      ],
      next_page: null,
    });
  });

  test('a revert writes a new revision with the old content; its response has keys and permissions (bug 23)', async () => {
    const created = await create({ documentation: 'one' });
    const path = `/v1/credentials/${created['id']}`;
    await server.call(alice, 'PUT', path, { documentation: 'two', credential_pairs: { other: 'x' } });
    const reverted = await server.call(alice, 'PUT', `${path}/1`);
    expect(reverted.json).toMatchObject({
      revision: 3,
      documentation: 'one',
      credential_pairs: {},
      credential_keys: ['key'],
      last_rotation_date: created['last_rotation_date'],
      permissions: { metadata: true, get: true, update: true },
    });
    expect((await server.call(alice, 'GET', path)).json.credential_pairs).toEqual({ key: 'value' });
    const again = await server.call(alice, 'PUT', `${path}/1`);
    expect([again.status, again.json.error]).toEqual([400, 'No difference between old and new credential.']);
  });

  test('a revision that is not a positive whole number, or does not exist, gets 404 (bug 2)', async () => {
    const { id } = await create();
    for (const revision of ['99', '0', '-1', '1.0', '01', 'None', 'bar-1', '1e0', '9'.repeat(30)]) {
      expect((await server.call(alice, 'PUT', `/v1/credentials/${id}/${revision}`)).status).toBe(404);
      expect((await server.call(alice, 'GET', `/v1/credentials/${id}/1/${revision}`)).status).toBe(404);
    }
  });

  test('a diff says which keys changed, never a value, in either order', async () => {
    const { id } = await create({ credential_pairs: { a: 'one', b: 'same', c: 'gone' }, tags: ['x'] });
    await server.call(alice, 'PUT', `/v1/credentials/${id}`, {
      credential_pairs: { a: 'two', b: 'same', d: 'new' },
      metadata: { m: 1 },
      tags: [],
    });
    const diff = await server.call(alice, 'GET', `/v1/credentials/${id}/2/1`);
    expect(diff.json).toMatchObject({
      credential_pairs: { added: ['a', 'd'], removed: ['a', 'c'] },
      metadata: { added: ['m'] },
      tags: { added: [], removed: ['x'] },
      modified_by: { added: 'alice', removed: 'alice' },
    });
    expect(diff.json.modified_date.added).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
    expect(diff.text).not.toMatch(/"(one|two|same|gone|new)"/);
    expect((await server.call(alice, 'GET', `/v1/credentials/${id}/1/2`)).text).toBe(diff.text);
    expect((await server.call(alice, 'GET', `/v1/credentials/${id}/1/1`)).json).toEqual({});
  });
});

describe('lists', () => {
  test('are sorted by name without regard to case, then by id, and byte-identical for the same state', async () => {
    const first = await server.call(alice, 'GET', '/v1/credentials');
    const names = first.json.credentials.map((row: { name: string }) => row.name.toLowerCase());
    expect(names).toEqual([...names].sort());
    expect(first.json.next_page).toBeNull();
    expect(first.json.credentials.every((row: any) => Object.keys(row.credential_pairs).length === 0)).toBe(true);
    expect((await server.call(alice, 'GET', '/v1/credentials?page=ignored')).text).toBe(first.text);
  });

  test('show every row once over their pages, newest first', async () => {
    const all = await server.call(alice, 'GET', '/v1/credentials');
    const seen: string[] = [];
    let page: string | null = null;
    do {
      const at = page === null ? '' : `&page=${encodeURIComponent(page)}`;
      const answer = await server.call(alice, 'GET', `/v1/credentials?limit=7${at}`);
      seen.push(...answer.json.credentials.map((row: { id: string }) => row.id));
      page = answer.json.next_page;
    } while (page !== null);
    expect([...seen].sort()).toEqual(all.json.credentials.map((row: { id: string }) => row.id).sort());
  });

  test('get 400 for a page token that is not a key and a limit that is not a number (bug 25)', async () => {
    for (const page of ['!!', 'eyJhIjoxfQ==', Buffer.from('{"id":{"S":1}}').toString('base64')]) {
      const answer = await server.call(alice, 'GET', `/v1/credentials?limit=2&page=${encodeURIComponent(page)}`);
      expect([answer.status, answer.json.error]).toEqual([400, 'Failed to parse page']);
    }
    for (const limit of ['0', '-1', 'x', '1e3']) {
      expect((await server.call(alice, 'GET', `/v1/credentials?limit=${limit}`)).status).toBe(400);
    }
  });
});
