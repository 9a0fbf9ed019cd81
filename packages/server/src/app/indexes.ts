import { addDays, type Instant } from '../domain/instant.js';
import type { Service } from '../domain/records.js';
import type { Store } from '../ports/store.js';

/**
 * How far back a refresh looks beyond what was seen. compat: servers of the original write modified_date in their
 * local time, labelled UTC: rows may appear up to 14 hours in the past, plus an hour for clocks and index lag.
 */
const OVERLAP_DAYS = -15 / 24;

/**
 * Rows of one kind in memory, kept current by reading what changed. A refresh costs what changed lately, not what
 * exists. Deleted rows stay: callers that need certainty read the row itself.
 */
class ChangeIndex<Row> {
  readonly #rows = new Map<string, Row>();
  readonly #byKey = new Map<string, Set<string>>();
  #newest: Instant | null = null;
  #running: Promise<void> | undefined;
  #queued: Promise<void> | undefined;

  constructor(
    private readonly load: (since: Instant | null) => Promise<Row[]>,
    private readonly describe: (row: Row) => { id: string; date: Instant | null; order: number; keys: string[] },
  ) {}

  /** Reads everything that was written before the call. Concurrent callers share one read. */
  refresh(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#read().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    // The current read may have begun before a write that this caller must see. One more read serves all callers that
    // wait.
    this.#queued ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#queued = undefined;
        return this.refresh();
      });
    return this.#queued;
  }

  async #read(): Promise<void> {
    for (const row of await this.load(this.#newest === null ? null : addDays(this.#newest, OVERLAP_DAYS))) {
      this.put(row);
    }
  }

  put(row: Row): void {
    const { id, date, order, keys } = this.describe(row);
    const known = this.#rows.get(id);
    if (known !== undefined) {
      const before = this.describe(known);
      if (before.order > order) return;
      for (const key of before.keys) {
        this.#byKey.get(key)?.delete(id);
        if (this.#byKey.get(key)?.size === 0) this.#byKey.delete(key);
      }
    }
    this.#rows.set(id, row);
    for (const key of keys) {
      const ids = this.#byKey.get(key) ?? new Set();
      this.#byKey.set(key, ids.add(id));
    }
    if (date !== null && (this.#newest === null || date > this.#newest)) this.#newest = date;
  }

  having(key: string): Row[] {
    return [...(this.#byKey.get(key) ?? [])].map((id) => this.#rows.get(id)!);
  }
}

/** Finds the services that map a credential without reading all services. */
export class ServiceIndex {
  readonly #index: ChangeIndex<Service>;

  constructor(store: Store) {
    this.#index = new ChangeIndex<Service>(
      (since) => store.changedServices(since),
      (service) => ({
        id: service.id,
        date: service.modifiedDate,
        order: service.revision,
        keys: [
          ...service.credentials.map((id) => `credential ${id}`),
          ...service.blindCredentials.map((id) => `blind-credential ${id}`),
        ],
      }),
    );
  }

  /**
   * The services that map a credential, by id. Writes that the store's index does not show yet are missing, except
   * those of this process.
   */
  async mapping(kind: 'credential' | 'blind-credential', id: string): Promise<Service[]> {
    await this.#index.refresh();
    return this.#index.having(`${kind} ${id}`).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Adds a service that this process wrote, without waiting until the store's index shows it. */
  written(service: Service): void {
    this.#index.put(service);
  }
}

/** Finds the credentials that have a name. The result may include some that no longer have it. */
export class NameIndex {
  readonly #indexes: Record<
    'credential' | 'blind-credential',
    ChangeIndex<{ id: string; name: string; modifiedDate: Instant }>
  >;

  constructor(store: Store) {
    const index = (kind: 'credential' | 'blind-credential') =>
      new ChangeIndex(
        (since: Instant | null) => store.changedNames(kind, since),
        (row: { id: string; name: string; modifiedDate: Instant }) => ({
          id: row.id,
          date: row.modifiedDate,
          // Later writes of a row carry a later date, except across servers in other time zones: the last read wins.
          order: 0,
          keys: [row.name],
        }),
      );
    this.#indexes = { credential: index('credential'), 'blind-credential': index('blind-credential') };
  }

  async withName(kind: 'credential' | 'blind-credential', name: string): Promise<string[]> {
    await this.#indexes[kind].refresh();
    return this.#indexes[kind]
      .having(name)
      .map((row) => row.id)
      .sort();
  }
}
