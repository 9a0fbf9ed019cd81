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

/** Maximum number of regions whose copies are tried: each may wait for a region of AWS that does not answer. */
const MAX_REGIONS = 8;

/**
 * Decrypts a blind credential: the copy of `region` if there is one, then those of the other regions, until one opens.
 * Rejects with {@link BlindCredentialError} if KMS refuses in all of them, there is no copy or the cipher is unknown;
 * with KmsUnavailable if KMS is unavailable in one of them and none opens.
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
  const { credential_pairs, data_key } = credential;
  const contexts = contextsOf(credential.metadata);
  const failures: { region: string; error: Error }[] = [];
  for (const copy of regionsOf(credential, contexts, region)) {
    try {
      return await decryptBlind({ credential_pairs, data_key, contexts, region: copy, kmsFor });
    } catch (error) {
      if (!(error instanceof Error) || !TRY_NEXT.has(error.name)) throw error;
      failures.push({ region: copy, error });
    }
  }
  const unavailable = failures.find(({ error }) => error.name === 'KmsUnavailable');
  if (unavailable !== undefined) throw unavailable.error;
  const reasons = failures.map((failure) => `in ${failure.region}: ${failure.error.message}`).join('; ');
  throw new BlindCredentialError(`${what} cannot be decrypted ${reasons}`, { cause: failures[0]?.error });
}

/** Names of errors after which the copy of another region may still open. */
const TRY_NEXT = new Set(['RangeError', 'FernetError', 'KmsRefused', 'KmsUnavailable']);

/** The regions with a whole copy of a blind credential, `first` first; `first` alone if there is none. */
function regionsOf(
  { credential_pairs, data_key }: Pick<AnyBlindCredential, 'credential_pairs' | 'data_key'>,
  contexts: Record<string, EncryptionContext>,
  first: string,
): string[] {
  const isWhole = (region: string): boolean =>
    [credential_pairs, data_key, contexts].every((part) => Object.hasOwn(part, region));
  const others = Object.keys(data_key).filter((region) => region !== first && isWhole(region));
  return isWhole(first) || others.length === 0
    ? [first, ...others].slice(0, MAX_REGIONS)
    : others.slice(0, MAX_REGIONS);
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
