import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DynamoOptions } from '../../../src/adapters/store/dynamodb/client.js';
import { type Item, itemOf } from '../../../src/adapters/store/dynamodb/items.js';
import { createDynamoTable } from '../../../src/adapters/store/dynamodb/create-table.js';
import { openDynamoStore } from '../../../src/adapters/store/dynamodb/store.js';
import type { Kind } from '../../../src/domain/records.js';
import { RowTooLarge, type Store } from '../../../src/ports/store.js';
import { type DynamoDbServer, startDynamoDb } from '../../stand-ins/dynamodb-server.js';
import { dynamoOptions, rawTable, type RawTable } from './harness.js';
import { at, blindCredential, credential, newId, service } from './records.js';

const golden = (name: string): string =>
  readFileSync(new URL(`../../../../../test/golden/${name}`, import.meta.url), 'utf8');

let server: DynamoDbServer;
let options: DynamoOptions & { endpoint: string };
let store: Store;
let table: RawTable;

beforeAll(async () => {
  server = await startDynamoDb();
  options = dynamoOptions(server.endpoint);
  await createDynamoTable(options);
  store = openDynamoStore(options);
  table = rawTable(options);
});
afterAll(async () => {
  await store.close();
  table.close();
  await server.stop();
});

const row = async (id: string): Promise<Item | undefined> =>
  ((await table.call('GetItem', { Key: { id: { S: id } } })) as { Item?: Item }).Item;

describe('the table', () => {
  interface Definition {
    TableName: string;
    KeySchema: unknown;
    ProvisionedThroughput: object;
    GlobalSecondaryIndexes: { IndexName: string; KeySchema: unknown; Projection: object }[];
  }

  test('the table is created as by the original, with the second index of its guide, and so is the archive table', async () => {
    const fresh = dynamoOptions(server.endpoint);
    const archiveTable = `${fresh.table}-archive`;
    await createDynamoTable(fresh, { archiveTable });
    const [recorded] = JSON.parse(golden('dynamodb-create-table.json')) as [Definition];
    for (const TableName of [fresh.table, archiveTable]) {
      const { Table } = (await table.call('DescribeTable', { TableName })) as { Table: Definition };
      const { KeySchema, ProvisionedThroughput, GlobalSecondaryIndexes } = recorded;
      expect(Table).toMatchObject({ KeySchema, ProvisionedThroughput });
      const byName = (name: string) => Table.GlobalSecondaryIndexes.find(({ IndexName }) => IndexName === name);
      expect(byName('data_type_date_index')).toMatchObject(GlobalSecondaryIndexes[0]!);
      expect(byName('data_type_revision_index')).toMatchObject({
        ...GlobalSecondaryIndexes[0]!,
        IndexName: 'data_type_revision_index',
        KeySchema: [
          { AttributeName: 'data_type', KeyType: 'HASH' },
          { AttributeName: 'revision', KeyType: 'RANGE' },
        ],
      });
    }
  });

  test('servers that start at once create the table once, and an existing table stays as it is', async () => {
    const fresh = dynamoOptions(server.endpoint);
    await Promise.all(Array.from({ length: 8 }, () => createDynamoTable(fresh)));
    const one = credential();
    const first = openDynamoStore(fresh);
    expect(await first.putRevision({ kind: 'credential', next: one, expected: null })).toEqual({ status: 'ok' });
    await createDynamoTable(fresh);
    expect(await first.get('credential', one.id)).toEqual(one);
    await first.close();
  });

  test('a missing table is an unavailable backend, never an absent row', async () => {
    const missing = openDynamoStore({ ...options, table: 'no-such-table' });
    const { id } = credential();
    const answers = await Promise.allSettled([
      missing.get('credential', id),
      missing.getRevision('credential', id, 1),
      missing.getRevisions('credential', id, 3),
      missing.getMany('credential', [id]),
      missing.list('credential', { archived: false }),
      missing.changedServices(null),
      missing.changedNames('credential', null),
      missing.setLastDecrypted(id, 1, at(1)),
      missing.putRevision({ kind: 'credential', next: credential(), expected: null }),
      missing.ping(),
    ]);
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { name: 'BackendUnavailable' } });
    }
    await missing.close();
  });
});

describe('rows', () => {
  test('rows are written as by the original', async () => {
    const { fullest_example_per_type: examples } = JSON.parse(golden('dynamodb-items.json')) as {
      fullest_example_per_type: Record<string, Item>;
    };
    for (const kind of ['credential', 'blind-credential', 'service'] as const) {
      const example = examples[kind]!;
      await table.put(example);
      const id = example['id']!.S!;
      const current = await store.get<Kind>(kind, id);
      if (typeof current === 'string') throw new Error(`${kind} ${id} is ${current}`);
      const next = { ...current, revision: current.revision + 1 };
      expect(await store.putRevision({ kind, next, expected: current.revision })).toEqual({ status: 'ok' });
      const sorted = (item: Item | undefined): object =>
        Object.fromEntries(Object.entries(item ?? {}).map(([name, { SS, ...rest }]) => [name, SS?.sort() ?? rest]));
      const revision = { N: String(next.revision) };
      expect(sorted(await row(id))).toEqual(sorted({ ...example, revision }));
      expect(sorted(await row(`${id}-${next.revision}`))).toEqual(
        sorted({ ...example, revision, id: { S: `${id}-${next.revision}` }, data_type: { S: `archive-${kind}` } }),
      );
    }
  });

  test('all rows of a table of the original are read, listed and found', async () => {
    const own = { ...options, table: `${options.table}-golden` };
    await createDynamoTable(own);
    const original = rawTable(own);
    const items = golden('dynamodb-table.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Item);
    await Promise.all(items.map((item) => original.put(item)));
    const damaged: object[] = [];
    const reader = openDynamoStore({ ...own, onDamagedRow: (damage) => damaged.push(damage) });
    let read = 0;
    for (const kind of ['credential', 'blind-credential', 'service'] as const) {
      const { rows } = await reader.list<Kind>(kind, { archived: false });
      const found = await reader.getMany<Kind>(
        kind,
        rows.map(({ id }) => id),
      );
      expect(found.size).toBe(rows.length);
      for (const current of found.values()) {
        read += 1;
        expect(current).toMatchObject(rows.find(({ id }) => id === current.id)!);
        read += (await reader.getRevisions(kind, current.id, current.revision)).length;
      }
    }
    expect(damaged).toEqual([]);
    expect(read).toBe(items.length);
    await reader.close();
    original.close();
  });

  test('rows that hold names are in no index and belong to no kind', async () => {
    const one = credential({ name: 'in an index' });
    await store.putRevision({ kind: 'credential', next: one, expected: null, name: { claim: one.name } });
    const markers = (await table.all()).filter((item) => item['data_type']?.S === 'name');
    expect(markers).toHaveLength(1);
    expect(Object.keys(markers[0]!).sort()).toEqual(['data_type', 'holder', 'id']);
    expect(markers[0]!['id']!.S).toMatch(/^\/name\/credential\/[0-9a-f]{64}$/);
    const found = (await table.call('Query', {
      IndexName: 'data_type_date_index',
      KeyConditionExpression: 'data_type = :type',
      ExpressionAttributeValues: { ':type': { S: 'name' } },
    })) as { Items: Item[] };
    expect(found.Items).toEqual([]);
    expect(await store.get('credential', markers[0]!['id']!.S!)).toBe('other-kind');
  });

  test('a marker of a name that lost its holder does not block the name', async () => {
    const [one, two] = [credential(), credential()];
    const name = { claim: newId() };
    await store.putRevision({ kind: 'credential', next: one, expected: null, name });
    const marker = (await table.all()).find((item) => item['holder']?.S === one.id)!;
    await table.put({ id: marker['id']!, data_type: { S: 'name' } });
    expect(await store.putRevision({ kind: 'credential', next: two, expected: null, name })).toEqual({ status: 'ok' });
  });

  test('a write removes attributes that a row no longer needs, but not the date of the last decryption', async () => {
    const one = credential({ lastDecryptedDate: at(9) });
    await table.put({ ...itemOf('credential', one, false), schema_version: { N: '1' } });
    const read = await store.get('credential', one.id);
    expect(read).toEqual(one);
    await store.putRevision({ kind: 'credential', next: { ...one, revision: 2 }, expected: 1 });
    expect(await row(one.id)).toEqual(itemOf('credential', { ...one, revision: 2 }, false));
  });

  test('rows of more than 400 KB are refused as too large, and nothing is written', async () => {
    const documentation = 'x'.repeat(400_000);
    const [one, blind] = [credential({ documentation, name: 'n'.repeat(12_000) }), blindCredential({ documentation })];
    await expect(store.putRevision({ kind: 'credential', next: one, expected: null })).rejects.toThrow(RowTooLarge);
    expect(await row(one.id)).toBeUndefined();
    expect(await row(`${one.id}-1`)).toBeUndefined();
    expect(await store.putRevision({ kind: 'blind-credential', next: blind, expected: null })).toEqual({
      status: 'ok',
    });
  });

  test('a page may begin after a row whose date has another form', async () => {
    const own = openDynamoStore({ ...options, table: `${options.table}-dates` });
    await createDynamoTable({ ...options, table: `${options.table}-dates` });
    const dates = ['2026-11-21T23:00:00+0100', '2026-11-21T22:30:00.000000+0000', '2026-11-20T00:00:00.000000+0000'];
    for (const date of dates) {
      const item = itemOf('service', service(), false);
      await table.call('PutItem', {
        TableName: `${options.table}-dates`,
        Item: { ...item, modified_date: { S: date } },
      });
    }
    const first = await own.list('service', { archived: false, limit: 1 });
    expect(first.rows[0]?.modifiedDate).toBe('2026-11-21T22:00:00.000000+0000');
    const second = await own.list('service', { archived: false, limit: 5, after: first.next! });
    expect(second.rows.map(({ modifiedDate }) => modifiedDate)).toEqual(dates.slice(1));
    await own.close();
  });
});
