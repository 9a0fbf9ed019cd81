import { join } from 'node:path';
import type { Logger } from 'pino';
import { openDynamoArchive } from '../adapters/store/dynamodb/archive.js';
import { dynamoEndpoint, type DynamoOptions } from '../adapters/store/dynamodb/client.js';
import { createDynamoTable } from '../adapters/store/dynamodb/create-table.js';
import { openDynamoStore } from '../adapters/store/dynamodb/store.js';
import { openSqliteArchive } from '../adapters/store/sqlite/archive.js';
import { openSqliteStore } from '../adapters/store/sqlite/store.js';
import type { Settings } from '../config/server-settings.js';
import type { Archive, Store } from '../ports/store.js';
import { MAX_ATTEMPTS, withLongTimeouts } from './timeouts.js';

const BUSY_TIMEOUT_MS = 5000;

/** Opens the store of the settings, and creates its tables first where DYNAMODB_CREATE_TABLE is set. */
export async function openStore(settings: Settings, logger: Logger): Promise<Store> {
  const onDamagedRow = (row: { id: string; problem: string }): void => logger.error(row, 'a damaged row was left out');
  if (settings.kind === 'embedded') return openSqliteStore({ ...sqliteOptions(settings), onDamagedRow });
  if (settings.DYNAMODB_CREATE_TABLE) await createTables(withLongTimeouts(settings));
  return openDynamoStore({ ...(await dynamoOptions(settings)), onDamagedRow });
}

/** Creates the DynamoDB tables that are missing: DYNAMODB_TABLE, and DYNAMODB_TABLE_ARCHIVE if it is set. */
export async function createTables(settings: Settings): Promise<void> {
  const archiveTable = settings.DYNAMODB_TABLE_ARCHIVE;
  await createDynamoTable(await dynamoOptions(settings), archiveTable === '' ? {} : { archiveTable });
}

/** Opens the archive; undefined without DYNAMODB_TABLE_ARCHIVE. The embedded store always has one. */
export async function openArchive(settings: Settings): Promise<Archive | undefined> {
  if (settings.kind === 'embedded') return openSqliteArchive(sqliteOptions(settings));
  const archiveTable = settings.DYNAMODB_TABLE_ARCHIVE;
  return archiveTable === '' ? undefined : openDynamoArchive({ ...(await dynamoOptions(settings)), archiveTable });
}

function sqliteOptions(settings: Settings): { file: string; busyTimeoutMs: number } {
  return { file: databaseFile(settings), busyTimeoutMs: BUSY_TIMEOUT_MS };
}

async function dynamoOptions(settings: Settings): Promise<DynamoOptions> {
  const region = settings.AWS_DEFAULT_REGION;
  return {
    table: settings.DYNAMODB_TABLE,
    region,
    endpoint: await dynamoEndpoint(region, settings.DYNAMODB_URL || undefined),
    connectTimeoutMs: settings.PYNAMO_CONNECT_TIMEOUT_SECONDS * 1000,
    readTimeoutMs: settings.PYNAMO_READ_TIMEOUT_SECONDS * 1000,
    maxSockets: settings.PYNAMO_CONNECTION_POOL_SIZE,
    maxAttempts: MAX_ATTEMPTS,
  };
}

/** The database of the embedded store. */
export function databaseFile(settings: Settings): string {
  return join(settings.CONFIDANT_DATA_DIR, 'confidant.db');
}
