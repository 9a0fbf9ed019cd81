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
/** Pause between two pings of an idle connection, which firewalls would forget. */
const PING_INTERVAL_MS = 5000;

/**
 * Redis as {@link ExpiringStore}. While Redis is away the server starts and answers all requests that need no session:
 * every method rejects at once with {@link BackendUnavailable}, and works again as soon as Redis does. A connection on
 * which a response is late is replaced.
 */
export function openRedis(options: RedisOptions): ExpiringStore {
  const { prefix, timeoutMs, onFault } = options;
  let isReported = false;
  const report = (error: Error): void => {
    if (!isReported) onFault(error);
    isReported = true;
  };
  const open = (): RedisClient => connect(options, report, () => (isReported = false));
  let client = open();
  let isClosed = false;

  /** Runs a command. Rejects with BackendUnavailable when there is no response in time. */
  async function run<Answer>(command: (client: RedisClient) => Promise<Answer>): Promise<Answer> {
    const used = client;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const error = new Error('Redis did not answer in time');
        reject(error);
        // Another late command may have replaced the connection already.
        if (isClosed || client !== used) return;
        report(error);
        client = open();
        used.destroy();
      }, timeoutMs);
    });
    try {
      return await Promise.race([command(used), late]);
    } catch (error) {
      throw new BackendUnavailable('redis', { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  const setIf = (condition: 'NX' | 'XX', key: string, value: string, ttlSeconds: number): Promise<boolean> =>
    run(async (redis) => (await redis.set(prefix + key, value, { ...expiring(ttlSeconds), condition })) === 'OK');

  return {
    get: (key) => run(async (redis) => (await redis.get(prefix + key)) ?? undefined),
    set: (key, value, ttlSeconds) =>
      run(async (redis) => void (await redis.set(prefix + key, value, expiring(ttlSeconds)))),
    add: (key, value, ttlSeconds) => setIf('NX', key, value, ttlSeconds),
    replace: (key, value, ttlSeconds) => setIf('XX', key, value, ttlSeconds),
    delete: (key) => run(async (redis) => void (await redis.del(prefix + key))),
    close: () => {
      isClosed = true;
      client.destroy();
      return Promise.resolve();
    },
  };
}

type RedisClient = ReturnType<typeof connect>;

function connect({ url, timeoutMs }: RedisOptions, onError: (error: Error) => void, onReady: () => void) {
  const client = createClient({
    url,
    // RESP 2 is the only protocol of servers before Redis 6, and nothing here needs the newer one.
    RESP: 2,
    // A command that waits for a connection would hold its request for as long as Redis is away.
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    pingInterval: PING_INTERVAL_MS,
    socket: {
      connectTimeout: timeoutMs,
      // Replaces a connection on which not even pings are answered, or the greeting of a new one.
      socketTimeout: PING_INTERVAL_MS + timeoutMs,
      reconnectStrategy: (retries: number) => Math.min(50 * 2 ** Math.min(retries, 10), MAX_RECONNECT_DELAY_MS),
    },
  });
  client.on('error', onError).on('ready', onReady);
  // This rejects only when the client is closed before it ever connected; failures to connect are retried.
  client.connect().catch(() => undefined);
  return client;
}

function expiring(ttlSeconds: number): { expiration: { type: 'EX'; value: number } } {
  return { expiration: { type: 'EX', value: Math.max(1, Math.ceil(ttlSeconds)) } };
}
