import type { GrantShape } from '../domain/grants.js';

/** The IAM roles that services are named after, and that grants are made to. */
export interface Roles {
  /** All names, sorted. Rejects with BackendUnavailable while no complete list is known; a list is never partial. */
  list(): Promise<string[]>;
  /**
   * The role's ARN; undefined when the role does not exist. Rejects with BackendUnavailable when that cannot be
   * determined.
   */
  arnOf(name: string): Promise<string | undefined>;
  close(): void;
}

/** A grant on the key of services. */
export interface AuthGrant extends GrantShape {
  id: string;
  /** ARN of the role that the grant is made to. */
  principal: string;
}

/** Grants on the key of services. Methods reject with BackendUnavailable and {@link GrantRefused}. */
export interface AuthKeyGrants {
  list(): Promise<AuthGrant[]>;
  listOf(principal: string): Promise<AuthGrant[]>;
  create(grant: Omit<AuthGrant, 'id'>): Promise<void>;
  /** Also resolves when the grant is already gone. */
  revoke(id: string): Promise<void>;
}

/** KMS refused the request. `code` is KMS's error name. */
export class GrantRefused extends Error {
  override readonly name = 'GrantRefused';
  constructor(
    readonly code: string,
    options?: ErrorOptions,
  ) {
    super(`KMS refused (${code})`, options);
  }
}
