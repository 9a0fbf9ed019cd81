import { createClient } from '@redis/client';
import type { ExpiringStore } from '../../ports/expiring.js';
import { BackendUnavailable } from '../../ports/unavailable.js';

export interface RedisOptions {
  /** `redis://` or `rediss://`, with user, password and database. */
  url: string;
  /** The prefix of every key. */
  prefix: string;
  /** Time limit for connecting, and for each response. */
  timeoutMs: number;
  /** Called when the connection breaks or cannot be made: once, until it works again. */
  onFault: (error: Error) => void;
}

/** Maximum number of commands that wait for a response; with more, Redis does not keep up and they would time out. */
const MAX_WAITING = 10_000;
const MAX_RECONNECT_DELAY_MS = 2000;

/**
 * Redis as {@link ExpiringStore}. While Redis is away the server starts and answers all requests that need no session:
 * every method rejects at once with {@link BackendUnavailable}, and works again as soon as Redis does.
 */
export function openRedis(options: RedisOptions): ExpiringStore {
  const { url, prefix, timeoutMs, onFault } = options;
  const client = createClient({
    url,
    // RESP 2 is the only protocol of servers before Redis 6, and nothing here needs the newer one.
    RESP: 2,
    // A command that waits for a connection would hold its request for as long as Redis is away.
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    socket: {
      connectTimeout: timeoutMs,
      reconnectStrategy: (retries: number) => Math.min(50 * 2 ** Math.min(retries, 10), MAX_RECONNECT_DELAY_MS),
    },
  });
  let isReported = false;
  client.on('error', (error: Error) => {
    if (!isReported) onFault(error);
    isReported = true;
  });
  client.on('ready', () => {
    isReported = false;
  });
  // This rejects only when the client is closed before it ever connected; failures to connect are retried.
  client.connect().catch(() => undefined);

  const setIf = async (condition: 'NX' | 'XX', key: string, value: string, ttlSeconds: number): Promise<boolean> =>
    (await withTimeout(client.set(prefix + key, value, { ...expiring(ttlSeconds), condition }), timeoutMs)) === 'OK';

  return {
    get: async (key) => (await withTimeout(client.get(prefix + key), timeoutMs)) ?? undefined,
    set: async (key, value, ttlSeconds) => {
      await withTimeout(client.set(prefix + key, value, expiring(ttlSeconds)), timeoutMs);
    },
    add: (key, value, ttlSeconds) => setIf('NX', key, value, ttlSeconds),
    replace: (key, value, ttlSeconds) => setIf('XX', key, value, ttlSeconds),
    delete: async (key) => {
      await withTimeout(client.del(prefix + key), timeoutMs);
    },
    close: async () => {
      client.destroy();
      return Promise.resolve();
    },
  };
}

function expiring(ttlSeconds: number): { expiration: { type: 'EX'; value: number } } {
  return { expiration: { type: 'EX', value: Math.max(1, Math.ceil(ttlSeconds)) } };
}

/**
 * Limits the time for a response. The client's own time-out ends when a command is written, so a Redis that accepts
 * commands and never responds would hang.
 */
async function withTimeout<Answer>(command: Promise<Answer>, timeoutMs: number): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), timeoutMs);
  });
  try {
    return await Promise.race([command, late]);
  } catch (error) {
    throw new BackendUnavailable('redis', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
