import { createHash, generateKeyPair, type KeyObject, randomBytes, sign, type X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { microsecondsOf } from '../../../domain/instant.js';
import { Refusal } from '../../../domain/refusal.js';
import type { SigningRequest } from '../../../ports/certificates.js';
import type { Clock } from '../../../ports/clock.js';
import * as asn from './der.js';
import type { RequestParts } from './signing-request.js';
import { CURVE_SIGNATURES, keyBitsOf, OID, readExtensions, SIGNATURES } from './parts.js';

/** The subject beside the CN; empty text leaves an attribute out. */
export interface Subject {
  countryName: string;
  stateOrProvinceName: string;
  localityName: string;
  organizationName: string;
}

export const NO_SUBJECT: Subject = {
  countryName: '',
  stateOrProvinceName: '',
  localityName: '',
  organizationName: '',
};

/** A key that was made here, and a request for it. */
export interface MadeKey {
  privateKey: KeyObject;
  /** PKCS #1 PEM, which whoever reads the original's keys can read. */
  keyPem: string;
  request: SigningRequest;
}

/** Making a key takes one core for a second or so, and the pool of threads that do it also resolves names. */
const MAX_AT_WORK = 2;
const MAX_WAITING = 100;

/** Makes RSA keys and requests for them, a few at a time. */
export class KeyMaker {
  #atWork = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(private readonly options: { bits: number; publicExponent: number; subject: Subject }) {}

  /** Throws a {@link Refusal} 429 when too many wait already. */
  async make(names: { commonName: string; dnsNames: readonly string[] }): Promise<MadeKey> {
    if (this.#atWork < MAX_AT_WORK) this.#atWork++;
    else if (this.#waiting.length < MAX_WAITING) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else throw new Refusal('too_many_requests');
    try {
      return await this.#make(names);
    } finally {
      // Whoever is next takes the place over.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#atWork--;
    }
  }

  async #make({ commonName, dnsNames }: { commonName: string; dnsNames: readonly string[] }): Promise<MadeKey> {
    const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', {
      modulusLength: this.options.bits,
      publicExponent: this.options.publicExponent,
    });
    const names = generalNames(dnsNames);
    const attributes =
      names === undefined
        ? []
        : [
            asn.sequence(
              asn.oid(OID.extensionRequest),
              asn.der(asn.TAG.set, asn.sequence(extension(OID.subjectAltName, false, names))),
            ),
          ];
    const info = asn.sequence(
      asn.der(asn.TAG.integer, Buffer.from([0])),
      subjectName(commonName, this.options.subject),
      publicKey.export({ type: 'spki', format: 'der' }),
      asn.der(asn.contextTag(0, true), ...attributes),
    );
    return {
      privateKey,
      keyPem: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
      request: {
        pem: pemOf('CERTIFICATE REQUEST', await signed(info, privateKey)),
        commonName,
        alternativeNames: dnsNames,
      },
    };
  }
}

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

function pemOf(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** RFC 7093, method 1. */
function keyIdentifierOf(spki: Buffer): Buffer {
  return createHash('sha256').update(keyBitsOf(spki)).digest().subarray(0, 20);
}

/** The subject of a request made here; attributes in the original's order. */
function subjectName(commonName: string, subject: Subject): Buffer {
  const attribute = (id: string, value: Buffer): Buffer => asn.der(asn.TAG.set, asn.sequence(asn.oid(id), value));
  const optional = (['countryName', 'stateOrProvinceName', 'localityName', 'organizationName'] as const)
    .filter((name) => subject[name] !== '')
    .map((name) =>
      attribute(
        OID[name],
        name === 'countryName'
          ? asn.der(asn.TAG.printable, Buffer.from(subject[name], 'latin1'))
          : asn.utf8(subject[name]),
      ),
    );
  return asn.sequence(attribute(OID.commonName, asn.utf8(commonName)), ...optional);
}

function generalNames(dnsNames: readonly string[]): Buffer | undefined {
  if (dnsNames.length === 0) return undefined;
  return asn.sequence(...dnsNames.map((name) => asn.der(asn.contextTag(2, false), Buffer.from(name, 'latin1'))));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return asn.sequence(
    asn.oid(id),
    ...(critical ? [asn.der(asn.TAG.boolean, Buffer.from([0xff]))] : []),
    asn.der(asn.TAG.octetString, value),
  );
}

/** How a key signs. Throws {@link asn.BadDer} for kinds of keys that do not sign certificates here. */
function algorithmOf(key: KeyObject): { digest: string | null; identifier: Buffer } {
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

async function signed(body: Buffer, key: KeyObject): Promise<Buffer> {
  const { digest, identifier } = algorithmOf(key);
  const signature = await new Promise<Buffer>((resolve, reject) => {
    sign(digest, body, key, (error, result) => (error ? reject(error) : resolve(result)));
  });
  return asn.sequence(body, identifier, asn.bitString(signature));
}
