import type { Instant } from '../../../domain/instant.js';
import type { Kind, Listed, Records, Service } from '../../../domain/records.js';
import {
  DamagedRow,
  type Found,
  type PageKey,
  type RevisionWrite,
  type ServiceRead,
  type Store,
  type WriteOutcome,
} from '../../../ports/store.js';
import { changedNameOf } from '../decode.js';
import { archiveId, type DataType, dataTypeOf, historyIds, isReserved, mappedIds, type OnDamagedRow } from '../rows.js';
import { columnsOf, listedOf, recordOf, recordsIn } from './columns.js';
import { type Database, openDatabase } from './schema.js';
import { prepareAll } from './statements.js';
import { inTransaction, retryWhileLocked } from './transaction.js';

export interface SqliteOptions {
  /** The database file; its directory must exist. */
  file: string;
  /** How long a write waits for other processes' writes. */
  busyTimeoutMs: number;
  onDamagedRow?: OnDamagedRow;
}

/** Maximum number of ids that one statement looks up. */
const CHUNK = 500;

/**
 * Opens the store of the embedded server: all rows in one SQLite file, shared by any number of processes of a machine.
 *
 * Statements run on the caller's thread, where a read takes some ten microseconds; a write that finds the file locked
 * waits without holding up the event loop. Throws as {@link openDatabase} does.
 */
export function openSqliteStore(options: SqliteOptions): Store {
  return new SqliteStore(openDatabase(options.file, options.busyTimeoutMs), options);
}

class SqliteStore implements Store {
  readonly #database: Database;
  readonly #busyTimeoutMs: number;
  readonly #onDamagedRow: OnDamagedRow;
  readonly #statements;

  constructor(database: Database, options: SqliteOptions) {
    this.#database = database;
    this.#busyTimeoutMs = options.busyTimeoutMs;
    this.#onDamagedRow = options.onDamagedRow ?? (() => undefined);
    this.#statements = prepareAll(database);
  }

  get<K extends Kind>(kind: K, id: string): Promise<Found<K>> {
    return this.#retryWhileLocked(() => {
      if (isReserved(id)) return 'other-kind';
      const row = this.#statements.get.get(id) as StoredRow | undefined;
      if (row === undefined) return 'absent';
      return row[0] === kind ? recordIn(kind, id, row) : 'other-kind';
    });
  }

  async openService(id: string): Promise<ServiceRead> {
    const service = await this.get('service', id);
    return { service, mapped: (kind) => this.getMany(kind, mappedIds(service, kind)) };
  }

  getRevision<K extends Kind>(kind: K, id: string, revision: number): Promise<Records[K] | undefined> {
    return this.#retryWhileLocked(() => {
      const rowId = archiveId(id, revision);
      const row = this.#statements.get.get(rowId) as StoredRow | undefined;
      return row?.[0] === dataTypeOf(kind, true) ? recordIn(kind, rowId, row) : undefined;
    });
  }

  async getRevisions<K extends Kind>(kind: K, id: string, upTo: number): Promise<Records[K][]> {
    const found = await this.#byIds(kind, dataTypeOf(kind, true), historyIds(id, upTo), this.#onDamagedRow);
    return found.sort((a, b) => a.revision - b.revision);
  }

  async getMany<K extends Kind>(kind: K, ids: readonly string[]): Promise<Map<string, Records[K]>> {
    const found = new Map<string, Records[K]>();
    for (const record of await this.#byIds(kind, kind, ids)) found.set(record.id, record);
    return found;
  }

  putRevision<K extends Kind>({ kind, next, expected, decrypted, name }: RevisionWrite<K>): Promise<WriteOutcome> {
    const { current, insert, exists, holder, claim, release } = this.#statements;
    const rowId = archiveId(next.id, next.revision);
    const columns = columnsOf(kind, next);
    return this.#write((): WriteOutcome => {
      const [dataType, revision, decryptedNow] = (current.get(next.id) ?? []) as [string?, number?, (Instant | null)?];
      const isExpected =
        expected === null
          ? dataType === undefined
          : dataType === kind && revision === expected && (decrypted === undefined || decrypted === decryptedNow);
      if (!isExpected || isReserved(next.id)) return { status: 'conflict' };
      if (exists.get(rowId) !== undefined) return { status: 'revision-exists' };
      if (name !== undefined) {
        const [held] = (holder.get(kind, name.claim) ?? []) as [string?];
        const isFree = held === undefined || held === next.id || held === name.takeFrom;
        if (!isFree) return { status: 'name-taken', holder: held };
        claim.run(kind, name.claim, next.id);
        if (name.release !== undefined && name.release !== name.claim) release.run(kind, name.release, next.id);
      }
      insert.run(rowId, dataTypeOf(kind, true), ...columns);
      insert.run(next.id, kind, ...columns);
      return { status: 'ok' };
    });
  }

  list<K extends Kind>(
    kind: K,
    { archived, limit, after }: { archived: boolean; limit?: number; after?: PageKey },
  ): Promise<{ rows: Listed[K][]; next: PageKey | null }> {
    const dataType = dataTypeOf(kind, archived);
    const most = limit === undefined ? -1 : limit + 1;
    return this.#retryWhileLocked(() => {
      const { list, listAfter } = this.#statements;
      const found = (
        after === undefined ? list.all(dataType, most) : listAfter.all(dataType, after.modifiedDate, after.id, most)
      ) as [id: string, modifiedDate: Instant, body: string, lastDecryptedDate: string | null][];
      const page = limit === undefined ? found : found.slice(0, limit);
      const last = page.at(-1);
      return {
        rows: this.#readable(page, ([id, , body, lastDecryptedDate]) =>
          listedOf(kind, { id, isArchived: archived, body, lastDecryptedDate }),
        ),
        next: last !== undefined && found.length > page.length ? { id: last[0], modifiedDate: last[1] } : null,
      };
    });
  }

  changedServices(since: Instant | null): Promise<Service[]> {
    return this.#retryWhileLocked(() => {
      const found = this.#statements.changed.all('service', since ?? '') as [id: string, body: string][];
      return this.#readable(found, ([id, body]) =>
        listedOf('service', { id, isArchived: false, body, lastDecryptedDate: null }),
      );
    });
  }

  changedNames(
    kind: 'credential' | 'blind-credential',
    since: Instant | null,
  ): Promise<{ id: string; name: string; modifiedDate: Instant }[]> {
    return this.#retryWhileLocked(() => {
      const found = this.#statements.changedNames.all(kind, since ?? '') as [string, string | null, string][];
      return this.#readable(found, ([id, name, date]) => changedNameOf(id, name, date));
    });
  }

  setLastDecrypted(id: string, revision: number, date: Instant): Promise<boolean> {
    const { setLastDecrypted } = this.#statements;
    return this.#write(() => {
      if (setLastDecrypted.run(date, id, 'credential', revision).changes === 0) return false;
      setLastDecrypted.run(date, archiveId(id, revision), 'archive-credential', revision);
      return true;
    });
  }

  async ping(): Promise<void> {
    await this.#retryWhileLocked(() => this.#statements.get.get(''));
  }

  close(): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
    return Promise.resolve();
  }

  /** Records under these row ids. A damaged one rejects, or goes to `onDamaged` when that is given. */
  async #byIds<K extends Kind>(
    kind: K,
    dataType: DataType,
    ids: readonly string[],
    onDamaged?: OnDamagedRow,
  ): Promise<Records[K][]> {
    const found: Records[K][] = [];
    for (let at = 0; at < ids.length; at += CHUNK) {
      const chunk = ids.length <= CHUNK ? ids : ids.slice(at, at + CHUNK);
      const records = await this.#retryWhileLocked(() => this.#chunk(kind, dataType, chunk, onDamaged));
      for (const record of records) found.push(record);
    }
    return found;
  }

  #chunk<K extends Kind>(kind: K, dataType: DataType, ids: readonly string[], onDamaged?: OnDamagedRow): Records[K][] {
    // All rows come as one JSON text: passing each value into JavaScript on its own costs more than parsing it.
    const [text] = this.#statements.getMany.get(JSON.stringify(ids), dataType) as [string | null];
    if (text === null) return [];
    try {
      return recordsIn(kind, dataType !== kind, JSON.parse(text) as unknown[][]);
    } catch {
      return this.#oneByOne(kind, dataType, ids, onDamaged);
    }
  }

  /** Reads the rows one by one, which is slower but finds the damaged one. */
  #oneByOne<K extends Kind>(
    kind: K,
    dataType: DataType,
    ids: readonly string[],
    onDamaged?: OnDamagedRow,
  ): Records[K][] {
    const rows = [...new Set(ids)].map((id) => [id, this.#statements.get.get(id) as StoredRow | undefined] as const);
    const wanted = rows.filter((row): row is [string, StoredRow] => row[1]?.[0] === dataType);
    const decode = ([id, row]: readonly [string, StoredRow]): Records[K] => recordIn(kind, id, row);
    return onDamaged === undefined ? wanted.map(decode) : this.#readable(wanted, decode);
  }

  /** Decodes rows, leaving out and reporting the damaged ones. */
  #readable<Row, T>(rows: readonly Row[], decode: (row: Row) => T): T[] {
    const readable: T[] = [];
    for (const row of rows) {
      try {
        readable.push(decode(row));
      } catch (error) {
        if (!(error instanceof DamagedRow)) throw error;
        this.#onDamagedRow({ id: error.id, problem: error.problem });
      }
    }
    return readable;
  }

  #write<T>(work: () => T): Promise<T> {
    return inTransaction(this.#database, this.#busyTimeoutMs, work);
  }

  #retryWhileLocked<T>(work: () => T): Promise<T> {
    return retryWhileLocked(this.#busyTimeoutMs, work);
  }
}

type StoredRow = [dataType: string, body: string, sealed: string | null, lastDecryptedDate: string | null];

function recordIn<K extends Kind>(
  kind: K,
  id: string,
  [dataType, body, sealed, lastDecryptedDate]: StoredRow,
): Records[K] {
  return recordOf(kind, { id, isArchived: dataType !== kind, body, sealed, lastDecryptedDate });
}
