import { type KeyObject, sign } from 'node:crypto';
import * as asn from './der.js';
import { CURVE_SIGNATURES, OID, SIGNATURES } from './identifiers.js';

/**
 * The digest and the AlgorithmIdentifier (DER) of a key's signatures. Throws {@link asn.BadDer} for keys of a kind that
 * cannot sign certificates.
 */
export function algorithmOf(key: KeyObject): { digest: string | null; identifier: Buffer } {
  const id =
    key.asymmetricKeyType === 'rsa'
      ? OID.sha256WithRsa
      : key.asymmetricKeyType === 'ed25519'
        ? OID.ed25519
        : CURVE_SIGNATURES[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (id === undefined) throw new asn.BadDer('a key of this kind cannot sign certificates');
  const { digest, keyType } = SIGNATURES[id]!;
  // RSA's identifiers carry NULL parameters, the others none.
  const parameters = keyType === 'rsa' ? [asn.der(asn.TAG.null)] : [];
  return { digest, identifier: asn.sequence(asn.oid(id), ...parameters) };
}

/** The signed form of certificates and requests: body, algorithm, signature. Signing happens on another thread. */
export async function signed(body: Buffer, key: KeyObject): Promise<Buffer> {
  const { digest, identifier } = algorithmOf(key);
  const signature = await new Promise<Buffer>((resolve, reject) => {
    sign(digest, body, key, (error, result) => (error ? reject(error) : resolve(result)));
  });
  return asn.sequence(body, identifier, asn.bitString(signature));
}

/** PEM with lines of 64 characters. */
export function pemOf(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
