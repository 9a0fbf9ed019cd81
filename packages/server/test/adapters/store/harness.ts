import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { CredentialsCache } from '../../../src/adapters/aws/credentials.js';
import { AwsJsonClient } from '../../../src/adapters/aws/json-client.js';
import type { DynamoOptions } from '../../../src/adapters/store/dynamodb/client.js';
import type { Item } from '../../../src/adapters/store/dynamodb/items.js';
import { createDynamoTable } from '../../../src/adapters/store/dynamodb/create-table.js';
import { openDynamoStore } from '../../../src/adapters/store/dynamodb/store.js';
import { openSqliteStore, type SqliteOptions } from '../../../src/adapters/store/sqlite/store.js';
import type { Store } from '../../../src/ports/store.js';
import { startDynamoDb, TEST_CREDENTIALS } from '../../stand-ins/dynamodb-server.js';

/** A store in a place of its own, with access to the rows behind it. */
export interface Harness {
  /** Opens another store in the same place, as another server would. */
  open(onDamagedRow?: (row: { id: string; problem: string }) => void): Store;
  /** The options with which another process opens the store, without those that are not JSON. */
  place: { sqlite: SqliteOptions } | { dynamo: DynamoOptions };
  /** Damages the row with this id, as no server would. */
  damage(rowId: string): Promise<void>;
  stop(): Promise<void>;
}

export const STORES: { name: string; open: () => Promise<Harness> }[] = [
  { name: 'SQLite', open: startSqlite },
  { name: 'DynamoDB', open: startDynamo },
];

function startSqlite(): Promise<Harness> {
  const directory = mkdtempSync(join(tmpdir(), 'confidant-store-'));
  const file = join(directory, 'confidant.db');
  const options = { file, busyTimeoutMs: 60_000 };
  return Promise.resolve({
    open: (onDamagedRow) => openSqliteStore({ ...options, ...(onDamagedRow && { onDamagedRow }) }),
    place: { sqlite: options },
    damage: (rowId) => {
      const database = new DatabaseSync(file);
      const { changes } = database.prepare('UPDATE rows SET body = \'{"id":\' WHERE id = ?').run(rowId);
      database.close();
      if (changes !== 1) throw new Error(`no row ${rowId}`);
      return Promise.resolve();
    },
    stop: () => Promise.resolve(rmSync(directory, { recursive: true })),
  });
}

async function startDynamo(): Promise<Harness> {
  const server = await startDynamoDb();
  const options = dynamoOptions(server.endpoint);
  await createDynamoTable(options);
  const table = rawTable(options);
  return {
    open: (onDamagedRow) => openDynamoStore({ ...options, ...(onDamagedRow && { onDamagedRow }) }),
    place: { dynamo: options },
    damage: async (rowId) => {
      await table.call('UpdateItem', {
        Key: { id: { S: rowId } },
        UpdateExpression: 'REMOVE revision',
        ConditionExpression: 'attribute_exists(id)',
      });
    },
    stop: async () => {
      table.close();
      await server.stop();
    },
  };
}

/** Options for a table that no other test uses; {@link createDynamoTable} creates it. */
export function dynamoOptions(endpoint: string): DynamoOptions & { endpoint: string } {
  return {
    table: `confidant-${randomUUID()}`,
    region: 'us-east-1',
    endpoint,
    credentials: () => Promise.resolve(TEST_CREDENTIALS),
    connectTimeoutMs: 20_000,
    readTimeoutMs: 20_000,
    maxSockets: 20,
  };
}

/** Access to the table without the store, to read and write what no store does. */
export interface RawTable {
  call(operation: string, input: object): Promise<unknown>;
  put(item: Item): Promise<void>;
  all(): Promise<Item[]>;
  close(): void;
}

export function rawTable({ table, ...options }: DynamoOptions & { endpoint: string }): RawTable {
  const client = new AwsJsonClient({
    ...options,
    backend: 'test',
    service: 'dynamodb',
    targetPrefix: 'DynamoDB_20120810',
    jsonVersion: '1.0',
    credentials: new CredentialsCache(() => Promise.resolve(TEST_CREDENTIALS)),
  });
  return {
    call: (operation, input) => client.call(operation, { TableName: table, ...input }),
    put: async (item) => void (await client.call('PutItem', { TableName: table, Item: item })),
    all: async () => ((await client.call('Scan', { TableName: table })) as { Items: Item[] }).Items,
    close: () => client.close(),
  };
}
