import { LRUCache } from 'lru-cache';
import type { ExpiringStore } from '../ports.js';

/** About 30 MB at most. Beyond, what was used longest ago is forgotten. */
const MAX_ENTRIES = 100_000;

/** An entry as it is told to the other workers of this machine. */
export interface SharedEntry {
  key: string;
  value: string;
  ttlSeconds: number;
}

/**
 * An {@link ExpiringStore} in this process. `share` passes new entries on to the machine's other workers; what they
 * pass on comes back through `learn`. That takes a moment, so racing workers can both win an `add`: Redis is for those
 * who need more.
 */
export function expiringMemory(share: (entry: SharedEntry) => void = () => undefined): ExpiringStore & {
  learn(entry: SharedEntry): void;
} {
  const entries = new LRUCache<string, string>({ max: MAX_ENTRIES });
  const put = ({ key, value, ttlSeconds }: SharedEntry): void => {
    entries.set(key, value, { ttl: Math.max(1, ttlSeconds * 1000) });
  };
  return {
    get: (key) => Promise.resolve(entries.get(key)),
    set: (key, value, ttlSeconds) => {
      put({ key, value, ttlSeconds });
      share({ key, value, ttlSeconds });
      return Promise.resolve();
    },
    add: (key, value, ttlSeconds) => {
      if (entries.has(key)) return Promise.resolve(false);
      put({ key, value, ttlSeconds });
      share({ key, value, ttlSeconds });
      return Promise.resolve(true);
    },
    replace: (key, value, ttlSeconds) => {
      if (!entries.has(key)) return Promise.resolve(false);
      put({ key, value, ttlSeconds });
      share({ key, value, ttlSeconds });
      return Promise.resolve(true);
    },
    delete: (key) => {
      entries.delete(key);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
    learn: put,
  };
}
