import { FernetKey } from '@confidant/kmsauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';
import { type Production, startProduction } from './production.js';
import { type Item, recordedJson, recordedTable } from './recordings.js';

const rows = recordedTable();
const ofType = (type: string): Item[] => rows.filter((row) => row['data_type']?.S === type);
const idOf = (row: Item): string => row['id']!.S!;

let production: Production;
let server: TestServer;
beforeAll(async () => {
  production = await startProduction(rows);
  server = await startServer({}, production.backend);
});
afterAll(async () => {
  await server.stop();
  await production.stop();
});

const alice = 'user:alice';

describe('a table that the original wrote', () => {
  test('has every current credential read and decrypted', async () => {
    const credentials = ofType('credential');
    for (const row of credentials) {
      const answer = await server.call(alice, 'GET', `/v1/credentials/${idOf(row)}`);
      expect([idOf(row), answer.status]).toEqual([idOf(row), 200]);
      expect(answer.json.name).toBe(row['name']!.S);
      expect(answer.json.credential_keys.length).toBeGreaterThan(0);
      expect(Object.keys(answer.json.credential_pairs)).toEqual(answer.json.credential_keys);
    }
    expect(credentials).toHaveLength(73);
  });

  test('has every archived revision of every credential decrypted', async () => {
    let opened = 0;
    for (const row of ofType('archive-credential')) {
      const [id, revision] = idOf(row).split('-');
      const answer = await server.call(alice, 'GET', `/v1/credentials/${id}/${revision}/${revision}`);
      expect([idOf(row), answer.status]).toEqual([idOf(row), 200]);
      opened += 1;
    }
    expect(opened).toBe(112);
  });

  test('has every service read, with the values mapped to it', async () => {
    const services = ofType('service');
    let values = 0;
    for (const row of services) {
      const answer = await server.call(alice, 'GET', `/v1/services/${encodeURIComponent(idOf(row))}`);
      expect([idOf(row), answer.status]).toEqual([idOf(row), 200]);
      const live = (row['credentials']?.SS ?? []).filter((id) =>
        ofType('credential').some((each) => idOf(each) === id),
      );
      expect(answer.json.credentials.map((each: any) => each.id).sort()).toEqual([...live].sort());
      values += answer.json.credentials.length;
      const blind = row['blind_credentials']?.SS ?? [];
      expect(answer.json.blind_credentials.every((each: any) => blind.includes(each.id))).toBe(true);
    }
    expect([services.length, values > 100]).toEqual([27, true]);
  });

  test('has every row in the lists and histories', async () => {
    const lists = [
      ['credentials', 'credential'],
      ['services', 'service'],
    ] as const;
    for (const [name, type] of lists) {
      const current = await server.call(alice, 'GET', `/v1/${name}`);
      expect(current.json[name].map((each: any) => each.id).sort()).toEqual(ofType(type).map(idOf).sort());
      const archived = await server.call(alice, 'GET', `/v1/archive/${name}`);
      expect(archived.json[name].map((each: any) => each.id).sort()).toEqual(
        ofType(`archive-${type}`).map(idOf).sort(),
      );
    }
  });

  test('gives the values of the recorded example', async () => {
    const example = recordedJson<{ item: Item; credential_pairs_plaintext: string }>('at-rest-example.json');
    const id = idOf(example.item);
    const answer = await server.call(alice, 'GET', `/v1/credentials/${id}/1/7`);
    expect(answer.status).toBe(200);
    const service = await server.call(alice, 'GET', `/v1/credentials/${id}`);
    expect(service.json.credential_pairs).toEqual(JSON.parse(example.credential_pairs_plaintext));
  });

  test('is fetched with one KMS call for each data key, and again with none', async () => {
    const fresh = await startServer({}, production.backend);
    try {
      const as = 'service:svc-05-production';
      const before = production.kms.calls['Decrypt'] ?? 0;
      const racing = Array.from({ length: 5 }, () => fresh.call(as, 'GET', '/v1/services/svc-05-production'));
      const answers = await Promise.all(racing);
      expect(answers.every((answer) => answer.status === 200)).toBe(true);
      const credentials = answers[0]!.json.credentials.length;
      const decrypts = (production.kms.calls['Decrypt'] ?? 0) - before;
      expect([credentials, decrypts]).toEqual([credentials, credentials + 1]);
      await fresh.call(as, 'GET', '/v1/services/svc-05-production');
      expect((production.kms.calls['Decrypt'] ?? 0) - before).toBe(decrypts);
      expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    } finally {
      await fresh.stop();
    }
  });
});

describe('a row written here', () => {
  const attributeTypes = (item: Item): Record<string, string> =>
    Object.fromEntries(Object.entries(item).map(([name, value]) => [name, Object.keys(value)[0]!]));

  test('has the attributes, types and formats of the recorded credential, and opens as that one does', async () => {
    const example = recordedJson<{ item: Item; archive_item: Item }>('at-rest-example.json');
    const created = await server.call(alice, 'POST', '/v1/credentials', {
      name: 'Written here',
      credential_pairs: { Key_A: 'v1', key_b: 'ünï "q" \\ \u2028 \n' },
      metadata: { m: 'x', nested: { a: [1, 2] } },
      documentation: 'doc',
      tags: ['FINANCIALLY_SENSITIVE', 'custom'],
    });
    const id = created.json.id as string;
    const current = (await production.item(id))!;
    const archived = (await production.item(`${id}-1`))!;
    expect(attributeTypes(current)).toEqual(attributeTypes(example.item));
    expect(attributeTypes(archived)).toEqual(attributeTypes(example.archive_item));
    expect(current['data_type']).toEqual({ S: 'credential' });
    expect(archived['data_type']).toEqual({ S: 'archive-credential' });
    for (const [name, pattern] of [
      ['modified_date', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000$/],
      ['last_rotation_date', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000$/],
      ['credential_pairs', /^gAAAAA[\w-]+={0,2}$/],
    ] as const) {
      expect(current[name]!.S).toMatch(pattern);
    }
    expect(current['metadata']).toEqual(example.item['metadata']);
    expect(current['tags']).toEqual(example.item['tags']);

    const stored = Buffer.from(current['data_key']!.B!, 'base64').toString('latin1');
    const { plaintext } = await production.kms.kms.decrypt({
      ciphertext: Buffer.from(stored, 'base64'),
      context: { id },
    });
    const keyText = Buffer.from(plaintext).toString('latin1');
    expect(keyText).toMatch(/^[\w-]{43}=$/);
    const pairs = Buffer.from(FernetKey.parse(keyText).decrypt(current['credential_pairs']!.S!)).toString('utf8');
    expect(pairs).toBe('{"key_a": "v1", "key_b": "\\u00fcn\\u00ef \\"q\\" \\\\ \\u2028 \\n"}');
  });

  test('leaves out what is empty, as the recorded sparse rows do, and never writes NULL', async () => {
    const sparse = recordedJson<{ sparsest_example_per_type: Record<string, Item> }>(
      'dynamodb-items.json',
    ).sparsest_example_per_type;
    const created = await server.call(alice, 'POST', '/v1/credentials', {
      name: 'Sparse',
      credential_pairs: { k: 'v' },
    });
    await server.call(alice, 'PUT', '/v1/services/sparse-here', {});
    for (const [id, type] of [
      ['sparse-here', 'service'],
      ['sparse-here-1', 'archive-service'],
    ] as const) {
      expect(attributeTypes((await production.item(id))!)).toEqual(attributeTypes(sparse[type]!));
    }
    const credential = attributeTypes((await production.item(created.json.id))!);
    // The original writes metadata only when the request had some; a reader cannot distinguish the two.
    expect({ ...credential, metadata: undefined }).toEqual({
      ...attributeTypes(sparse['credential']!),
      metadata: undefined,
    });
    expect(Object.values(credential)).not.toContain('NULL');
  });

  test('a revert and an update without pairs carry ciphertext, data key and rotation date over', async () => {
    const { json } = await server.call(alice, 'POST', '/v1/credentials', {
      name: 'Carried',
      credential_pairs: { k: 'v' },
    });
    const first = (await production.item(json.id))!;
    await server.call(alice, 'PUT', `/v1/credentials/${json.id}`, { documentation: 'd' });
    await server.call(alice, 'PUT', `/v1/credentials/${json.id}/1`);
    const last = (await production.item(json.id))!;
    expect(last['revision']).toEqual({ N: '3' });
    for (const name of ['credential_pairs', 'data_key', 'last_rotation_date']) expect(last[name]).toEqual(first[name]);
  });
});
