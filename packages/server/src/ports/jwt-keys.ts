/** A public key as RFC 7517 writes it. */
export interface PublicKey {
  e: string;
  alg: 'RS256';
  kty: 'RSA';
  kid: string;
  n: string;
}

/** Keys that sign JWTs, by environment. */
export interface SigningKeys {
  /** The key that signs now; undefined when the environment is unknown or has none. */
  active(
    environment: string,
  ): { kid: string; sign(claims: Readonly<Record<string, unknown>>): Promise<string> } | undefined;
  /** Every key of the environment that a token may be signed with; undefined when it is unknown. */
  published(environment: string): readonly PublicKey[] | undefined;
}
