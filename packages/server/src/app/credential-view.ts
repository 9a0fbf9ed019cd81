import type { Pairs } from '../domain/pairs.js';
import type { Credential, CredentialMetadata } from '../domain/records.js';

/** The actions that the caller may perform on a resource, for clients that hide buttons. */
export type Permissions = Record<string, boolean>;

/** The part of a credential that a caller may see. compat: everyone who sees its metadata sees its keys. */
export interface VisibleCredential {
  credential: CredentialMetadata;
  keys: string[];
  /** Undefined if the caller may not see the values, or did not request them. */
  pairs: Pairs | undefined;
}

/** The same, with the caller's permissions. */
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
