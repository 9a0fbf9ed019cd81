import { DatabaseSync } from '@photostructure/sqlite';
import type { ExpiringStore } from '../../ports/expiring.js';
import { BackendUnavailable } from '../../ports/unavailable.js';
import { makePrivate } from '../private-database.js';

export interface ExpiringSqliteOptions {
  /** The file, made with mode 0600 when it is missing; its directory must exist. */
  file: string;
  /** How long a call waits, and holds up this process, while another process writes. */
  busyTimeoutMs: number;
  /** Maximum number of entries of each purpose (the part of a key before its colon). */
  maxEntries?: number;
  /** Milliseconds since 1970. */
  now?: () => number;
}

const MAX_ENTRIES = 100_000;
/** Time until the tables must be there: other workers start at the same moment. */
const START_TIMEOUT_MS = 5000;
/** Expired entries are kept this much longer: a clock that was ahead for a moment must not delete them. */
const GRACE_MS = 86_400_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS expiring (
    key TEXT PRIMARY KEY NOT NULL, purpose TEXT NOT NULL, value TEXT NOT NULL, expires_at REAL NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS expiring_by_end ON expiring (purpose, expires_at);
`;

/**
 * An {@link ExpiringStore} in a file, for the processes of one machine: what has ended stays ended after a restart, and
 * exactly one of several racing processes wins. When a purpose has too many entries, `set` drops the one that would
 * expire first, and `add` rejects: otherwise something that may be used once could be used again.
 *
 * Throws an Error that says what to do when the file cannot be opened.
 */
export function openExpiringSqlite(options: ExpiringSqliteOptions): ExpiringStore {
  const { file, busyTimeoutMs, maxEntries = MAX_ENTRIES, now = Date.now } = options;
  makePrivate(file);
  const database = openFile(file, busyTimeoutMs);

  const read = database.prepare('SELECT value FROM expiring WHERE key = ? AND expires_at > ?');
  const count = database.prepare('SELECT count(*) AS entries FROM expiring WHERE purpose = ?');
  const write = database.prepare(
    'INSERT OR REPLACE INTO expiring (key, purpose, value, expires_at) VALUES (?, ?, ?, ?)',
  );
  const dropExpired = database.prepare('DELETE FROM expiring WHERE purpose = ? AND expires_at <= ?');
  const dropFirst = database.prepare(
    'DELETE FROM expiring WHERE key = (SELECT key FROM expiring WHERE purpose = ? ORDER BY expires_at LIMIT 1)',
  );
  const drop = database.prepare('DELETE FROM expiring WHERE key = ?');

  const valueOf = (key: string): string | undefined => (read.get(key, now()) as { value: string } | undefined)?.value;

  const isFull = (purpose: string): boolean => (count.get(purpose) as { entries: number }).entries >= maxEntries;

  /** Writes the entry if `condition` holds, in one transaction. */
  const put = (
    key: string,
    value: string,
    ttlSeconds: number,
    condition: (known: boolean) => boolean,
    full: (purpose: string) => void,
  ) =>
    asPromise(() => {
      database.exec('BEGIN IMMEDIATE');
      try {
        const purpose = key.slice(0, key.indexOf(':') + 1);
        const isKnown = valueOf(key) !== undefined;
        const isPut = condition(isKnown);
        if (isPut) {
          dropExpired.run(purpose, now() - GRACE_MS);
          if (!isKnown && isFull(purpose)) {
            dropExpired.run(purpose, now());
            if (isFull(purpose)) full(purpose);
          }
          write.run(key, purpose, value, now() + ttlSeconds * 1000);
        }
        database.exec('COMMIT');
        return isPut;
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    });
  const forgetFirst = (purpose: string): void => void dropFirst.run(purpose);
  const refuse = (): never => {
    throw new Error('there are too many entries');
  };
  return {
    get: (key) => asPromise(() => valueOf(key)),
    set: async (key, value, ttlSeconds) => {
      await put(key, value, ttlSeconds, () => true, forgetFirst);
    },
    add: (key, value, ttlSeconds) => put(key, value, ttlSeconds, (isKnown) => !isKnown, refuse),
    replace: (key, value, ttlSeconds) => put(key, value, ttlSeconds, (isKnown) => isKnown, refuse),
    delete: async (key) => {
      await asPromise(() => drop.run(key));
    },
    close: () => {
      if (database.isOpen) database.close();
      return Promise.resolve();
    },
  };
}

function openFile(file: string, busyTimeoutMs: number): InstanceType<typeof DatabaseSync> {
  const database = new DatabaseSync(file, { timeout: START_TIMEOUT_MS, defensive: true });
  try {
    // There is no write-ahead log: writes are rare, and processes that start at once would race to switch it on.
    database.exec(`PRAGMA journal_mode = DELETE; BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    return database;
  } catch (error) {
    database.close();
    const advice = 'If you move it away, a new one is made; sessions that were ended early then live until they expire';
    throw new Error(`${file} cannot be used: it is damaged, locked, or not a database. ${advice}`, { cause: error });
  }
}

/** The outcome of `work` as a promise: SQLite returns at once, or waits for the process that writes. */
function asPromise<Answer>(work: () => Answer): Promise<Answer> {
  try {
    return Promise.resolve(work());
  } catch (error) {
    return Promise.reject(new BackendUnavailable('sessions', { cause: error }));
  }
}
