import type { Instant } from '../../../domain/instant.js';
import { type Archive, DamagedRow, type RestoreOutcome } from '../../../ports/store.js';
import { everyRevisionId } from '../rows.js';
import { recordOf } from './columns.js';
import { type Database, openDatabase } from './schema.js';
import type { SqliteOptions } from './store.js';
import { inTransaction, retryWhileLocked } from './transaction.js';

const COLUMNS = 'id, data_type, revision, modified_date, name, last_decrypted_date, body, sealed';

/**
 * Opens the archive in a second table of the embedded server's database file. A move is one transaction, so no move is
 * ever left to finish. Throws as {@link openDatabase} does.
 */
export function openSqliteArchive(options: Pick<SqliteOptions, 'file' | 'busyTimeoutMs'>): Archive {
  return new SqliteArchive(openDatabase(options.file, options.busyTimeoutMs), options.busyTimeoutMs);
}

class SqliteArchive implements Archive {
  #ready: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly busyTimeoutMs: number,
  ) {}

  mappings(): Promise<Map<string, string[]>> {
    return this.#run(() => {
      const mapped = new Map<string, string[]>();
      for (const [id, body] of this.#all("SELECT id, body FROM rows WHERE data_type = 'service' ORDER BY id")) {
        // A service that cannot be read may map anything, so a list without it is not used for decisions.
        const service = recordOf('service', { id: id!, isArchived: false, body: body!, lastDecryptedDate: null });
        for (const credential of service.credentials) {
          mapped.set(credential, [...(mapped.get(credential) ?? []), id!]);
        }
      }
      return mapped;
    });
  }

  move(id: string, revision: number, date: Instant): Promise<'ok' | 'conflict'> {
    return this.#run(() => {
      const [current] = this.#all(
        "SELECT id FROM rows WHERE id = ? AND data_type = 'credential' AND revision = ?",
        id,
        revision,
      );
      if (current === undefined) return 'conflict';
      const revisions = JSON.stringify(everyRevisionId(id, revision));
      const moved = `((id = ? AND data_type = 'credential')
        OR (id IN (SELECT value FROM json_each(?)) AND data_type = 'archive-credential'))`;
      const copied = this.database
        .prepare(
          `INSERT OR REPLACE INTO archived_rows (${COLUMNS}, archive_date) SELECT ${COLUMNS}, ? FROM rows WHERE ${moved}`,
        )
        .run(date, id, revisions).changes;
      const [different] = this.#all(
        `SELECT id FROM (SELECT ${COLUMNS} FROM rows WHERE ${moved} EXCEPT SELECT ${COLUMNS} FROM archived_rows)`,
        id,
        revisions,
      );
      if (different !== undefined) throw new DamagedRow(different[0]!, 'its copy in the archive is not the same');
      const deleted = this.database.prepare(`DELETE FROM rows WHERE ${moved}`).run(id, revisions).changes;
      if (deleted !== copied) throw new DamagedRow(id, 'not all of its rows were copied');
      this.database.prepare("DELETE FROM names WHERE kind = 'credential' AND holder = ?").run(id);
      return 'ok';
    });
  }

  finish(): Promise<boolean> {
    return Promise.resolve(false);
  }

  ids(): Promise<string[]> {
    return this.#run(() =>
      this.#all("SELECT id FROM archived_rows WHERE data_type = 'credential' ORDER BY modified_date, id").map(
        ([id]) => id!,
      ),
    );
  }

  nameOf(id: string): Promise<string | undefined> {
    return this.#run(() => this.#archived(id)?.name);
  }

  missing(id: string): Promise<string[]> {
    return this.#run(() => this.#missing(id));
  }

  restore(id: string, takeFrom?: string): Promise<RestoreOutcome> {
    return this.#run((): RestoreOutcome => {
      const missing = this.#missing(id);
      if (missing.includes(id)) {
        const { name } = this.#archived(id)!;
        const [holder] = this.#all("SELECT holder FROM names WHERE kind = 'credential' AND name = ?", name)[0] ?? [];
        if (holder !== undefined && holder !== id && holder !== takeFrom) return { status: 'name-taken', holder };
        this.database
          .prepare("INSERT OR REPLACE INTO names (kind, name, holder) VALUES ('credential', ?, ?)")
          .run(name, id);
      }
      this.database
        .prepare(
          `INSERT INTO rows (${COLUMNS}) SELECT ${COLUMNS} FROM archived_rows
           WHERE id IN (SELECT value FROM json_each(?))`,
        )
        .run(JSON.stringify(missing));
      return { status: 'ok' };
    });
  }

  close(): Promise<void> {
    if (this.database.isOpen) this.database.close();
    return Promise.resolve();
  }

  #archived(id: string): { name: string; revision: number } | undefined {
    const [row] = this.#all("SELECT name, revision FROM archived_rows WHERE id = ? AND data_type = 'credential'", id);
    return row && { name: row[0] ?? '', revision: Number(row[1]) };
  }

  #missing(id: string): string[] {
    const archived = this.#archived(id);
    if (archived === undefined) return [];
    return this.#all(
      `SELECT id FROM archived_rows
       WHERE (id = ? OR (id IN (SELECT value FROM json_each(?)) AND data_type = 'archive-credential'))
         AND NOT EXISTS (SELECT 1 FROM rows WHERE rows.id = archived_rows.id)
       ORDER BY data_type DESC, revision`,
      id,
      JSON.stringify(everyRevisionId(id, archived.revision)),
    ).map(([rowId]) => rowId!);
  }

  #all(sql: string, ...values: (string | number)[]): string[][] {
    return this.database.prepare(sql).all(...values) as string[][];
  }

  async #run<T>(work: () => T): Promise<T> {
    // The first use makes the table: most data directories never need it.
    this.#ready ??= retryWhileLocked(this.busyTimeoutMs, () =>
      this.database.exec(`
        CREATE TABLE IF NOT EXISTS archived_rows (
          id TEXT PRIMARY KEY NOT NULL,
          data_type TEXT NOT NULL,
          revision INTEGER NOT NULL,
          modified_date TEXT,
          name TEXT,
          last_decrypted_date TEXT,
          body TEXT NOT NULL,
          sealed TEXT,
          archive_date TEXT NOT NULL
        ) STRICT`),
    ).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    await this.#ready;
    return inTransaction(this.database, this.busyTimeoutMs, work);
  }
}
