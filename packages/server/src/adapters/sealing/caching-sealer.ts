import { LRUCache } from 'lru-cache';
import type { Pairs } from '../../domain/pairs.js';
import type { SealedPairs } from '../../domain/records.js';
import type { Sealer } from '../../ports/sealer.js';

/**
 * A sealer that remembers for a short while what it opened: the fetches of a fleet open the same few ciphertexts over
 * and over, and that is the largest part of their cost. It remembers less than the data keys in memory could open
 * anyway, and forgets it sooner.
 *
 * Keyed by everything that decides the outcome: another id with the same ciphertext is another question, which the
 * sealer answers (it is refused). Failures are not remembered. Bounded by entries and by characters of ciphertext.
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
      // The token is unique to its sealing: a lookup by it is exact, and the rest is compared.
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
