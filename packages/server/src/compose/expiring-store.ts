import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Settings } from '../config/server-settings.js';
import type { ExpiringStore } from '../ports/expiring.js';
import { openSharedMemory } from './workers.js';

/** How long a lock of the sessions' database is waited for: its holders write one row. */
const BUSY_TIMEOUT_MS = 500;

/**
 * Opens the store of sessions and used codes: Redis where it is set, a file in the embedded server, otherwise the memory
 * of this process, which the workers of a machine share. Only the library in use is loaded.
 */
export async function openExpiringStore(settings: Settings, logger: Logger): Promise<ExpiringStore> {
  if (settings.REDIS_URL_FLASK_SESSIONS !== '') {
    const { openRedis } = await import('../adapters/expiring/redis.js');
    return openRedis({
      url: settings.REDIS_URL_FLASK_SESSIONS,
      prefix: settings.SESSION_KEY_PREFIX,
      timeoutMs: settings.REDIS_SOCKET_TIMEOUT * 1000,
      onFault: (error) => logger.error({ err: error }, 'Redis is out of reach: sessions are refused until it is back'),
    });
  }
  if (settings.kind === 'embedded') {
    const { openExpiringSqlite } = await import('../adapters/expiring/sqlite.js');
    const file = join(settings.CONFIDANT_DATA_DIR, 'sessions.db');
    return openExpiringSqlite({ file, busyTimeoutMs: BUSY_TIMEOUT_MS });
  }
  return openSharedMemory();
}
