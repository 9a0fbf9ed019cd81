import { createHash, type KeyObject, randomBytes, type X509Certificate } from 'node:crypto';
import { microsecondsOf } from '../../../domain/instant.js';
import type { Clock } from '../../../ports/clock.js';
import * as asn from './der.js';
import { OID } from './identifiers.js';
import { algorithmOf, pemOf, signed } from './sign.js';
import type { RequestParts } from './signing-request.js';
import { extension, keyBitsOf, readExtensions } from './structures.js';

/** Certificates are valid from this long ago, because the clocks of clients differ a little from ours. */
const BACKDATED_MS = 60_000;

export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

/** The period from a minute ago until `days` from now. */
export function validityFrom(clock: Clock, days: number): Validity {
  const now = microsecondsOf(clock.now()) / 1000;
  return { notBefore: new Date(now - BACKDATED_MS), notAfter: new Date(now + days * 86_400_000) };
}

/** The issuer of certificates: its key, and the name and key identifier that certificates point at. */
export interface Issuer {
  key: KeyObject;
  /** The issuer's Name, as DER. */
  name: Buffer;
  /** The subject key identifier of its certificate, when it has one. */
  keyIdentifier: Buffer | undefined;
}

/** The issuer that a CA's certificate describes. Throws {@link asn.BadDer}. */
export function issuerOf(certificate: X509Certificate, key: KeyObject): Issuer {
  const body = new asn.DerReader(certificate.raw).enter(asn.TAG.sequence).enter(asn.TAG.sequence);
  body.optional(asn.contextTag(0, true));
  body.next(asn.TAG.integer);
  body.next(asn.TAG.sequence);
  body.next(asn.TAG.sequence);
  body.next(asn.TAG.sequence);
  const name = body.next(asn.TAG.sequence).whole;
  body.next(asn.TAG.sequence);
  body.optional(asn.contextTag(1, false));
  body.optional(asn.contextTag(2, false));
  const extensions = body.optional(asn.contextTag(3, true));
  const identifier =
    extensions &&
    readExtensions(new asn.DerReader(extensions.content)).find(({ id }) => id === OID.subjectKeyIdentifier)?.value;
  return { key, name, keyIdentifier: identifier && new asn.DerReader(identifier).next(asn.TAG.octetString).content };
}

/**
 * Makes a certificate for TLS servers and clients, PEM. Only the subject, the key and the alternative names are taken
 * from the request: anything else that it asks for is ignored.
 */
export function certify(issuer: Issuer, request: Certifiable, validity: Validity): Promise<string> {
  const { keyIdentifier } = issuer;
  return signCertificate(issuer, request, validity, [
    extension(OID.basicConstraints, true, asn.sequence()),
    ...alternativeNamesOf(request),
    // The first and third bit are digitalSignature and keyEncipherment; five bits are unused.
    extension(OID.keyUsage, true, asn.der(asn.TAG.bitString, Buffer.from([5, 0b1010_0000]))),
    extension(OID.extendedKeyUsage, false, asn.sequence(asn.oid(OID.serverAuth), asn.oid(OID.clientAuth))),
    extension(OID.subjectKeyIdentifier, false, asn.der(asn.TAG.octetString, keyIdentifierOf(request.publicKey))),
    ...(keyIdentifier
      ? [extension(OID.authorityKeyIdentifier, false, asn.sequence(asn.der(asn.contextTag(0, false), keyIdentifier)))]
      : []),
  ]);
}

/**
 * Makes a certificate that its own key signs, PEM. compat: it has no limits on its use, or it could not sign itself.
 */
export function certifyItself(key: KeyObject, request: Certifiable, validity: Validity): Promise<string> {
  return signCertificate({ key, name: request.subject }, request, validity, [
    ...alternativeNamesOf(request),
    extension(OID.subjectKeyIdentifier, false, asn.der(asn.TAG.octetString, keyIdentifierOf(request.publicKey))),
  ]);
}

type Certifiable = Pick<RequestParts, 'subject' | 'publicKey' | 'alternativeNamesDer'>;

function alternativeNamesOf({ alternativeNamesDer: names }: Certifiable): Buffer[] {
  return names === undefined ? [] : [extension(OID.subjectAltName, false, names)];
}

async function signCertificate(
  issuer: Pick<Issuer, 'key' | 'name'>,
  request: Certifiable,
  validity: Validity,
  extensions: readonly Buffer[],
): Promise<string> {
  const body = asn.sequence(
    asn.der(asn.contextTag(0, true), asn.der(asn.TAG.integer, Buffer.from([2]))),
    asn.positiveInteger(randomBytes(16)),
    algorithmOf(issuer.key).identifier,
    issuer.name,
    asn.sequence(asn.time(validity.notBefore), asn.time(validity.notAfter)),
    request.subject,
    request.publicKey,
    asn.der(asn.contextTag(3, true), asn.sequence(...extensions)),
  );
  return pemOf('CERTIFICATE', await signed(body, issuer.key));
}

/** The key identifier by method 1 of RFC 7093. */
function keyIdentifierOf(spki: Buffer): Buffer {
  return createHash('sha256').update(keyBitsOf(spki)).digest().subarray(0, 20);
}
