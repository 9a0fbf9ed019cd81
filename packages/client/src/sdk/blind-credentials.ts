import { isPlainObject } from '@confidant/contract/wire';
import type { BlindCredentialBody, MappedBlindCredentialBody } from '@confidant/contract';
import type { BlindValue, EncryptionContext, KmsLike } from '@confidant/kmsauth';
import { shownSource } from '../text/variables.js';

type AnyBlindCredential = Pick<
  BlindCredentialBody | MappedBlindCredentialBody,
  'id' | 'name' | 'credential_pairs' | 'data_key' | 'metadata' | 'cipher_type' | 'cipher_version'
>;

/** A blind credential can not be opened, or not be made as asked. Holds no value. */
export class BlindCredentialError extends Error {
  override readonly name = 'BlindCredentialError';
}

/**
 * Opens the copy of a region. Rejects with {@link BlindCredentialError} naming the credential when KMS refuses, the
 * region has no copy or the cipher is another one; with KmsUnavailable when KMS does not answer.
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
    throw new BlindCredentialError(`${what} can not be decrypted in ${region}: ${error.message}`, { cause: error });
  }
}

/** The encryption contexts by region that a blind credential's metadata keeps under `context`; others are left out. */
export function contextsOf(metadata: Record<string, unknown>): Record<string, EncryptionContext> {
  const contexts = metadata['context'];
  if (!isPlainObject(contexts)) return {};
  const usable = Object.entries(contexts).filter((entry): entry is [string, EncryptionContext] => isTextMap(entry[1]));
  return Object.fromEntries(usable);
}

function isTextMap(value: unknown): value is Record<string, string> {
  return isPlainObject(value) && Object.values(value).every((text) => typeof text === 'string');
}
