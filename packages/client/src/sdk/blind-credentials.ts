import { isPlainObject } from '@confidant/contract/wire';
import type { BlindCredentialBody, MappedBlindCredentialBody } from '@confidant/contract';
import type { BlindValue, EncryptionContext, KmsLike } from '@confidant/kmsauth';
import { shownSource } from '../text/variables.js';

type AnyBlindCredential = Pick<
  BlindCredentialBody | MappedBlindCredentialBody,
  'id' | 'name' | 'credential_pairs' | 'data_key' | 'metadata' | 'cipher_type' | 'cipher_version'
>;

/** A blind credential cannot be decrypted or created. The message contains no value. */
export class BlindCredentialError extends Error {
  override readonly name = 'BlindCredentialError';
}

/**
 * Decrypts a region's copy of a blind credential. Rejects with {@link BlindCredentialError} if KMS refuses, the region
 * has no copy or the cipher is unknown; with KmsUnavailable if KMS is unavailable.
 */
export async function openBlindCredential(
  credential: AnyBlindCredential,
  region: string,
  kmsFor: (region: string) => KmsLike,
): Promise<Record<string, BlindValue>> {
  const { cipher_type: cipherType, cipher_version: cipherVersion } = credential;
  const what = `blind credential ${shownSource(credential)}`;
  if (cipherType !== 'fernet' || cipherVersion !== 2) {
    throw new BlindCredentialError(`${what} has cipher ${cipherType} version ${cipherVersion}, not fernet version 2`);
  }
  const { decryptBlind } = await import('@confidant/kmsauth');
  try {
    return await decryptBlind({
      credential_pairs: credential.credential_pairs,
      data_key: credential.data_key,
      contexts: contextsOf(credential.metadata),
      region,
      kmsFor,
    });
  } catch (error) {
    if (!(error instanceof Error) || !['RangeError', 'FernetError', 'KmsRefused'].includes(error.name)) throw error;
    throw new BlindCredentialError(`${what} cannot be decrypted in ${region}: ${error.message}`, { cause: error });
  }
}

/** Returns the encryption contexts by region from a blind credential's metadata (`context`), without malformed ones. */
export function contextsOf(metadata: Record<string, unknown>): Record<string, EncryptionContext> {
  const contexts = metadata['context'];
  if (!isPlainObject(contexts)) return {};
  const usable = Object.entries(contexts).filter((entry): entry is [string, EncryptionContext] => isTextMap(entry[1]));
  return Object.fromEntries(usable);
}

function isTextMap(value: unknown): value is Record<string, string> {
  return isPlainObject(value) && Object.values(value).every((text) => typeof text === 'string');
}
