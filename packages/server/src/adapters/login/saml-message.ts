import { verify, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { decryptXml, parseXml2JsFromString } from '@node-saml/node-saml/lib/xml.js';
import { tagCounter } from './saml-bounds.js';

/** A message does not prove what it says. The error's text is for the log. */
export class BadSamlMessage extends Error {
  override readonly name = 'BadSamlMessage';
}

/** Maximum length of a message. An assertion with a thousand groups is well below it. */
const MAX_XML_BYTES = 256 * 1024;
/** Maximum length of a message that came in an address: such messages are about logouts and short. */
const MAX_INFLATED_BYTES = 64 * 1024;
/** Maximum depth of elements. Real messages, a signature in an assertion in a response, are some ten levels deep. */
const MAX_DEPTH = 40;

/** The accepted signatures and digests. SHA-1 is broken, and the key of an HMAC would be the public certificate. */
const SIGNATURES: readonly string[] = [
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha384',
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512',
];
const DIGESTS: readonly string[] = [
  'http://www.w3.org/2001/04/xmlenc#sha256',
  'http://www.w3.org/2001/04/xmldsig-more#sha384',
  'http://www.w3.org/2001/04/xmlenc#sha512',
];
const TRANSFORMS: readonly string[] = [
  'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
  'http://www.w3.org/2001/10/xml-exc-c14n#',
];

export type XmlNode = { $?: Record<string, string>; _?: string } & { [name: string]: XmlNode[] | undefined };

/** The text of an element, without blanks around it. */
export function textOf(node: XmlNode | string | undefined): string {
  return (typeof node === 'string' ? node : (node?._ ?? '')).trim();
}

/**
 * Refuses, before any XML is parsed, what no valid message needs and most attacks use: declarations (entities, comments
 * that split a text, CDATA), processing instructions, excessive size and depth.
 */
function assertPlain(xml: string): void {
  if (Buffer.byteLength(xml) > MAX_XML_BYTES) throw new BadSamlMessage('the message is too large');
  const body = xml.replace(/^\uFEFF?\s*<\?xml\s[^<>]*\?>/, '');
  if (body.includes('<!')) throw new BadSamlMessage('the message holds a declaration, comment or CDATA');
  if (body.includes('<?')) throw new BadSamlMessage('the message holds a processing instruction');
  let depth = 0;
  const counter = tagCounter();
  for (let at = body.indexOf('<'); at !== -1;) {
    const end = endOfTag(body, at);
    const excess = counter.add(body.slice(at, end + 1));
    if (excess !== undefined) throw new BadSamlMessage(`the message holds too many ${excess}`);
    if (body[at + 1] === '/') depth--;
    else if (body[end - 1] !== '/') depth++;
    if (depth < 0) throw new BadSamlMessage('the message closes what it did not open');
    if (depth > MAX_DEPTH) throw new BadSamlMessage('the message is nested too deeply');
    at = body.indexOf('<', end);
  }
}

/**
 * The index of the `>` that ends the tag at `start`. It throws at the first character that a tag cannot have there: a
 * quote begins a value after an equals sign and nowhere else, and no tag contains `<`. So all tags of a message cost
 * one pass over it, and no parser can see other tags in it than this function does.
 */
function endOfTag(body: string, start: number): number {
  for (let at = start + 1; at < body.length; at++) {
    const character = body[at]!;
    if (character === '>') return at;
    if (character === '<' || character === '"' || character === "'") break;
    if (character !== '=') continue;
    do at++;
    while (/\s/.test(body[at] ?? ''));
    const quote = body[at];
    if (quote !== '"' && quote !== "'") break;
    do at++;
    while (at < body.length && body[at] !== quote && body[at] !== '<');
    if (body[at] !== quote) break;
  }
  throw new BadSamlMessage('the message has a malformed tag');
}

/** Checks every algorithm that any signature names, including signatures that would not be verified. */
function assertStrongAlgorithms(node: XmlNode): void {
  for (const [name, children] of Object.entries(node)) {
    if (!Array.isArray(children)) continue;
    const allowed =
      name === 'SignatureMethod'
        ? SIGNATURES
        : name === 'DigestMethod'
          ? DIGESTS
          : name === 'Transform' || name === 'CanonicalizationMethod'
            ? TRANSFORMS
            : undefined;
    for (const child of children) {
      if (allowed !== undefined && !allowed.includes(child.$?.['Algorithm'] ?? '')) {
        throw new BadSamlMessage(`the ${name} is not accepted: ${child.$?.['Algorithm'] ?? 'none'}`);
      }
      // The digests and masks of an encryption are not signatures; RSA-OAEP names SHA-1 by default, which is harmless.
      if (typeof child === 'object' && name !== 'EncryptedKey') assertStrongAlgorithms(child);
    }
  }
}

/** The tree of a message, namespaces dropped, after the checks above. */
export async function readMessage(xml: string): Promise<XmlNode> {
  assertPlain(xml);
  const tree = (await parseXml2JsFromString(xml)) as unknown as XmlNode | null;
  if (tree === null || typeof tree !== 'object') throw new BadSamlMessage('the message is not XML');
  // The root is a lone object where everything below is lists.
  const [root] = Object.values(tree) as unknown as (XmlNode | undefined)[];
  if (typeof root === 'object') assertStrongAlgorithms(root);
  return tree;
}

/**
 * The tree of a response that came by POST (base64), with the checks also made inside of encrypted assertions.
 *
 * @param decryptionKey PEM; without one an encrypted assertion is refused
 */
export async function readResponse(encoded: string, decryptionKey: string | undefined): Promise<XmlNode> {
  if (encoded.length > MAX_XML_BYTES * 1.5) throw new BadSamlMessage('the message is too large');
  const xml = Buffer.from(encoded, 'base64').toString('utf8');
  const tree = await readMessage(xml);
  const encrypted = (tree['Response'] as unknown as XmlNode | undefined)?.['EncryptedAssertion'];
  if (encrypted !== undefined) {
    if (decryptionKey === undefined || encrypted.length !== 1) throw new BadSamlMessage('an assertion is encrypted');
    const begin = xml.search(/<(?:[\w.-]+:)?EncryptedAssertion[\s>]/);
    const end = [...xml.matchAll(/<\/(?:[\w.-]+:)?EncryptedAssertion\s*>/g)].at(-1);
    if (begin === -1 || end === undefined) throw new BadSamlMessage('the encrypted assertion is empty');
    await readMessage(await decryptXml(xml.slice(begin, end.index + end[0].length), decryptionKey));
  }
  return tree;
}

/**
 * The InResponseTo of a response's first tag, without parsing anything; undefined when there is none.
 *
 * @param encoded base64
 */
export function claimedRequest(encoded: string): string | undefined {
  if (encoded.length > MAX_XML_BYTES * 1.5) return undefined;
  const [tag] = /<(?:[\w.-]+:)?Response\s[^<>]*>/.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? [];
  return /\sInResponseTo\s*=\s*(?:"([\w.-]+)"|'([\w.-]+)')/
    .exec(tag ?? '')
    ?.slice(1)
    .find(Boolean);
}

const inflate = promisify(inflateRaw);

/** The XML of a message that came by redirect: base64 of a raw deflate stream, which may not grow beyond the limit. */
export async function inflateMessage(encoded: string): Promise<string> {
  return (await inflate(Buffer.from(encoded, 'base64'), { maxOutputLength: MAX_INFLATED_BYTES })).toString('utf8');
}

/**
 * Proves that the identity provider made a redirect, from its parameters alone: nothing is inflated or parsed for it.
 *
 * @param signed what the signature is over: the parameters as they came, in the order of the redirect binding
 * @param certificates PEM; one of them must have made the signature
 * @throws BadSamlMessage for every other signature, and for algorithms that prove nothing
 */
export function assertRedirectSignature(
  signed: string,
  { algorithm, signature }: { algorithm: string; signature: string },
  certificates: readonly string[],
): void {
  if (!SIGNATURES.includes(algorithm)) throw new BadSamlMessage('the signature is too weak');
  const hash = algorithm.slice(algorithm.indexOf('#') + 1).toUpperCase();
  const bytes = Buffer.from(signature, 'base64');
  const proven = certificates.some((certificate) => {
    const { publicKey } = new X509Certificate(certificate);
    return publicKey.asymmetricKeyType === 'rsa' && verify(hash, Buffer.from(signed), publicKey, bytes);
  });
  if (!proven) throw new BadSamlMessage('the signature of the redirect is not by the identity provider');
}
