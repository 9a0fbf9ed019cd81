import { DatabaseSync } from '@photostructure/sqlite';
import { makePrivate } from '../../private-database.js';

export type Database = InstanceType<typeof DatabaseSync>;
export type Statement = ReturnType<Database['prepare']>;

/** `Conf` in the file's header, so that another program's database is not taken for ours. */
const APPLICATION_ID = 0x436f6e66;
const SCHEMA_VERSION = 1;
const CACHE_KIB = 16_384;

// Queries use the columns. `body` is the record as JSON without last_decrypted_date, which changes alone, and without
// the ciphertext, which lists do not read. Row ids and data types are those of the DynamoDB table.
const SCHEMA = `
  CREATE TABLE rows (
    id TEXT PRIMARY KEY NOT NULL,
    data_type TEXT NOT NULL,
    revision INTEGER NOT NULL,
    modified_date TEXT,
    name TEXT,
    last_decrypted_date TEXT,
    body TEXT NOT NULL,
    sealed TEXT
  ) STRICT;
  CREATE INDEX rows_by_date ON rows (data_type, modified_date, id);
  CREATE TABLE names (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    holder TEXT NOT NULL,
    PRIMARY KEY (kind, name)
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/**
 * Opens the database file, made with mode 0600 if it is missing; its directory must exist. Several processes may open
 * it, and start it, at once.
 *
 * Throws an Error that says what to do when the file is another program's or a later version's, and SQLite's own when
 * it cannot be opened within `busyTimeoutMs`.
 */
export function openDatabase(file: string, busyTimeoutMs: number): Database {
  makePrivate(file);
  // Waiting blocks the whole process, so it is left to SQLite only here, at the start.
  const database = new DatabaseSync(file, { timeout: busyTimeoutMs, returnArrays: true, defensive: true });
  try {
    // The file is checked before anything is changed: it may be another program's.
    refuseForeign(database, file);
    const deadline = performance.now() + busyTimeoutMs;
    // Two processes that switch a new file to WAL at once do not wait for each other, whatever the time-out is.
    while (!becomesWal(database)) {
      if (performance.now() > deadline) throw new Error(`${file} cannot be used with a write-ahead log here`);
      pauseSync(5);
    }
    // With FULL, acknowledged writes survive a power cut.
    database.exec(`PRAGMA synchronous = FULL; PRAGMA cache_size = -${CACHE_KIB}; BEGIN IMMEDIATE`);
    if (isEmpty(database)) database.exec(SCHEMA);
    refuseForeign(database, file);
    database.exec('COMMIT; PRAGMA busy_timeout = 0');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function becomesWal(database: Database): boolean {
  try {
    return database.prepare('PRAGMA journal_mode = WAL').get()[0] === 'wal';
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

function isEmpty(database: Database): boolean {
  return database.prepare('SELECT count(*) FROM sqlite_schema').get()[0] === 0;
}

function refuseForeign(database: Database, file: string): void {
  if (isEmpty(database)) return;
  const pragma = (name: string): unknown => database.prepare(`PRAGMA ${name}`).get()[0];
  if (pragma('application_id') !== APPLICATION_ID) throw new Error(`${file} is a database of another program`);
  const version = pragma('user_version') as number;
  if (version > SCHEMA_VERSION) {
    throw new Error(
      `${file} was written by a later version of Confidant (its schema is ${version}, this version knows ` +
        `${SCHEMA_VERSION}): start that version, or restore a backup made before it`,
    );
  }
}

/** Whether another connection holds the lock that was needed. */
export function isBusy(error: unknown): boolean {
  const code = errorCodeOf(error);
  return code === 5 || code === 6;
}

/** SQLite's primary result code; undefined when the error is not SQLite's. */
export function errorCodeOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode & 0xff
    : undefined;
}

function pauseSync(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
