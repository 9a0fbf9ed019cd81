import { BadDer, DerReader, readOid, TAG } from './der.js';

/** Object identifiers of what certificates and signing requests hold. */
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

/** Signature algorithms by object identifier: the digest (null where the algorithm brings its own) and the key. */
export const SIGNATURES: Readonly<Record<string, { digest: string | null; keyType: string }>> = {
  [OID.sha256WithRsa]: { digest: 'sha256', keyType: 'rsa' },
  [OID.sha384WithRsa]: { digest: 'sha384', keyType: 'rsa' },
  [OID.sha512WithRsa]: { digest: 'sha512', keyType: 'rsa' },
  [OID.ecdsaWithSha256]: { digest: 'sha256', keyType: 'ec' },
  [OID.ecdsaWithSha384]: { digest: 'sha384', keyType: 'ec' },
  [OID.ecdsaWithSha512]: { digest: 'sha512', keyType: 'ec' },
  [OID.ed25519]: { digest: null, keyType: 'ed25519' },
};

/** How keys on a curve sign. */
export const CURVE_SIGNATURES: Readonly<Record<string, string>> = {
  prime256v1: OID.ecdsaWithSha256,
  secp384r1: OID.ecdsaWithSha384,
  secp521r1: OID.ecdsaWithSha512,
};

export interface Extension {
  id: string;
  value: Buffer;
}

/** Extensions, of a certificate or asked for by a request. */
export function readExtensions(holder: DerReader): Extension[] {
  const list = holder.enter(TAG.sequence);
  const extensions: Extension[] = [];
  while (!list.atEnd) {
    const item = list.enter(TAG.sequence);
    const id = readOid(item.next(TAG.oid).content);
    const critical = item.optional(TAG.boolean);
    if (critical !== undefined && critical.content.length !== 1) throw new BadDer('a boolean of several octets');
    extensions.push({ id, value: item.next(TAG.octetString).content });
    item.end();
  }
  return extensions;
}

/** The octets of the key in a SubjectPublicKeyInfo. Throws {@link BadDer} when they are not whole octets. */
export function keyBitsOf(spki: Buffer): Buffer {
  const outer = new DerReader(spki);
  const info = outer.enter(TAG.sequence);
  outer.end();
  info.next(TAG.sequence);
  const bits = bitsOf(info.next(TAG.bitString).content);
  info.end();
  return bits;
}

/** The octets of a bit string without unused bits. */
export function bitsOf(content: Buffer): Buffer {
  if (content[0] !== 0) throw new BadDer('expected whole octets');
  return content.subarray(1);
}
