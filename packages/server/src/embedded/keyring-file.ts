import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { KmsRefused, KmsUnavailable } from '@confidant/kmsauth';
import { ensurePrivateDirectory, PrivateFileError, privateFileExists, touchPrivateFile } from './private-files.js';

const FILE_NAME = 'keyring.db';
const FORMAT_VERSION = 1;
const BUSY_TIMEOUT_MS = 2_000;

const SCHEMA = `
  CREATE TABLE keys (
    id TEXT PRIMARY KEY, region TEXT NOT NULL, created_at REAL NOT NULL,
    material BLOB NOT NULL CHECK (length(material) = 32)
  ) STRICT;
  CREATE TABLE aliases (
    region TEXT NOT NULL, alias TEXT NOT NULL, key_id TEXT NOT NULL REFERENCES keys (id), created_at REAL NOT NULL,
    PRIMARY KEY (region, alias)
  ) STRICT;
  CREATE TABLE grants (
    grant_id TEXT PRIMARY KEY, key_id TEXT NOT NULL REFERENCES keys (id), created_at REAL NOT NULL,
    grantee TEXT NOT NULL, operations TEXT NOT NULL, context_subset TEXT NOT NULL, name TEXT NOT NULL,
    UNIQUE (key_id, grantee, operations, context_subset, name)
  ) STRICT;
  PRAGMA user_version = ${FORMAT_VERSION};
`;

export type Row = Record<string, unknown>;

export interface KeyringFileOptions {
  /** Refuse to start a new keyring: for a data directory known to hold secrets sealed by an older one. */
  mustExist?: boolean;
  /** How long every call waits, and holds up this process, while another one writes. */
  busyTimeoutMs?: number;
}

/**
 * The keyring's SQLite file, of mode 0600.
 *
 * Several processes share it (server workers, the KMS endpoint, an operator's command), and every change is one
 * transaction. It has a rollback journal, not a write-ahead log, so that the one file is all there is: a copy of it
 * made while nothing is written is a complete backup.
 */
export class KeyringFile {
  readonly #db: InstanceType<typeof DatabaseSync>;
  readonly #statements = new Map<string, ReturnType<InstanceType<typeof DatabaseSync>['prepare']>>();

  private constructor(db: InstanceType<typeof DatabaseSync>) {
    this.#db = db;
  }

  /**
   * Opens the file in the data directory, or makes it when there is none.
   *
   * @param fill puts the first rows into a new file, in the transaction that makes it
   * @throws PrivateFileError when the directory or file is open to others, missing although it must exist, or not ours
   */
  static open(
    dataDir: string,
    { mustExist = false, busyTimeoutMs = BUSY_TIMEOUT_MS }: KeyringFileOptions,
    fill: (file: KeyringFile) => void,
  ): KeyringFile {
    ensurePrivateDirectory(dataDir);
    const path = join(dataDir, FILE_NAME);
    if (!privateFileExists(path)) {
      if (mustExist) throw missing(path);
      // SQLite would make the file readable by others, and gives its journal the mode of the file.
      touchPrivateFile(path);
    }
    let db;
    try {
      db = new DatabaseSync(path, { timeout: busyTimeoutMs, defensive: true });
      const file = new KeyringFile(db);
      file.#prepare(path, mustExist, fill);
      return file;
    } catch (error) {
      db?.close();
      if (error instanceof PrivateFileError) throw error;
      throw new PrivateFileError(`the keyring ${path} cannot be opened: it is damaged, locked or not a keyring`, {
        cause: error,
      });
    }
  }

  #prepare(path: string, mustExist: boolean, fill: (file: KeyringFile) => void): void {
    // EXTRA also makes the removal of the journal durable: no power cut loses a key that was handed out.
    this.#db.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; PRAGMA secure_delete = ON');
    this.#transaction(() => {
      const version = this.#db.prepare('PRAGMA user_version').get() as Row;
      if (version['user_version'] === FORMAT_VERSION) return;
      if (version['user_version'] !== 0) {
        throw new PrivateFileError(`the keyring ${path} was written by another version of this program`);
      }
      // The file is empty: it is new, or its first start was cut off before the keys were in it.
      if (mustExist) throw missing(path);
      this.#db.exec(SCHEMA);
      fill(this);
    });
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  /** The statement, compiled once. */
  statement(sql: string) {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** The `n` that a statement selects. */
  count(sql: string, ...parameters: string[]): number {
    return (this.statement(sql).get(...parameters) as { n: number }).n;
  }

  /** Every row that a statement selects. */
  read(sql: string, ...parameters: string[]): Row[] {
    return available(() => this.statement(sql).all(...parameters) as Row[]);
  }

  /** Runs `work` in one transaction, alone among all processes. */
  change<T>(work: () => T): T {
    return available(() => this.#transaction(work));
  }

  #transaction<T>(work: () => T): T {
    // IMMEDIATE takes the write lock at once, so what the work reads is still true when it writes.
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }
}

function missing(path: string): PrivateFileError {
  return new PrivateFileError(
    `the keyring ${path} is gone but there are secrets that only its keys open; put it back from a backup`,
  );
}

function available<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof KmsRefused) throw error;
    throw new KmsUnavailable('KeyringUnavailable', { cause: error });
  }
}
