import type { GrantShape } from '../domain/grants.js';

/** The IAM roles that services are named after, and that grants are made to. */
export interface Roles {
  /** All names, sorted. Rejects with BackendUnavailable while no complete list is known, never with a part. */
  list(): Promise<string[]>;
  /** Undefined: there is no such role. Rejects with BackendUnavailable when that cannot be told. */
  arnOf(name: string): Promise<string | undefined>;
  close(): void;
}

/** A grant on the key of services. */
export interface AuthGrant extends GrantShape {
  id: string;
  /** ARN of the role it is made to. */
  principal: string;
}

/** Grants on the key of services. Methods reject with BackendUnavailable and {@link GrantRefused}. */
export interface AuthKeyGrants {
  list(): Promise<AuthGrant[]>;
  listOf(principal: string): Promise<AuthGrant[]>;
  create(grant: Omit<AuthGrant, 'id'>): Promise<void>;
  /** Resolves too when the grant is gone already. */
  revoke(id: string): Promise<void>;
}

/** KMS answered and would not. `code` is KMS's error name. */
export class GrantRefused extends Error {
  override readonly name = 'GrantRefused';
  constructor(
    readonly code: string,
    options?: ErrorOptions,
  ) {
    super(`KMS refused (${code})`, options);
  }
}
