import type { Log } from './terminal/log.js';

/** The module that writes the lines of --log-level debug; undefined, and not loaded, at other levels. */
export async function loadDebug(log: Log): Promise<typeof import('./debug.js') | undefined> {
  return log.isDebug ? import('./debug.js') : undefined;
}
