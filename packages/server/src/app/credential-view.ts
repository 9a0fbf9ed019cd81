import type { Pairs } from '../domain/pairs.js';
import type { Credential, CredentialMetadata } from '../domain/records.js';

/** What the caller may do with the thing shown, for clients that hide buttons. */
export type Permissions = Record<string, boolean>;

/** What a caller may see of a credential. compat: keys are shown to everybody who sees its metadata. */
export interface VisibleCredential {
  credential: CredentialMetadata;
  keys: string[];
  /** Undefined: the caller may not see the values, or did not ask for them. */
  pairs: Pairs | undefined;
}

/** The same with what the caller may do. */
export interface CredentialView extends VisibleCredential {
  permissions: Permissions;
}

/** @param visible whether the caller may see the values */
export function visibleCredential(credential: Credential, pairs: Pairs, visible: boolean): VisibleCredential {
  return {
    credential: withoutCiphertext(credential),
    keys: Object.keys(pairs),
    pairs: visible ? pairs : undefined,
  };
}

export function withoutCiphertext({ sealed: _sealed, ...metadata }: Credential): CredentialMetadata {
  return metadata;
}
