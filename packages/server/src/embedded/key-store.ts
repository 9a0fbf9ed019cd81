import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { KmsRefused, KmsUnavailable } from '@confidant/kmsauth';
import { ensurePrivateDirectory, LocalFileError, privateFileExists, touchPrivateFile } from './private-files.js';

/** A key without its material. */
export interface LocalKey {
  /** The uuid. */
  id: string;
  region: string;
  createdAtSeconds: number;
}

/** A key's alias, `alias/name`, unique in its region. */
export interface LocalAlias {
  alias: string;
  keyId: string;
  createdAtSeconds: number;
}

/** What makes a grant the grant it is; two equal ones are one. */
interface GrantTerms {
  granteePrincipal: string;
  /** KMS's names, sorted and without doubles. */
  operations: readonly string[];
  /** The EncryptionContextSubset constraint, sorted by name; empty when there is none. */
  contextSubset: ReadonlyArray<readonly [name: string, value: string]>;
  /** The caller's label, empty when there is none. */
  name: string;
}

export interface LocalGrant extends GrantTerms {
  grantId: string;
  createdAtSeconds: number;
}

/** Keys with an alias that a new keyring starts with. */
export const FIRST_KEYS = {
  region: 'us-east-1',
  aliases: ['alias/confidant-master', 'alias/confidant-service', 'alias/confidant-user'],
} as const;

const FILE_NAME = 'keyring.db';
const FORMAT_VERSION = 1;
const BUSY_TIMEOUT_MS = 2_000;
const MAX_KEYS = 1_000;
// AWS's own limits for aliases and grants of one key.
const MAX_ALIASES_PER_KEY = 50;
const MAX_GRANTS_PER_KEY = 50_000;

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

type Row = Record<string, unknown>;

/**
 * Keys, aliases and grants in one SQLite file of mode 0600.
 *
 * Several processes share it (server workers, the KMS endpoint, an operator's command): every answer is read from the
 * file, every change is one transaction, nothing is kept in memory. The rollback journal, not WAL, so that the one file
 * is all there is: a copy of it made while nobody writes is a complete backup.
 *
 * Every method throws KmsUnavailable when the file cannot be read or written.
 */
export class KeyStore {
  readonly #db: InstanceType<typeof DatabaseSync>;
  readonly #statements = new Map<string, ReturnType<InstanceType<typeof DatabaseSync>['prepare']>>();

  private constructor(db: InstanceType<typeof DatabaseSync>) {
    this.#db = db;
  }

  /**
   * Opens the file in the data directory; makes it, with {@link FIRST_KEYS}, when there is none.
   *
   * @param options.mustExist refuse to start a new keyring: for a data directory known to hold secrets sealed by an older
   * one
   * @param options.busyTimeoutMs how long every call waits, and holds up this process, while another one writes
   * @throws LocalFileError when the directory or file is open to others, missing although it must exist, or not ours
   */
  static open(
    dataDir: string,
    { mustExist = false, busyTimeoutMs = BUSY_TIMEOUT_MS }: { mustExist?: boolean; busyTimeoutMs?: number },
  ): KeyStore {
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
      const store = new KeyStore(db);
      store.#prepareFile(path, mustExist);
      return store;
    } catch (error) {
      db?.close();
      if (error instanceof LocalFileError) throw error;
      throw new LocalFileError(`the keyring ${path} cannot be opened: it is damaged, locked or not a keyring`, {
        cause: error,
      });
    }
  }

  #prepareFile(path: string, mustExist: boolean): void {
    // EXTRA also makes the removal of the journal durable: a key that was handed out is never lost to a power cut.
    this.#db.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; PRAGMA secure_delete = ON');
    this.#transaction(() => {
      const version = this.#db.prepare('PRAGMA user_version').get() as Row;
      if (version['user_version'] === FORMAT_VERSION) return;
      if (version['user_version'] !== 0) {
        throw new LocalFileError(`the keyring ${path} was written by another version of this program`);
      }
      // Empty: new, or its first start was cut off before the keys were in it.
      if (mustExist) throw missing(path);
      this.#db.exec(SCHEMA);
      for (const alias of FIRST_KEYS.aliases) this.#insertAlias(alias, this.#insertKey(FIRST_KEYS.region));
    });
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  /** Makes a key, with an alias when one is given. @throws KmsRefused AlreadyExistsException, LimitExceededException */
  createKey(region: string, alias?: string): LocalKey {
    return this.#change(() => {
      const key = this.#insertKey(region);
      if (alias !== undefined) this.#insertAlias(alias, key);
      return key;
    });
  }

  /** @throws KmsRefused AlreadyExistsException, LimitExceededException */
  createAlias(alias: string, key: LocalKey): void {
    this.#change(() => this.#insertAlias(alias, key));
  }

  #insertKey(region: string): LocalKey {
    if (this.#count('SELECT count(*) AS n FROM keys') >= MAX_KEYS) throw new KmsRefused('LimitExceededException');
    const key: LocalKey = { id: randomUUID(), region, createdAtSeconds: Date.now() / 1000 };
    this.#statement('INSERT INTO keys (id, region, created_at, material) VALUES (?, ?, ?, ?)').run(
      key.id,
      region,
      key.createdAtSeconds,
      randomBytes(32),
    );
    return key;
  }

  #insertAlias(alias: string, key: LocalKey): void {
    if (this.#count('SELECT count(*) AS n FROM aliases WHERE key_id = ?', key.id) >= MAX_ALIASES_PER_KEY) {
      throw new KmsRefused('LimitExceededException');
    }
    const { changes } = this.#statement(
      'INSERT INTO aliases (region, alias, key_id, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    ).run(key.region, alias, key.id, Date.now() / 1000);
    if (changes === 0) throw new KmsRefused('AlreadyExistsException');
  }

  /** The key of the region by id, undefined when the region has no such key. */
  keyById(region: string, id: string): LocalKey | undefined {
    return this.#read('SELECT id, region, created_at FROM keys WHERE region = ? AND id = ?', region, id).map(toKey)[0];
  }

  keyByAlias(region: string, alias: string): LocalKey | undefined {
    return this.#read(
      `SELECT keys.id, keys.region, keys.created_at FROM aliases JOIN keys ON keys.id = aliases.key_id
       WHERE aliases.region = ? AND aliases.alias = ?`,
      region,
      alias,
    ).map(toKey)[0];
  }

  /** The 32 bytes of a key of the region, undefined when the region has no such key. */
  material(region: string, id: string): Uint8Array | undefined {
    const row = this.#read('SELECT material FROM keys WHERE region = ? AND id = ?', region, id)[0];
    return row?.['material'] as Uint8Array | undefined;
  }

  /** All keys of the region, by id. */
  keys(region: string): LocalKey[] {
    return this.#read('SELECT id, region, created_at FROM keys WHERE region = ? ORDER BY id', region).map(toKey);
  }

  /** All aliases of the region, by name. */
  aliases(region: string): LocalAlias[] {
    return this.#read('SELECT alias, key_id, created_at FROM aliases WHERE region = ? ORDER BY alias', region).map(
      (row) => ({
        alias: row['alias'] as string,
        keyId: row['key_id'] as string,
        createdAtSeconds: row['created_at'] as number,
      }),
    );
  }

  /** All grants of the key, by id. */
  grants(key: LocalKey): LocalGrant[] {
    return this.#read(
      `SELECT grant_id, created_at, grantee, operations, context_subset, name FROM grants
       WHERE key_id = ? ORDER BY grant_id`,
      key.id,
    ).map((row) => ({
      grantId: row['grant_id'] as string,
      createdAtSeconds: row['created_at'] as number,
      granteePrincipal: row['grantee'] as string,
      operations: JSON.parse(row['operations'] as string) as string[],
      contextSubset: JSON.parse(row['context_subset'] as string) as Array<[string, string]>,
      name: row['name'] as string,
    }));
  }

  /** Makes the grant, or finds the equal one, also when several processes make it at once. Returns the grant's id. */
  createGrant(key: LocalKey, terms: GrantTerms): string {
    const identity = [
      key.id,
      terms.granteePrincipal,
      JSON.stringify(terms.operations),
      JSON.stringify(terms.contextSubset),
      terms.name,
    ];
    return this.#change(() => {
      const equal = this.#statement(
        `SELECT grant_id FROM grants
         WHERE key_id = ? AND grantee = ? AND operations = ? AND context_subset = ? AND name = ?`,
      ).get(...identity) as Row | undefined;
      if (equal !== undefined) return equal['grant_id'] as string;
      if (this.#count('SELECT count(*) AS n FROM grants WHERE key_id = ?', key.id) >= MAX_GRANTS_PER_KEY) {
        throw new KmsRefused('LimitExceededException');
      }
      const grantId = randomBytes(32).toString('hex');
      this.#statement(
        `INSERT INTO grants (grant_id, created_at, key_id, grantee, operations, context_subset, name)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ).run(grantId, Date.now() / 1000, ...identity);
      return grantId;
    });
  }

  /** @returns false when the key has no such grant */
  revokeGrant(key: LocalKey, grantId: string): boolean {
    return this.#change(
      () => this.#statement('DELETE FROM grants WHERE key_id = ? AND grant_id = ?').run(key.id, grantId).changes !== 0,
    );
  }

  #statement(sql: string) {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #count(sql: string, ...parameters: string[]): number {
    return (this.#statement(sql).get(...parameters) as { n: number }).n;
  }

  #read(sql: string, ...parameters: string[]): Row[] {
    return available(() => this.#statement(sql).all(...parameters) as Row[]);
  }

  #change<T>(work: () => T): T {
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

const toKey = (row: Row): LocalKey => ({
  id: row['id'] as string,
  region: row['region'] as string,
  createdAtSeconds: row['created_at'] as number,
});

function missing(path: string): LocalFileError {
  return new LocalFileError(
    `the keyring ${path} is gone but there are secrets that only its keys open; put it back from a backup`,
  );
}

function available<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof KmsRefused) throw error;
    throw new KmsUnavailable('LocalKeyringUnavailable', { cause: error });
  }
}
