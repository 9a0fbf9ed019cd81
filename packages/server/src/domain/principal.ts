/** The authenticated caller. */
export interface Principal {
  /** A person's e-mail or token name, or a service's IAM role name. */
  name: string;
  type: 'user' | 'service';
  /** The account of the key that made a service's token; null if the key has none, and for people. */
  account: string | null;
  /** Groups from the login provider; empty for tokens. */
  groups: readonly string[];
  /** How the caller authenticated, for the audit log. */
  authenticatedBy: 'kms-token' | 'session' | 'header' | 'none';
}
