import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { BadValue } from './setting-types.js';

const CERTIFICATE = /-----BEGIN (?:X509 )?CERTIFICATE-----([^-]*)-----END (?:X509 )?CERTIFICATE-----/g;
const BEGIN_CERTIFICATE = /-----BEGIN (?:X509 )?CERTIFICATE/g;
const PRIVATE_KEY = /-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----([\s\S]*?)-----END \1-----/;
/** The lines of a key that is encrypted in OpenSSL's older way. */
const ENCRYPTION = /^\s*Proc-Type:\s*4,ENCRYPTED\s+DEK-Info:\s*([\w-]+,[0-9A-F]+)\s/i;

/**
 * Reads certificates in any usual form: PEM, also in one line or with `\n` for line ends, as environment files hold it;
 * base64 alone, as pages of identity providers show it; base64 of PEM; the elements of SAML metadata; DER.
 *
 * @param content a text, or the bytes of a file
 * @returns the certificates in PEM
 * @throws BadValue when there is none, or when one of them is damaged
 */
export function readCertificates(content: string | Buffer): string[] {
  try {
    if (isDer(content)) return [new X509Certificate(content).toString()];
    const text = textOf(content);
    const pem = [...text.matchAll(CERTIFICATE)].map(([, body]) => body!);
    if ((text.match(BEGIN_CERTIFICATE) ?? []).length !== pem.length) throw new BadValue('one is cut off');
    const elements = [...text.matchAll(/<(?:\w+:)?X509Certificate>([^<]*)</g)].map(([, body]) => body!);
    const bodies = pem.length > 0 ? pem : elements.length > 0 ? elements : text.split(/,|\n[^\S\n]*\n/);
    const found = bodies.map(bytesOf).filter((bytes) => bytes.length > 0);
    if (found.length === 0) throw new BadValue('empty');
    return found.map((bytes) => new X509Certificate(bytes).toString());
  } catch {
    throw new BadValue('expected a certificate, in PEM or base64; or several, one after the other');
  }
}

/**
 * Reads a private key in any usual form, and opens it with the password if it is encrypted.
 *
 * @param content a text, or the bytes of a file: PEM, also in one line or with `\n` for line ends; base64; DER
 * @returns the key in PKCS #8 PEM
 * @throws BadValue when it is not a key, or the password is wrong
 */
export function readPrivateKey(content: string | Buffer, password: string): string {
  const passphrase = password === '' ? {} : { passphrase: password };
  try {
    return opened(content, passphrase).export({ type: 'pkcs8', format: 'pem' }) as string;
  } catch {
    throw new BadValue('expected a private key in PEM that SAML_SP_KEY_FILE_PASSWORD opens');
  }
}

function opened(content: string | Buffer, passphrase: { passphrase?: string }): KeyObject {
  if (isDer(content)) return openedDer(content, passphrase);
  const text = textOf(content);
  const [, label, body = ''] = PRIVATE_KEY.exec(text) ?? [];
  if (label === undefined) return openedDer(bytesOf(text), passphrase);
  const encryption = ENCRYPTION.exec(body);
  const headers = encryption === null ? '' : `Proc-Type: 4,ENCRYPTED\nDEK-Info: ${encryption[1]}\n\n`;
  const lines = bytesOf(body.slice(encryption?.[0].length ?? 0))
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n');
  return createPrivateKey({
    key: `-----BEGIN ${label}-----\n${headers}${lines}\n-----END ${label}-----\n`,
    ...passphrase,
  });
}

function openedDer(key: Buffer, passphrase: { passphrase?: string }): KeyObject {
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    try {
      return createPrivateKey({ key, format: 'der', type, ...passphrase });
    } catch (error) {
      if (type === 'sec1') throw error;
    }
  }
  throw new BadValue('not a key');
}

/** DER begins with a long sequence, which no text does. */
function isDer(content: string | Buffer): content is Buffer {
  return typeof content !== 'string' && content[0] === 0x30 && (content[1] ?? 0) >= 0x80;
}

/** The text with real line ends, also of a text that is base64 once more. */
function textOf(content: string | Buffer): string {
  const text = content
    .toString('utf8')
    .replaceAll('\r', '')
    .replace(/\\r|\\n/g, (escape) => (escape === '\\n' ? '\n' : ''));
  if (text.includes('-----BEGIN') || text.includes('<')) return text;
  const decoded = Buffer.from(text, 'base64').toString('latin1');
  return decoded.startsWith('-----BEGIN') ? decoded.replaceAll('\r', '') : text;
}

/** @throws BadValue for characters that base64 does not have */
function bytesOf(base64: string): Buffer {
  const compact = base64.replace(/[\s\\"']/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) throw new BadValue('not base64');
  return Buffer.from(compact, 'base64');
}
