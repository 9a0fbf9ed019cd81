import type { BlindCiphertext, BlindCredential, BlindCredentialMetadata } from '../domain/records.js';

/** What a caller may see of a blind credential. */
export interface BlindCredentialView {
  credential: BlindCredentialMetadata;
  /** Undefined: the caller may not see the ciphertext and its data keys, or did not ask for them. */
  ciphertext: BlindCiphertext | undefined;
}

/** @param visible whether the caller may see the ciphertext */
export function blindCredentialView(
  { credentialPairs, dataKey, ...credential }: BlindCredential,
  visible: boolean,
): BlindCredentialView {
  return { credential, ciphertext: visible ? { credentialPairs, dataKey } : undefined };
}
