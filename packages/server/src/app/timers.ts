import type { Records } from '../domain/records.js';
import type { App } from './app.js';

/** Runs `work` and reports how long it took, failures too. compat: the names are the original's statsd timers. */
export function timed<Result>(app: Pick<App, 'metrics'>, name: string, work: () => Promise<Result>): Promise<Result> {
  return app.metrics.isOff === true ? work() : measured(app, name, work);
}

async function measured<Result>(app: Pick<App, 'metrics'>, name: string, work: () => Promise<Result>): Promise<Result> {
  const startedAt = performance.now();
  try {
    return await work();
  } finally {
    app.metrics.timing(name, performance.now() - startedAt);
  }
}

const BATCH_TIMERS = {
  credential: 'service_batch_get_credentials',
  'blind-credential': 'service_batch_get_blind_credentials',
} as const;

/**
 * Reads rows by id in one batch, and nothing when there are no ids. `read` replaces the read from the store when rows
 * may be at hand already.
 */
export async function readMany<K extends keyof typeof BATCH_TIMERS>(
  app: App,
  kind: K,
  ids: readonly string[],
  read: () => Promise<Map<string, Records[K]>> = () => app.store.getMany(kind, ids),
): Promise<Map<string, Records[K]>> {
  if (ids.length === 0) return new Map();
  return timed(app, BATCH_TIMERS[kind], read);
}
