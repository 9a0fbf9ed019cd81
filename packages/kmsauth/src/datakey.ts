import { LRUCache } from 'lru-cache';
import { decodeBase64 } from './base64.js';
import { FernetError, FernetKey } from './fernet.js';
import type { EncryptionContext, KmsLike } from './kms.js';

/** An event for metrics: the number of calls to KMS, 2 to create a key and 1 to decrypt one. */
export interface DataKeyEvent {
  kind: 'counter';
  name: 'at_rest_action';
  count: 1 | 2;
}

export interface DataKeysOptions {
  kms: KmsLike;
  /** The key that wraps data keys: alias, id or ARN. */
  masterKey: string;
  /** Maximum number of opened keys in the cache; 0 turns the cache off. */
  cacheSize: number;
  cacheTtlMs: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
  onEvent?: (event: DataKeyEvent) => void;
}

// KMS ciphertexts have at most 6144 bytes.
const MAX_WRAPPED_LENGTH = 8192;

/**
 * Creates and opens data keys wrapped by KMS. A data key is 32 random bytes from KMS, written as a Fernet key; its
 * wrapped form is that text encrypted under the master key, with the encryption context of what the key is for.
 */
export class DataKeys {
  readonly #options: DataKeysOptions;
  readonly #now: () => number;
  readonly #cache: LRUCache<string, { key: FernetKey; expiresAt: number }> | undefined;
  readonly #pending = new Map<string, Promise<FernetKey>>();

  constructor(options: DataKeysOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    if (options.cacheSize > 0) this.#cache = new LRUCache({ max: options.cacheSize });
  }

  /** Creates a data key. `wrapped` is the KMS ciphertext in base64. Rejects as KmsLike does. */
  async create(context: EncryptionContext): Promise<{ key: FernetKey; wrapped: string }> {
    const { kms, masterKey } = this.#options;
    const text = FernetKey.generateText(await kms.generateRandom(32));
    const { ciphertext } = await kms.encrypt({ keyId: masterKey, plaintext: Buffer.from(text), context });
    this.#options.onEvent?.({ kind: 'counter', name: 'at_rest_action', count: 2 });
    return { key: FernetKey.parse(text), wrapped: Buffer.from(ciphertext).toString('base64') };
  }

  /**
   * Opens the data key in `wrapped`. Rejects as KmsLike.decrypt does, notably with KmsRefused when it was wrapped for
   * another context, and with FernetError when it is not base64 or not a Fernet key. Only successes are cached.
   */
  async open(wrapped: string, context: EncryptionContext): Promise<FernetKey> {
    const id = cacheId(wrapped, context);
    const known = this.#cache?.get(id);
    if (known !== undefined && this.#now() < known.expiresAt) return known.key;
    let opening = this.#pending.get(id);
    if (opening === undefined) {
      opening = this.#open(wrapped, context)
        .then((key) => {
          this.#cache?.set(id, { key, expiresAt: this.#now() + this.#options.cacheTtlMs });
          return key;
        })
        .finally(() => this.#pending.delete(id));
      this.#pending.set(id, opening);
    }
    return opening;
  }

  async #open(wrapped: string, context: EncryptionContext): Promise<FernetKey> {
    const ciphertext = decodeBase64(wrapped, MAX_WRAPPED_LENGTH);
    if (ciphertext === undefined) throw new FernetError('the data key is not base64');
    this.#options.onEvent?.({ kind: 'counter', name: 'at_rest_action', count: 1 });
    const { plaintext } = await this.#options.kms.decrypt({ ciphertext, context });
    return FernetKey.parse(Buffer.from(plaintext).toString('latin1'));
  }
}

/** compat: the original cached keys by ciphertext alone, so a cache hit skipped KMS's check of the context. */
function cacheId(wrapped: string, context: EncryptionContext): string {
  const entries = Object.entries(context);
  const [only] = entries;
  // A short cut for the usual case, which occurs ten times per fetch. The lengths keep the parts apart.
  if (only !== undefined && entries.length === 1)
    return `${wrapped.length}:${only[0].length}:${wrapped}${only[0]}${only[1]}`;
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([wrapped, entries]);
}
