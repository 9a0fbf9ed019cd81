import { randomBytes, randomUUID } from 'node:crypto';
import { KmsRefused } from '@confidant/kmsauth';
import { KeyringFile, type KeyringFileOptions, type Row } from './keyring-file.js';

/** A key without its material. */
export interface KeyringKey {
  /** The uuid. */
  id: string;
  region: string;
  createdAtSeconds: number;
}

/** A key's alias, `alias/name`, unique in its region. */
export interface KeyringAlias {
  alias: string;
  keyId: string;
  createdAtSeconds: number;
}

/** The terms of a grant; two grants with equal terms are one. */
interface GrantTerms {
  granteePrincipal: string;
  /** KMS's names of operations, sorted and without duplicates. */
  operations: readonly string[];
  /** The EncryptionContextSubset constraint, sorted by name; empty when there is none. */
  contextSubset: ReadonlyArray<readonly [name: string, value: string]>;
  /** A label that the caller chooses; empty when there is none. */
  name: string;
}

export interface KeyringGrant extends GrantTerms {
  grantId: string;
  createdAtSeconds: number;
}

/** The aliases of the keys that a new keyring starts with. */
export const FIRST_KEYS = {
  region: 'us-east-1',
  aliases: ['alias/confidant-master', 'alias/confidant-service', 'alias/confidant-user'],
} as const;

const MAX_KEYS = 1_000;
// These are AWS's own limits for the aliases and grants of one key.
const MAX_ALIASES_PER_KEY = 50;
const MAX_GRANTS_PER_KEY = 50_000;

/**
 * The keys, aliases and grants in the keyring's file. Every method reads from the file and keeps nothing in memory,
 * since several processes share it. Every method throws KmsUnavailable when the file cannot be read or written.
 */
export class KeyStore {
  readonly #file: KeyringFile;

  private constructor(file: KeyringFile) {
    this.#file = file;
  }

  /**
   * Opens the file in the data directory as {@link KeyringFile.open} does; a new one starts with {@link FIRST_KEYS}.
   */
  static open(dataDir: string, options: KeyringFileOptions): KeyStore {
    return new KeyStore(
      KeyringFile.open(dataDir, options, (file) => {
        const store = new KeyStore(file);
        for (const alias of FIRST_KEYS.aliases) store.#insertAlias(alias, store.#insertKey(FIRST_KEYS.region));
      }),
    );
  }

  close(): void {
    this.#file.close();
  }

  /** Makes a key, with an alias when one is given. @throws KmsRefused AlreadyExistsException, LimitExceededException */
  createKey(region: string, alias?: string): KeyringKey {
    return this.#file.change(() => {
      const key = this.#insertKey(region);
      if (alias !== undefined) this.#insertAlias(alias, key);
      return key;
    });
  }

  /** @throws KmsRefused AlreadyExistsException, LimitExceededException */
  createAlias(alias: string, key: KeyringKey): void {
    this.#file.change(() => this.#insertAlias(alias, key));
  }

  #insertKey(region: string): KeyringKey {
    if (this.#file.count('SELECT count(*) AS n FROM keys') >= MAX_KEYS) throw new KmsRefused('LimitExceededException');
    const key: KeyringKey = { id: randomUUID(), region, createdAtSeconds: Date.now() / 1000 };
    this.#file
      .statement('INSERT INTO keys (id, region, created_at, material) VALUES (?, ?, ?, ?)')
      .run(key.id, region, key.createdAtSeconds, randomBytes(32));
    return key;
  }

  #insertAlias(alias: string, key: KeyringKey): void {
    if (this.#file.count('SELECT count(*) AS n FROM aliases WHERE key_id = ?', key.id) >= MAX_ALIASES_PER_KEY) {
      throw new KmsRefused('LimitExceededException');
    }
    const { changes } = this.#file
      .statement('INSERT INTO aliases (region, alias, key_id, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING')
      .run(key.region, alias, key.id, Date.now() / 1000);
    if (changes === 0) throw new KmsRefused('AlreadyExistsException');
  }

  /** The key of the region by id, undefined when the region has no such key. */
  keyById(region: string, id: string): KeyringKey | undefined {
    return this.#file
      .read('SELECT id, region, created_at FROM keys WHERE region = ? AND id = ?', region, id)
      .map(toKey)[0];
  }

  keyByAlias(region: string, alias: string): KeyringKey | undefined {
    return this.#file
      .read(
        `SELECT keys.id, keys.region, keys.created_at FROM aliases JOIN keys ON keys.id = aliases.key_id
       WHERE aliases.region = ? AND aliases.alias = ?`,
        region,
        alias,
      )
      .map(toKey)[0];
  }

  /** The 32 bytes of a key of the region, undefined when the region has no such key. */
  material(region: string, id: string): Uint8Array | undefined {
    const row = this.#file.read('SELECT material FROM keys WHERE region = ? AND id = ?', region, id)[0];
    return row?.['material'] as Uint8Array | undefined;
  }

  /** All keys of the region, by id. */
  keys(region: string): KeyringKey[] {
    return this.#file.read('SELECT id, region, created_at FROM keys WHERE region = ? ORDER BY id', region).map(toKey);
  }

  /** All aliases of the region, by name. */
  aliases(region: string): KeyringAlias[] {
    return this.#file
      .read('SELECT alias, key_id, created_at FROM aliases WHERE region = ? ORDER BY alias', region)
      .map((row) => ({
        alias: row['alias'] as string,
        keyId: row['key_id'] as string,
        createdAtSeconds: row['created_at'] as number,
      }));
  }

  /** All grants of the key, by id. */
  grants(key: KeyringKey): KeyringGrant[] {
    return this.#file
      .read(
        `SELECT grant_id, created_at, grantee, operations, context_subset, name FROM grants
       WHERE key_id = ? ORDER BY grant_id`,
        key.id,
      )
      .map((row) => ({
        grantId: row['grant_id'] as string,
        createdAtSeconds: row['created_at'] as number,
        granteePrincipal: row['grantee'] as string,
        operations: JSON.parse(row['operations'] as string) as string[],
        contextSubset: JSON.parse(row['context_subset'] as string) as Array<[string, string]>,
        name: row['name'] as string,
      }));
  }

  /** Makes the grant, or finds an equal one, also when several processes make it at once. Returns its id. */
  createGrant(key: KeyringKey, terms: GrantTerms): string {
    const identity = [
      key.id,
      terms.granteePrincipal,
      JSON.stringify(terms.operations),
      JSON.stringify(terms.contextSubset),
      terms.name,
    ];
    return this.#file.change(() => {
      const equal = this.#file
        .statement(
          `SELECT grant_id FROM grants
         WHERE key_id = ? AND grantee = ? AND operations = ? AND context_subset = ? AND name = ?`,
        )
        .get(...identity) as Row | undefined;
      if (equal !== undefined) return equal['grant_id'] as string;
      if (this.#file.count('SELECT count(*) AS n FROM grants WHERE key_id = ?', key.id) >= MAX_GRANTS_PER_KEY) {
        throw new KmsRefused('LimitExceededException');
      }
      const grantId = randomBytes(32).toString('hex');
      this.#file
        .statement(
          `INSERT INTO grants (grant_id, created_at, key_id, grantee, operations, context_subset, name)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(grantId, Date.now() / 1000, ...identity);
      return grantId;
    });
  }

  /** @returns false when the key has no such grant */
  revokeGrant(key: KeyringKey, grantId: string): boolean {
    return this.#file.change(
      () =>
        this.#file.statement('DELETE FROM grants WHERE key_id = ? AND grant_id = ?').run(key.id, grantId).changes !== 0,
    );
  }
}

const toKey = (row: Row): KeyringKey => ({
  id: row['id'] as string,
  region: row['region'] as string,
  createdAtSeconds: row['created_at'] as number,
});
