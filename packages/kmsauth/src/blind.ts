import { DataKeys } from './datakey.js';
import { FernetError } from './fernet.js';
import type { EncryptionContext, KmsLike } from './kms.js';
import { isPlainObject } from './plain-object.js';

/** The secret part of a blind credential as the server stores it: one independent copy of the pairs per region. */
export interface BlindPairs {
  /** Region to Fernet token of the JSON text of the pairs. */
  credential_pairs: Record<string, string>;
  /** Region to base64 of the KMS ciphertext of the Fernet key's text. */
  data_key: Record<string, string>;
}

/** Usually text; older clients stored other scalars, which are returned as they are. */
export type BlindValue = string | number | boolean | null;

export interface EncryptBlindRequest {
  pairs: Readonly<Record<string, string>>;
  /** The regions to encrypt for, each with the KMS key that wraps its data key. */
  keys: Readonly<Record<string, string>>;
  /** Region to encryption context; one for every region of `keys`. */
  contexts: Readonly<Record<string, EncryptionContext>>;
  kmsFor: (region: string) => KmsLike;
}

/**
 * Encrypts pairs so that the server never sees them, with a separate data key for every region: cipher type `fernet`,
 * cipher version 2. Rejects with RangeError when `keys` is empty or a region has no context, otherwise as KmsLike does.
 */
export async function encryptBlind({ pairs, keys, contexts, kmsFor }: EncryptBlindRequest): Promise<BlindPairs> {
  const regions = Object.entries(keys);
  if (regions.length === 0) throw new RangeError('blind encryption needs the key of at least one region');
  const plaintext = Buffer.from(JSON.stringify(pairs));
  const sealed = await Promise.all(
    regions.map(async ([region, masterKey]) => {
      const { key, wrapped } = await dataKeysOf(kmsFor(region), masterKey).create(contextOf(contexts, region));
      return { region, token: key.encrypt(plaintext), wrapped };
    }),
  );
  return {
    credential_pairs: Object.fromEntries(sealed.map(({ region, token }) => [region, token])),
    data_key: Object.fromEntries(sealed.map(({ region, wrapped }) => [region, wrapped])),
  };
}

export interface DecryptBlindRequest extends Readonly<BlindPairs> {
  /** Region to encryption context, as the credential's metadata keeps it under `context`. */
  contexts: Readonly<Record<string, EncryptionContext>>;
  /** The region whose copy is opened. */
  region: string;
  kmsFor: (region: string) => KmsLike;
}

/**
 * Decrypts the pairs of a blind credential. Integers that a JavaScript number cannot hold exactly are returned as text.
 * Rejects with RangeError when the region lacks a part, with FernetError when the parts do not belong together or
 * hold no pairs, else as KmsLike does.
 */
export async function decryptBlind(request: DecryptBlindRequest): Promise<Record<string, BlindValue>> {
  const { credential_pairs, data_key, contexts, region, kmsFor } = request;
  const token = Object.hasOwn(credential_pairs, region) ? credential_pairs[region] : undefined;
  const wrapped = Object.hasOwn(data_key, region) ? data_key[region] : undefined;
  if (token === undefined || wrapped === undefined) throw new RangeError(`nothing is encrypted for region ${region}`);
  const key = await dataKeysOf(kmsFor(region), '').open(wrapped, contextOf(contexts, region));
  return parsePairs(Buffer.from(key.decrypt(token)).toString('utf8'));
}

/** Data keys without a cache, because each call creates or opens only one. */
function dataKeysOf(kms: KmsLike, masterKey: string): DataKeys {
  return new DataKeys({ kms, masterKey, cacheSize: 0, cacheTtlMs: 0 });
}

function contextOf(contexts: DecryptBlindRequest['contexts'], region: string): EncryptionContext {
  const context = Object.hasOwn(contexts, region) ? contexts[region] : undefined;
  if (context === undefined) throw new RangeError(`there is no encryption context for region ${region}`);
  return context;
}

const JSON_STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

function parsePairs(text: string): Record<string, BlindValue> {
  const lossless = text.replace(JSON_STRING_OR_NUMBER, (part) =>
    /^-?\d+$/.test(part) && !Number.isSafeInteger(Number(part)) ? `"${part}"` : part,
  );
  let pairs: unknown;
  try {
    pairs = JSON.parse(lossless);
  } catch {
    // The parser's message would quote the secret.
  }
  if (!isPlainObject(pairs) || !Object.values(pairs).every(isScalar)) {
    throw new FernetError('the token does not hold credential pairs');
  }
  return pairs as Record<string, BlindValue>;
}

function isScalar(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
