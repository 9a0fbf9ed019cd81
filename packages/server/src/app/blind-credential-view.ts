import type { BlindCiphertext, BlindCredential, BlindCredentialMetadata } from '../domain/records.js';

/** The part of a blind credential that a caller may see. */
export interface BlindCredentialView {
  credential: BlindCredentialMetadata;
  /** Undefined if the caller may not see the ciphertext and its data keys, or did not request them. */
  ciphertext: BlindCiphertext | undefined;
}

/** @param visible whether the caller may see the ciphertext */
export function blindCredentialView(
  { credentialPairs, dataKey, ...credential }: BlindCredential,
  visible: boolean,
): BlindCredentialView {
  return { credential, ciphertext: visible ? { credentialPairs, dataKey } : undefined };
}
