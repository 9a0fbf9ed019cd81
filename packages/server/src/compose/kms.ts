import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { awsKms, keyReference, type KmsGrants, type KmsLike } from '@confidant/kmsauth';
import { namesProxy } from '@confidant/kmsauth/proxy';
import type { Logger } from 'pino';
import { defaultProvider } from '../adapters/aws/credentials.js';
import { openDynamoArchive } from '../adapters/store/dynamodb/archive.js';
import type { DynamoOptions } from '../adapters/store/dynamodb/client.js';
import { createDynamoTable, openDynamoStore } from '../adapters/store/dynamodb/store.js';
import { iamRoles } from '../adapters/aws/iam-roles.js';
import { openSqliteArchive } from '../adapters/store/sqlite/archive.js';
import { openSqliteStore } from '../adapters/store/sqlite/store.js';
import { isEmbedded } from '../config/parse.js';
import type { Settings } from '../config/settings.js';
import { Keyring, LOCAL_ACCOUNT_ID } from '../embedded/keyring.js';
import type { Roles } from '../ports/grants.js';
import type { Archive, Store } from '../ports/store.js';

/** Region of the embedded keyring: its keys are made there. */
const EMBEDDED_REGION = 'us-east-1';
/** KMS and DynamoDB are asked at most this often for one call. */
const MAX_ATTEMPTS = 3;
/** IAM has no settings of its own; its lists take longer than KMS does. */
const IAM_TIMEOUT_MS = 5000;
const SQLITE_BUSY_TIMEOUT_MS = 5000;

/**
 * The embedded keyring. A lost one is not replaced where there are rows: new keys could open none of them.
 *
 * @throws LocalFileError which says what to do
 */
export function openKeyring(settings: Settings): Keyring {
  const { CONFIDANT_DATA_DIR: dataDir } = settings;
  return Keyring.open(dataDir, { mustExist: existsSync(sqliteOptions(settings).file) });
}

/** Seconds. */
const PATIENT = { connect: 5, read: 10 };

/**
 * The settings with time-outs for a start and for commands, which wait where a request may not: the first call of a
 * process loads its credentials, AWS takes seconds to make a table, and who gives up only begins the same again, on a
 * machine that may be slow because everything starts. Those of the settings hold where they are longer.
 */
export function patiently(settings: Settings): Settings {
  return {
    ...settings,
    KMS_CONNECTION_TIMEOUT: Math.max(settings.KMS_CONNECTION_TIMEOUT, PATIENT.connect),
    KMS_READ_TIMEOUT: Math.max(settings.KMS_READ_TIMEOUT, PATIENT.read),
    PYNAMO_CONNECT_TIMEOUT_SECONDS: Math.max(settings.PYNAMO_CONNECT_TIMEOUT_SECONDS, PATIENT.connect),
    PYNAMO_READ_TIMEOUT_SECONDS: Math.max(settings.PYNAMO_READ_TIMEOUT_SECONDS, PATIENT.read),
  };
}

/** AWS's, or the embedded default's. */
export function openKms(settings: Settings): KmsLike & KmsGrants & { close(): void } {
  if (isEmbedded(settings)) {
    const keyring = openKeyring(settings);
    return { ...keyring.kms(EMBEDDED_REGION), close: () => keyring.close() };
  }
  return awsKms({
    region: settings.AWS_DEFAULT_REGION,
    ...(settings.KMS_URL !== '' && { endpoint: settings.KMS_URL }),
    connectTimeoutMs: settings.KMS_CONNECTION_TIMEOUT * 1000,
    requestTimeoutMs: settings.KMS_READ_TIMEOUT * 1000,
    maxSockets: settings.KMS_MAX_POOL_CONNECTIONS,
    maxAttempts: MAX_ATTEMPTS,
    // The SDK's own would ask for single sign-on directly.
    ...(namesProxy(process.env) && { credentials: defaultProvider(settings.AWS_DEFAULT_REGION) }),
  });
}

export async function openStore(settings: Settings, logger: Logger): Promise<Store> {
  const onDamagedRow = (row: { id: string; problem: string }): void => logger.error(row, 'a damaged row was left out');
  if (isEmbedded(settings)) {
    return openSqliteStore({ ...sqliteOptions(settings), onDamagedRow });
  }
  if (settings.DYNAMODB_CREATE_TABLE) await createTables(patiently(settings));
  return openDynamoStore({ ...dynamoOptions(settings), onDamagedRow });
}

/** Makes the DynamoDB tables that are missing, the archive table included when one is named. */
export async function createTables(settings: Settings): Promise<void> {
  const archiveTable = settings.DYNAMODB_TABLE_ARCHIVE;
  await createDynamoTable(dynamoOptions(settings), archiveTable === '' ? {} : { archiveTable });
}

/** Undefined: DYNAMODB_TABLE_ARCHIVE is not set. The embedded default always has an archive. */
export function openArchive(settings: Settings): Archive | undefined {
  if (isEmbedded(settings)) return openSqliteArchive(sqliteOptions(settings));
  const archiveTable = settings.DYNAMODB_TABLE_ARCHIVE;
  return archiveTable === '' ? undefined : openDynamoArchive({ ...dynamoOptions(settings), archiveTable });
}

function sqliteOptions(settings: Settings): { file: string; busyTimeoutMs: number } {
  return { file: databaseFile(settings), busyTimeoutMs: SQLITE_BUSY_TIMEOUT_MS };
}

function dynamoOptions(settings: Settings): DynamoOptions {
  return {
    table: settings.DYNAMODB_TABLE,
    region: settings.AWS_DEFAULT_REGION,
    ...(settings.DYNAMODB_URL !== '' && { endpoint: settings.DYNAMODB_URL }),
    connectTimeoutMs: settings.PYNAMO_CONNECT_TIMEOUT_SECONDS * 1000,
    readTimeoutMs: settings.PYNAMO_READ_TIMEOUT_SECONDS * 1000,
    maxSockets: settings.PYNAMO_CONNECTION_POOL_SIZE,
    maxAttempts: MAX_ATTEMPTS,
  };
}

/** compat: a refresh rate under a minute counts as a minute. */
const MIN_ROLE_REFRESH_SECONDS = 60;

/** IAM's, or the services of the embedded default. */
export function openRoles(settings: Settings, store: Store, logger: Logger): Roles {
  return isEmbedded(settings) ? localRoles(store) : openIam(settings, logger);
}

function openIam(settings: Settings, logger: Logger): Roles {
  const refreshSeconds = Math.max(MIN_ROLE_REFRESH_SECONDS, settings.BACKGROUND_CACHE_IAM_ROLE_REFRESH_RATE);
  return iamRoles({
    region: settings.AWS_DEFAULT_REGION,
    connectTimeoutMs: IAM_TIMEOUT_MS,
    requestTimeoutMs: IAM_TIMEOUT_MS,
    maxAttempts: MAX_ATTEMPTS,
    ...(settings.BACKGROUND_CACHE_IAM_ROLES && {
      cache: {
        refreshMs: refreshSeconds * 1000,
        jitterMs: Math.min(settings.BACKGROUND_CACHE_IAM_ROLE_JITTER, refreshSeconds) * 1000,
      },
    }),
    onRefreshFailed: (error) => logger.error({ err: error }, 'the list of IAM roles could not be refreshed'),
  });
}

/** There is no IAM in the embedded default: every name is a role's, and those of the services are listed. */
function localRoles(store: Store): Roles {
  return {
    list: async () => (await store.list('service', { archived: false })).rows.map(({ id }) => id).sort(),
    arnOf: (name) => Promise.resolve(`arn:aws:iam::${LOCAL_ACCOUNT_ID}:role/${name}`),
    close: () => undefined,
  };
}

/** Where the embedded default keeps its rows. */
function databaseFile(settings: Settings): string {
  return join(settings.CONFIDANT_DATA_DIR, 'confidant.db');
}

/**
 * Looks once at the KMS keys that the settings name, and says in the log which of them cannot be used: a wrong name is
 * otherwise first noticed by the requests that fail. Never rejects.
 */
export async function checkKeys(settings: Settings, kms: KmsLike, logger: Logger): Promise<void> {
  if (isEmbedded(settings)) return;
  const named: [setting: string, key: string][] = [
    ['KMS_MASTER_KEY', settings.USE_ENCRYPTION ? settings.KMS_MASTER_KEY : ''],
    ['AUTH_KEY', settings.USE_AUTH ? settings.AUTH_KEY : ''],
    ['USER_AUTH_KEY', settings.USE_AUTH ? settings.USER_AUTH_KEY : ''],
    ...Object.keys(settings.SCOPED_AUTH_KEYS).map((key): [string, string] => ['SCOPED_AUTH_KEYS', key]),
  ];
  for (const [setting, key] of named) {
    if (key === '') continue;
    await kms.describeKey(keyReference(key)).catch((error: unknown) => {
      logger.error({ setting, key, err: error }, 'a KMS key of the settings cannot be used');
    });
  }
}
