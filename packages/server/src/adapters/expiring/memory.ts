import { LRUCache } from 'lru-cache';
import type { ExpiringStore } from '../../ports/expiring.js';
import { BackendUnavailable } from '../../ports/unavailable.js';

/** Of each purpose: about 30 MB at most. */
const MAX_ENTRIES = 100_000;

/** An entry as it is told to the other workers of this machine. */
export interface SharedEntry {
  key: string;
  value: string;
  ttlSeconds: number;
}

/** What all workers have told each other, kept for those that start later. When full, the oldest is forgotten. */
export function knownEntries(maxEntries = 3 * MAX_ENTRIES): { keep(entry: SharedEntry): void; all(): SharedEntry[] } {
  const told = new LRUCache<string, string>({ max: maxEntries });
  return {
    keep: ({ key, value, ttlSeconds }) => void told.set(key, value, { ttl: Math.max(1, ttlSeconds * 1000) }),
    all: () =>
      [...told.entries()].map(([key, value]) => ({ key, value, ttlSeconds: told.getRemainingTTL(key) / 1000 })),
  };
}

/**
 * An {@link ExpiringStore} in this process. Each purpose, which is what a key says before its colon, has a memory of its
 * own, so that none is forgotten over another. When one is full, `set` forgets what was used longest ago, and `add`
 * rejects: what was used once would otherwise count again.
 *
 * `share` passes new entries on to the machine's other workers; what they
 * pass on comes back through `learn`. That takes a moment, so racing workers can both win an `add`: Redis is for those
 * who need more.
 */
export function expiringMemory(
  share: (entry: SharedEntry) => void = () => undefined,
  maxEntries = MAX_ENTRIES,
): ExpiringStore & { learn(entry: SharedEntry): void } {
  const purposes = new Map<string, LRUCache<string, string>>();
  const memoryOf = (key: string): LRUCache<string, string> => {
    const purpose = key.slice(0, key.indexOf(':') + 1);
    let memory = purposes.get(purpose);
    if (memory === undefined) purposes.set(purpose, (memory = new LRUCache({ max: maxEntries })));
    return memory;
  };
  const put = ({ key, value, ttlSeconds }: SharedEntry): void => {
    memoryOf(key).set(key, value, { ttl: Math.max(1, ttlSeconds * 1000) });
  };
  return {
    get: (key) => Promise.resolve(memoryOf(key).get(key)),
    set: (key, value, ttlSeconds) => {
      put({ key, value, ttlSeconds });
      share({ key, value, ttlSeconds });
      return Promise.resolve();
    },
    add: (key, value, ttlSeconds) => {
      const memory = memoryOf(key);
      if (memory.has(key)) return Promise.resolve(false);
      if (memory.size >= maxEntries) memory.purgeStale();
      if (memory.size >= maxEntries) return Promise.reject(new BackendUnavailable('memory'));
      put({ key, value, ttlSeconds });
      share({ key, value, ttlSeconds });
      return Promise.resolve(true);
    },
    replace: (key, value, ttlSeconds) => {
      if (!memoryOf(key).has(key)) return Promise.resolve(false);
      put({ key, value, ttlSeconds });
      share({ key, value, ttlSeconds });
      return Promise.resolve(true);
    },
    delete: (key) => {
      memoryOf(key).delete(key);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
    learn: put,
  };
}
