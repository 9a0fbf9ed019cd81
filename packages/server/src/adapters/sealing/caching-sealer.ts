import { LRUCache } from 'lru-cache';
import type { Pairs } from '../../domain/pairs.js';
import type { SealedPairs } from '../../domain/records.js';
import type { Sealer } from '../../ports/sealer.js';

/**
 * A sealer that caches for a short while what it opened: the fetches of a fleet open the same few ciphertexts over and
 * over, which is the largest part of their cost. The cache exposes nothing that the data keys in memory could not open
 * anyway, and drops it sooner.
 *
 * An entry is used only for the same id, data key and version: the same ciphertext under another id goes to the sealer,
 * which refuses it. Failures are not cached. The cache is bounded by entries and by characters of ciphertext.
 */
export function cachingSealer(
  sealer: Sealer,
  options: { entries: number; ttlMs: number; maxCharacters: number },
): Sealer {
  if (options.entries === 0 || options.ttlMs === 0) return sealer;
  const opened = new LRUCache<string, { id: string; sealed: SealedPairs; pairs: Pairs }>({
    max: options.entries,
    ttl: options.ttlMs,
    maxSize: options.maxCharacters,
    sizeCalculation: (_entry, token) => token.length,
  });
  return {
    seal: (id, pairs) => sealer.seal(id, pairs),
    open(id, sealed) {
      // A token is unique to its sealing, so it is the key; the other fields are compared.
      const known = opened.get(sealed.token);
      const isSame =
        known?.id === id &&
        known.sealed.dataKey === sealed.dataKey &&
        known.sealed.cipherVersion === sealed.cipherVersion;
      if (isSame) return Promise.resolve(known.pairs);
      return sealer.open(id, sealed).then((pairs) => {
        opened.set(sealed.token, { id, sealed, pairs: Object.freeze(pairs) });
        return pairs;
      });
    },
  };
}
