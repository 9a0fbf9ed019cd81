import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { isCommonName, isDnsName } from '../../../domain/ca-names.js';
import { Refusal } from '../../../domain/refusal.js';
import * as asn from './der.js';
import { CURVE_SIGNATURES, OID, SIGNATURES } from './identifiers.js';
import { bitsOf, type Extension, keyBitsOf, readExtensions } from './structures.js';

/** The parts of a request that a certificate is made from, as they stand in the request. */
export interface RequestParts {
  commonName: string;
  alternativeNames: string[];
  /** The other attributes of the subject: their object identifier, and their text if it can be compared. */
  otherAttributes: { id: string; text: string | undefined }[];
  /** The Name, as DER. */
  subject: Buffer;
  /** The SubjectPublicKeyInfo, as DER. */
  publicKey: Buffer;
  /** The GeneralNames, as DER. */
  alternativeNamesDer: Buffer | undefined;
}

const MIN_RSA_BITS = 2048;
/** Maximum size of RSA keys: the cost of verifying grows with the square of the size. */
const MAX_RSA_BITS = 8192;

/**
 * Reads a PEM signing request (PKCS #10) and checks that its own key signed it. Throws {@link Refusal} 400 with a text
 * for the caller when it is damaged, is not signed by its key, has a weak key, or asks for something that cannot be
 * checked: not exactly one CN, names other than DNS, e-mail, URI and IP addresses, a CA certificate.
 */
export function readRequest(pem: string): RequestParts {
  let unsigned: Buffer, algorithm: string, signature: Buffer, parts: RequestParts;
  try {
    const outer = new asn.DerReader(decodePem(pem));
    const request = outer.enter(asn.TAG.sequence);
    outer.end();
    const info = request.next(asn.TAG.sequence);
    unsigned = info.whole;
    algorithm = readAlgorithm(request.enter(asn.TAG.sequence));
    signature = bitsOf(request.next(asn.TAG.bitString).content);
    request.end();
    parts = readInfo(new asn.DerReader(info.content));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    // compat: the original's text.
    throw new Refusal('invalid_request', 'csr could not be decoded', { cause: error });
  }
  const key = publicKeyOf(parts.publicKey);
  const method = Object.hasOwn(SIGNATURES, algorithm) ? SIGNATURES[algorithm] : undefined;
  if (method === undefined || method.keyType !== key.asymmetricKeyType) {
    throw new Refusal('invalid_request', 'csr is signed with an algorithm that is not supported');
  }
  if (!verify(method.digest, unsigned, key, signature)) {
    throw new Refusal('invalid_request', 'csr is not signed by its own key');
  }
  return parts;
}

function decodePem(pem: string): Buffer {
  const text = pem.trim();
  const label = /^-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----\s/.exec(text)?.[1];
  const [begin, end] = [`-----BEGIN ${label}-----`, `-----END ${label}-----`];
  if (label === undefined || !text.endsWith(end)) throw new asn.BadDer('not a PEM signing request');
  const body = text.slice(begin.length, -end.length).replace(/\s/g, '');
  if (body.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(body)) throw new asn.BadDer('not base64');
  return Buffer.from(body, 'base64');
}

/** The object identifier of an AlgorithmIdentifier whose parameters, if there are any, are NULL. */
function readAlgorithm(identifier: asn.DerReader): string {
  const algorithm = asn.readOid(identifier.next(asn.TAG.oid).content);
  const parameters = identifier.optional(asn.TAG.null);
  identifier.end();
  if (parameters !== undefined && (parameters.content.length > 0 || algorithm === OID.ed25519)) {
    throw new asn.BadDer('a signature algorithm with parameters');
  }
  return algorithm;
}

/** Reads a CertificationRequestInfo. */
function readInfo(info: asn.DerReader): RequestParts {
  const version = info.next(asn.TAG.integer).content;
  if (version.length !== 1 || version[0] !== 0) throw new asn.BadDer('a version other than 0');
  const subject = info.next(asn.TAG.sequence);
  const publicKey = info.next(asn.TAG.sequence).whole;
  // These octets identify the key in a certificate.
  keyBitsOf(publicKey);
  // Attributes must be there even if there are none, but some programs leave them out.
  const attributes = info.optional(asn.contextTag(0, true));
  info.end();
  const requested = attributes ? readAttributes(new asn.DerReader(attributes.content)) : [];
  const names = requested.filter(({ id }) => id === OID.subjectAltName);
  if (new Set(requested.map(({ id }) => id)).size !== requested.length) {
    throw new Refusal('invalid_request', 'csr requests an extension twice');
  }
  for (const { value } of requested.filter(({ id }) => id === OID.basicConstraints)) {
    const isCa = new asn.DerReader(value).enter(asn.TAG.sequence).optional(asn.TAG.boolean);
    if (isCa !== undefined && isCa.content[0] !== 0) {
      throw new Refusal('invalid_request', 'csr requests a CA certificate');
    }
  }
  return {
    ...readSubject(new asn.DerReader(subject.content)),
    alternativeNames: names[0] ? readGeneralNames(names[0].value) : [],
    subject: subject.whole,
    publicKey,
    alternativeNamesDer: names[0]?.value,
  };
}

/** Reads the attributes and returns the extensions that the request asks for. */
function readAttributes(attributes: asn.DerReader): Extension[] {
  const extensions: Extension[] = [];
  while (!attributes.atEnd) {
    const attribute = attributes.enter(asn.TAG.sequence);
    const id = asn.readOid(attribute.next(asn.TAG.oid).content);
    const { content } = attribute.next(asn.TAG.set);
    attribute.end();
    if (asn.countElements(content) === 0) throw new asn.BadDer('an attribute without a value');
    if (id === OID.microsoftExtensionRequest) {
      // This is a second place for extensions, which some CAs read and others do not.
      throw new Refusal('invalid_request', "csr has extensions in Microsoft's form, which is not supported");
    }
    if (id !== OID.extensionRequest) continue;
    const values = new asn.DerReader(content);
    extensions.push(...readExtensions(values));
    values.end();
  }
  return extensions;
}

function readSubject(name: asn.DerReader): Pick<RequestParts, 'commonName' | 'otherAttributes'> {
  const found: string[] = [];
  const otherAttributes: RequestParts['otherAttributes'] = [];
  while (!name.atEnd) {
    const relative = name.enter(asn.TAG.set);
    do {
      const attribute = relative.enter(asn.TAG.sequence);
      const id = asn.readOid(attribute.next(asn.TAG.oid).content);
      const value = attribute.next();
      attribute.end();
      assertText(value);
      if (id === OID.commonName) found.push(textOf(value));
      else otherAttributes.push({ id, text: COMPARABLE.includes(value.tag) ? textOf(value) : undefined });
    } while (!relative.atEnd);
  }
  const [commonName] = found;
  if (found.length !== 1 || commonName === undefined || !isCommonName(commonName)) {
    throw new Refusal('invalid_request', 'csr must have exactly one common name, of at most 64 characters');
  }
  return { commonName, otherAttributes };
}

/** Tags of texts that are read for comparing. */
const COMPARABLE: readonly number[] = [asn.TAG.utf8, asn.TAG.printable, asn.TAG.ia5];

/** Tags of texts of single octets. */
const OCTET_TEXTS: readonly number[] = [asn.TAG.numeric, asn.TAG.printable, asn.TAG.teletex, asn.TAG.ia5];

/**
 * Throws unless a text of the subject can be read by other programs, since the subject is copied into the certificate.
 */
function assertText({ tag, content }: asn.Element): void {
  if (tag === asn.TAG.utf8) {
    utf8Decoder.decode(content);
    return;
  }
  const isText = tag === asn.TAG.bmp ? content.length % 2 === 0 : OCTET_TEXTS.includes(tag);
  if (!isText) throw new asn.BadDer('an attribute of the subject that is not text');
}

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf({ tag, content }: asn.Element): string {
  if (tag === asn.TAG.utf8) return utf8Decoder.decode(content);
  if (tag === asn.TAG.printable || tag === asn.TAG.ia5) return asciiOf(content);
  throw new asn.BadDer('text in an encoding that is not supported');
}

function asciiOf(content: Buffer): string {
  const text = content.toString('latin1');
  if (!/^[ -~]*$/.test(text)) throw new asn.BadDer('text that is not ASCII');
  return text;
}

/** The alternative names: DNS names as they are, others with their kind in front. */
function readGeneralNames(value: Buffer): string[] {
  const outer = new asn.DerReader(value);
  const list = outer.enter(asn.TAG.sequence);
  outer.end();
  const names: string[] = [];
  while (!list.atEnd) {
    const { tag, content } = list.next();
    if (tag === asn.contextTag(1, false)) names.push(`email:${asciiOf(content)}`);
    else if (tag === asn.contextTag(2, false)) names.push(dnsName(asciiOf(content)));
    else if (tag === asn.contextTag(6, false)) names.push(`uri:${asciiOf(content)}`);
    else if (tag === asn.contextTag(7, false)) names.push(`ip:${address(content)}`);
    else throw new Refusal('invalid_request', 'csr has an alternative name of a kind that is not supported');
  }
  return names;
}

function dnsName(name: string): string {
  if (!isDnsName(name)) throw new Refusal('invalid_request', 'csr has an alternative name that is not a DNS name');
  return name;
}

function address(octets: Buffer): string {
  if (octets.length === 4) return [...octets].join('.');
  if (octets.length === 16) return octets.toString('hex').match(/.{4}/g)!.join(':');
  throw new asn.BadDer('an address of neither 4 nor 16 octets');
}

function publicKeyOf(spki: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (error) {
    throw new Refusal('invalid_request', 'csr could not be decoded', { cause: error });
  }
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  const strong =
    key.asymmetricKeyType === 'rsa'
      ? modulusLength >= MIN_RSA_BITS && modulusLength <= MAX_RSA_BITS
      : key.asymmetricKeyType === 'ed25519' || Object.hasOwn(CURVE_SIGNATURES, namedCurve);
  if (!strong) {
    throw new Refusal(
      'invalid_request',
      'csr must have an RSA key of 2048 to 8192 bits, or a P-256, P-384, P-521 or Ed25519 key',
    );
  }
  return key;
}
