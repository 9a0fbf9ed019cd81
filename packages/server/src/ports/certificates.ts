/** A request for a certificate, signed by its own key. */
export interface SigningRequest {
  pem: string;
  commonName: string;
  /** DNS names as they are, others with their kind in front: `ip:10.0.0.1`, `email:…`, `uri:…`. */
  alternativeNames: readonly string[];
  /** The attributes of the subject beside the CN by their usual short names; undefined text cannot be compared. */
  otherAttributes: readonly { name: string; text: string | undefined }[];
}

/** A certificate and its chain, as PEM. */
export interface IssuedCertificate {
  certificate: string;
  /** The certificates of the issuer and of those above it. */
  chain: string;
}

/** A certificate with the private key that was made for it, which only the caller may see. */
export interface IssuedKeyPair extends IssuedCertificate {
  key: string;
}

/** The description of a CA that callers get. */
export interface CertificateAuthorityDescription {
  ca: string;
  certificate: string | null;
  chain: string | null;
  /** Null when this kind of CA has no tags. */
  tags: Readonly<Record<string, string>> | null;
}

/**
 * Issues certificates to names that were authorized before. Every method rejects with BackendUnavailable when the CA
 * gives no usable response in time, and with a Refusal when it declines the request itself. A validity is in whole days
 * from now, and within `maxValidityDays`.
 */
export interface CertificateAuthority {
  readonly name: string;
  readonly maxValidityDays: number;
  /** The attributes beside the CN that subjects of this CA may have, by their usual short names. */
  readonly subject: Readonly<Record<string, string>>;
  describe(): Promise<CertificateAuthorityDescription>;
  issue(request: SigningRequest, validityDays: number): Promise<IssuedCertificate>;
  /** Makes the key too. Requests for the same names on the same day may be given the same key and certificate. */
  issueWithKey(commonName: string, dnsNames: readonly string[], validityDays: number): Promise<IssuedKeyPair>;
}

/** The certificate authorities of the settings, by name. */
export interface CertificateAuthorities {
  /** All authorities, in the order of the settings. */
  list(): readonly CertificateAuthority[];
  get(name: string): CertificateAuthority | undefined;
  /** Checks the signature; throws a Refusal that says what is wrong with the request. */
  readRequest(pem: string): SigningRequest;
}
