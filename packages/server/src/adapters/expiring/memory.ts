import { LRUCache } from 'lru-cache';
import type { ExpiringStore } from '../../ports/expiring.js';
import { BackendUnavailable } from '../../ports/unavailable.js';

/** Maximum number of entries of each purpose: about 30 MB. */
const MAX_ENTRIES = 100_000;

/** An entry in the form that the workers of this machine pass to each other. */
export interface SharedEntry {
  key: string;
  value: string;
  ttlSeconds: number;
}

/** The entries that all workers have shared, kept for workers that start later. When full, the oldest is dropped. */
export function knownEntries(maxEntries = 3 * MAX_ENTRIES): { keep(entry: SharedEntry): void; all(): SharedEntry[] } {
  const entries = new LRUCache<string, string>({ max: maxEntries });
  return {
    keep: ({ key, value, ttlSeconds }) => void entries.set(key, value, { ttl: Math.max(1, ttlSeconds * 1000) }),
    all: () =>
      [...entries.entries()].map(([key, value]) => ({ key, value, ttlSeconds: entries.getRemainingTTL(key) / 1000 })),
  };
}

/**
 * An {@link ExpiringStore} in this process. Each purpose (the part of a key before its colon) has a memory of its own,
 * so that none crowds out another. When one is full, `set` drops the least recently used entry, and `add` rejects:
 * otherwise something that may be used once could be used again.
 *
 * `share` passes new entries on to the machine's other workers, and `learn` takes theirs. That takes a moment, so
 * racing workers can both win an `add`; use Redis where this matters.
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
