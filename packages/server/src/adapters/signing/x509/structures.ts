import { BadDer, der, DerReader, oid, readOid, sequence, TAG } from './der.js';

export interface Extension {
  id: string;
  value: Buffer;
}

/** Reads the extensions of a certificate, or those that a request asks for. */
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

/** The octets of a BIT STRING, which must have no unused bits. */
export function bitsOf(content: Buffer): Buffer {
  if (content[0] !== 0) throw new BadDer('expected whole octets');
  return content.subarray(1);
}

/** An extension as DER; `value` is the DER of its content. */
export function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [der(TAG.boolean, Buffer.from([0xff]))] : []), der(TAG.octetString, value));
}
