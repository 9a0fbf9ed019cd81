import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { CredentialsCache } from '../../src/adapters/aws-credentials.js';
import { AwsJsonClient } from '../../src/adapters/aws-json.js';
import type { DynamoOptions } from '../../src/adapters/dynamodb-client.js';
import type { Item } from '../../src/adapters/dynamodb-items.js';
import { createDynamoTable, openDynamoStore } from '../../src/adapters/dynamodb.js';
import { openSqliteStore } from '../../src/adapters/sqlite.js';
import type { Store } from '../../src/ports.js';
import { startDynamoDb, TEST_CREDENTIALS } from './dynamodb-server.js';

/** A store on a place of its own, and hands that reach behind it. */
export interface Harness {
  /** Opens one more store on the same place, as another server would. */
  open(onDamagedRow?: (row: { id: string; problem: string }) => void): Store;
  /** Breaks the row under this id as no server would. */
  damage(rowId: string): Promise<void>;
  stop(): Promise<void>;
}

export const STORES: { name: string; start(): Promise<Harness> }[] = [
  { name: 'SQLite', start: startSqlite },
  { name: 'DynamoDB', start: startDynamo },
];

function startSqlite(): Promise<Harness> {
  const directory = mkdtempSync(join(tmpdir(), 'confidant-store-'));
  const file = join(directory, 'confidant.db');
  return Promise.resolve({
    open: (onDamagedRow) => openSqliteStore({ file, busyTimeoutMs: 5000, ...(onDamagedRow && { onDamagedRow }) }),
    damage: (rowId) => {
      const database = new DatabaseSync(file);
      const { changes } = database.prepare("UPDATE rows SET body = '{\"id\":' WHERE id = ?").run(rowId);
      database.close();
      if (changes !== 1) throw new Error(`no row ${rowId}`);
      return Promise.resolve();
    },
    stop: () => Promise.resolve(rmSync(directory, { recursive: true })),
  });
}

async function startDynamo(): Promise<Harness> {
  const { endpoint, stop } = await startDynamoDb();
  const options = dynamoOptions(endpoint);
  await createDynamoTable(options);
  const table = rawTable(endpoint);
  return {
    open: (onDamagedRow) => openDynamoStore({ ...options, ...(onDamagedRow && { onDamagedRow }) }),
    damage: async (rowId) => {
      await table.call('UpdateItem', {
        TableName: options.table,
        Key: { id: { S: rowId } },
        UpdateExpression: 'REMOVE revision',
        ConditionExpression: 'attribute_exists(id)',
      });
    },
    stop: async () => {
      table.close();
      await stop();
    },
  };
}

export function dynamoOptions(endpoint: string): DynamoOptions {
  return {
    table: 'confidant-test',
    region: 'us-east-1',
    endpoint,
    credentials: () => Promise.resolve(TEST_CREDENTIALS),
    connectTimeoutMs: 5000,
    readTimeoutMs: 10_000,
    maxSockets: 20,
  };
}

/** The table without the store, for what no store writes. */
export function rawTable(endpoint: string): AwsJsonClient & { put(item: Item): Promise<void>; all(): Promise<Item[]> } {
  const client = new AwsJsonClient({
    backend: 'test',
    service: 'dynamodb',
    targetPrefix: 'DynamoDB_20120810',
    jsonVersion: '1.0',
    region: 'us-east-1',
    endpoint,
    credentials: new CredentialsCache(() => Promise.resolve(TEST_CREDENTIALS)),
    connectTimeoutMs: 5000,
    readTimeoutMs: 10_000,
    maxSockets: 5,
  });
  const TableName = dynamoOptions(endpoint).table;
  return Object.assign(client, {
    put: async (item: Item): Promise<void> => void (await client.call('PutItem', { TableName, Item: item })),
    all: async (): Promise<Item[]> => ((await client.call('Scan', { TableName })) as { Items: Item[] }).Items,
  });
}
