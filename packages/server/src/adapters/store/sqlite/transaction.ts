import { setTimeout as sleep } from 'node:timers/promises';
import { BackendUnavailable } from '../../../ports/unavailable.js';
import { type Database, isBusy } from './schema.js';

const MAX_PAUSE_MS = 20;

/** Runs `work` as one transaction, while no other process writes. Waits and fails as {@link retryWhileLocked}. */
export function inTransaction<T>(database: Database, busyTimeoutMs: number, work: () => T): Promise<T> {
  return retryWhileLocked(busyTimeoutMs, () => {
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  });
}

/**
 * Runs `work` again while another process holds the lock, without holding up the event loop. Rejects with
 * {@link BackendUnavailable} when the time is over, or SQLite fails in another way.
 */
export async function retryWhileLocked<T>(busyTimeoutMs: number, work: () => T): Promise<T> {
  let deadline: number | undefined;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw isFromSqlite(error) ? new BackendUnavailable('sqlite', { cause: error }) : error;
      deadline ??= performance.now() + busyTimeoutMs;
      if (performance.now() >= deadline) throw new BackendUnavailable('sqlite', { cause: error });
    }
    await sleep(1 + Math.random() * MAX_PAUSE_MS);
  }
}

function isFromSqlite(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^ERR_(SQLITE_ERROR|INVALID_STATE)$/.test(String(error.code));
}
