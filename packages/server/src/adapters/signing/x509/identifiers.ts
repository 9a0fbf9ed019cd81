/** The object identifiers in certificates and signing requests. */
export const OID = {
  commonName: '2.5.4.3',
  countryName: '2.5.4.6',
  localityName: '2.5.4.7',
  stateOrProvinceName: '2.5.4.8',
  organizationName: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  extensionRequest: '1.2.840.113549.1.9.14',
  microsoftExtensionRequest: '1.3.6.1.4.1.311.2.1.14',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  sha384WithRsa: '1.2.840.113549.1.1.12',
  sha512WithRsa: '1.2.840.113549.1.1.13',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  ecdsaWithSha512: '1.2.840.10045.4.3.4',
  ed25519: '1.3.101.112',
} as const;

/** The usual short names of attributes of a subject, by object identifier. */
export const ATTRIBUTE_NAMES: Readonly<Record<string, string>> = {
  [OID.countryName]: 'C',
  [OID.localityName]: 'L',
  [OID.stateOrProvinceName]: 'ST',
  [OID.organizationName]: 'O',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.9': 'street',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.42': 'GN',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
};

/** Signature algorithms by object identifier: the digest (null when the algorithm has its own) and the type of key. */
export const SIGNATURES: Readonly<Record<string, { digest: string | null; keyType: string }>> = {
  [OID.sha256WithRsa]: { digest: 'sha256', keyType: 'rsa' },
  [OID.sha384WithRsa]: { digest: 'sha384', keyType: 'rsa' },
  [OID.sha512WithRsa]: { digest: 'sha512', keyType: 'rsa' },
  [OID.ecdsaWithSha256]: { digest: 'sha256', keyType: 'ec' },
  [OID.ecdsaWithSha384]: { digest: 'sha384', keyType: 'ec' },
  [OID.ecdsaWithSha512]: { digest: 'sha512', keyType: 'ec' },
  [OID.ed25519]: { digest: null, keyType: 'ed25519' },
};

/** The signature algorithms of keys, by curve. */
export const CURVE_SIGNATURES: Readonly<Record<string, string>> = {
  prime256v1: OID.ecdsaWithSha256,
  secp384r1: OID.ecdsaWithSha384,
  secp521r1: OID.ecdsaWithSha512,
};
