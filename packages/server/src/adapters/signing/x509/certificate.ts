import { createHash, type KeyObject, randomBytes, type X509Certificate } from 'node:crypto';
import { microsecondsOf } from '../../../domain/instant.js';
import type { Clock } from '../../../ports/clock.js';
import * as asn from './der.js';
import { OID } from './identifiers.js';
import { algorithmOf, pemOf, signed } from './sign.js';
import type { RequestParts } from './signing-request.js';
import { extension, keyBitsOf, readExtensions } from './structures.js';

/** Clocks of those who check differ a little from ours. */
const BACKDATED_MS = 60_000;

export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

/** From a minute ago until so many days from now. */
export function validityFrom(clock: Clock, days: number): Validity {
  const now = microsecondsOf(clock.now()) / 1000;
  return { notBefore: new Date(now - BACKDATED_MS), notAfter: new Date(now + days * 86_400_000) };
}

/** Who signs: the name and key identifier that certificates will point at. */
export interface Issuer {
  key: KeyObject;
  /** Name, as DER. */
  name: Buffer;
  /** Content of the subject key identifier of its certificate, when it has one. */
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
 * A certificate for TLS servers and clients, PEM. Nothing but subject, key and alternative names is taken from the
 * request: whatever else it asks for does not get in.
 */
export function certify(issuer: Issuer, request: Certifiable, validity: Validity): Promise<string> {
  const { keyIdentifier } = issuer;
  return signCertificate(issuer, request, validity, [
    extension(OID.basicConstraints, true, asn.sequence()),
    ...alternativeNamesOf(request),
    // digitalSignature and keyEncipherment: the first and third bit, five unused.
    extension(OID.keyUsage, true, asn.der(asn.TAG.bitString, Buffer.from([5, 0b1010_0000]))),
    extension(OID.extendedKeyUsage, false, asn.sequence(asn.oid(OID.serverAuth), asn.oid(OID.clientAuth))),
    extension(OID.subjectKeyIdentifier, false, asn.der(asn.TAG.octetString, keyIdentifierOf(request.publicKey))),
    ...(keyIdentifier
      ? [extension(OID.authorityKeyIdentifier, false, asn.sequence(asn.der(asn.contextTag(0, false), keyIdentifier)))]
      : []),
  ]);
}

/** A certificate for a key by itself, PEM. compat: without limits to its use, or it could not have signed itself. */
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

/** RFC 7093, method 1. */
function keyIdentifierOf(spki: Buffer): Buffer {
  return createHash('sha256').update(keyBitsOf(spki)).digest().subarray(0, 20);
}
