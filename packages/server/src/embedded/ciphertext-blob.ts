import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { KmsRefused, type EncryptionContext } from '@confidant/kmsauth';

/**
 * The ciphertext format of the embedded keyring, version 1:
 *
 *   version (1 byte) | key id (16 bytes, the uuid) | nonce (12) | AES-256-GCM ciphertext (as long as the plaintext) | tag (16)
 *
 * The associated data is the version and key id as they stand in front, then the canonical encryption context. Nonces
 * are random, so a key is safe for 2^32 encryptions: at one token a second, more than a century.
 */
const VERSION = 1;
const KEY_ID_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES;
const OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES;

/** KMS's own limits, so that what works on a laptop works on AWS. */
const MAX_PLAINTEXT_BYTES = 4096;
const MAX_CONTEXT_BYTES = 8192;

const UNPAIRED_SURROGATE = /\p{Surrogate}/u;

/**
 * The one byte form of an encryption context: the number of pairs, then every name and value behind its length (all
 * numbers 32 bits, big-endian), sorted by the names' UTF-8 bytes. No two contexts share a form: without the lengths
 * `{"ab": ""}` would open what was sealed under `{"a": "b"}`.
 *
 * @throws KmsRefused ValidationException above 8192 bytes, or when a text is not Unicode (unpaired surrogates all turn
 * into the same replacement character, so two contexts would share a form)
 */
export function canonicalContext(context: EncryptionContext): Buffer {
  const pairs: Array<[name: Buffer, value: Buffer]> = [];
  let byteCount = 0;
  for (const [name, value] of Object.entries(context)) {
    // A text has at least as many UTF-8 bytes as UTF-16 units: this bounds the work before it is done.
    if (name.length + value.length > MAX_CONTEXT_BYTES) throw new KmsRefused('ValidationException');
    if (UNPAIRED_SURROGATE.test(name) || UNPAIRED_SURROGATE.test(value)) throw new KmsRefused('ValidationException');
    const pair: [Buffer, Buffer] = [Buffer.from(name, 'utf8'), Buffer.from(value, 'utf8')];
    byteCount += pair[0].length + pair[1].length;
    if (byteCount > MAX_CONTEXT_BYTES) throw new KmsRefused('ValidationException');
    pairs.push(pair);
  }
  pairs.sort(([a], [b]) => Buffer.compare(a, b));
  const form = Buffer.alloc(4 + 8 * pairs.length + byteCount);
  let at = form.writeUInt32BE(pairs.length, 0);
  for (const text of pairs.flat()) {
    at = form.writeUInt32BE(text.length, at);
    at += text.copy(form, at);
  }
  return form;
}

const headerOf = (keyId: string): Buffer =>
  Buffer.concat([Buffer.of(VERSION), Buffer.from(keyId.replaceAll('-', ''), 'hex')], HEADER_BYTES);

/**
 * Seals 1 to 4096 bytes under a 256-bit key.
 *
 * @param keyId the key's uuid, written into the blob
 * @throws KmsRefused ValidationException beyond the limits
 */
export function sealBlob(
  keyId: string,
  material: Uint8Array,
  plaintext: Uint8Array,
  context: EncryptionContext,
): Buffer {
  if (plaintext.length < 1 || plaintext.length > MAX_PLAINTEXT_BYTES) throw new KmsRefused('ValidationException');
  const header = headerOf(keyId);
  const associated = Buffer.concat([header, canonicalContext(context)]);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', material, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associated);
  return Buffer.concat([header, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The uuid of the key that a blob names, unverified until the blob has been opened; undefined for another format. */
export function blobKeyId(blob: Uint8Array): string | undefined {
  if (blob[0] !== VERSION || blob.length <= OVERHEAD_BYTES || blob.length > OVERHEAD_BYTES + MAX_PLAINTEXT_BYTES) {
    return undefined;
  }
  const hex = Buffer.from(blob.subarray(1, HEADER_BYTES)).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * Opens a blob whose {@link blobKeyId} named this key.
 *
 * @throws KmsRefused InvalidCiphertextException when one bit of it or of the context differs from what was sealed
 */
export function openBlob(material: Uint8Array, blob: Uint8Array, context: EncryptionContext): Buffer {
  const associated = Buffer.concat([blob.subarray(0, HEADER_BYTES), canonicalContext(context)]);
  const nonce = blob.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
  const tagAt = blob.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', material, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associated);
  decipher.setAuthTag(blob.subarray(tagAt));
  const opened = decipher.update(blob.subarray(HEADER_BYTES + NONCE_BYTES, tagAt));
  try {
    return Buffer.concat([opened, decipher.final()]);
  } catch {
    // The error has no cause: OpenSSL's error says nothing, and must not carry what was opened so far.
    throw new KmsRefused('InvalidCiphertextException');
  }
}
