import type { Pairs } from '../domain/pairs.js';
import type { SealedPairs } from '../domain/records.js';

/**
 * Seals and opens the pairs of a credential. `id` is the credential's id without revision: it is bound to the
 * ciphertext, so pairs moved to another credential do not open.
 */
export interface Sealer {
  seal(id: string, pairs: Pairs): Promise<SealedPairs>;
  /** Rejects with BackendUnavailable when KMS is out of reach, with {@link Unreadable} when it refuses. */
  open(id: string, sealed: SealedPairs): Promise<Pairs>;
}

/** A stored credential cannot be decrypted: wrong key, damaged or moved ciphertext. Names no value. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}
