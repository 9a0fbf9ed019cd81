import { LRUCache } from 'lru-cache';
import { decodeBase64 } from './base64.js';
import { FernetError, FernetKey } from './fernet.js';
import type { EncryptionContext, KmsLike } from './kms.js';

/** For metrics: 2 calls of KMS for a key made, 1 for a key decrypted. */
export interface DataKeyEvent {
  kind: 'counter';
  name: 'at_rest_action';
  count: 1 | 2;
}

export interface DataKeysOptions {
  kms: KmsLike;
  /** The key data keys are wrapped under: alias, id or ARN. */
  masterKey: string;
  /** How many opened keys are remembered; 0: none. */
  cacheSize: number;
  cacheTtlMs: number;
  /** Milliseconds of the epoch. */
  now?: () => number;
  onEvent?: (event: DataKeyEvent) => void;
}

// KMS ciphertexts have at most 6144 bytes.
const MAX_WRAPPED_LENGTH = 8192;

/**
 * Data keys, wrapped by KMS: 32 random bytes of KMS as Fernet key text, and that text encrypted under the master key
 * with the encryption context of what the key is for.
 */
export class DataKeys {
  readonly #options: DataKeysOptions;
  readonly #now: () => number;
  readonly #cache: LRUCache<string, { key: FernetKey; expiresAt: number }> | undefined;
  readonly #underway = new Map<string, Promise<FernetKey>>();

  constructor(options: DataKeysOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    if (options.cacheSize > 0) this.#cache = new LRUCache({ max: options.cacheSize });
  }

  /** A new data key, and its wrapped form: base64 text of the KMS ciphertext. Rejects as KmsLike does. */
  async create(context: EncryptionContext): Promise<{ key: FernetKey; wrapped: string }> {
    const { kms, masterKey } = this.#options;
    const text = FernetKey.generateText(await kms.generateRandom(32));
    const { ciphertext } = await kms.encrypt({ keyId: masterKey, plaintext: Buffer.from(text), context });
    this.#options.onEvent?.({ kind: 'counter', name: 'at_rest_action', count: 2 });
    return { key: FernetKey.parse(text), wrapped: Buffer.from(ciphertext).toString('base64') };
  }

  /**
   * The data key inside `wrapped`. Rejects as KmsLike.decrypt does, notably with KmsRefused when it was wrapped for
   * another context, and with FernetError when it is not base64 or holds no Fernet key. Only successes are remembered.
   */
  async open(wrapped: string, context: EncryptionContext): Promise<FernetKey> {
    const id = cacheId(wrapped, context);
    const known = this.#cache?.get(id);
    if (known !== undefined && this.#now() < known.expiresAt) return known.key;
    let opening = this.#underway.get(id);
    if (opening === undefined) {
      opening = this.#open(wrapped, context)
        .then((key) => {
          this.#cache?.set(id, { key, expiresAt: this.#now() + this.#options.cacheTtlMs });
          return key;
        })
        .finally(() => this.#underway.delete(id));
      this.#underway.set(id, opening);
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

/** compat: the original remembered keys by ciphertext alone, and so a hit skipped the context's check by KMS. */
function cacheId(wrapped: string, context: EncryptionContext): string {
  const entries = Object.entries(context);
  const [only] = entries;
  // The usual case, ten times in a fetch: lengths keep the parts apart.
  if (only !== undefined && entries.length === 1)
    return `${wrapped.length}:${only[0].length}:${wrapped}${only[0]}${only[1]}`;
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([wrapped, entries]);
}
