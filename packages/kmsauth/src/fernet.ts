import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';

/** The text is not a Fernet key, or the token was not made with this key. The message never contains key or token. */
export class FernetError extends Error {
  override readonly name = 'FernetError';
}

const VERSION = 0x80;
const IV_START = 9;
const IV_BYTES = 16;
const BLOCK_BYTES = 16;
const CIPHERTEXT_START = IV_START + IV_BYTES;
const HMAC_BYTES = 32;
/** Version, time, IV, one block (an empty plaintext is padded to one) and the HMAC. */
const SHORTEST_TOKEN_BYTES = CIPHERTEXT_START + BLOCK_BYTES + HMAC_BYTES;

/**
 * One Fernet key: AES-128-CBC under its second half, HMAC-SHA-256 under its first, over
 * `0x80 | seconds (8 bytes, big endian) | IV (16) | ciphertext | HMAC (32)`, as urlsafe base64 with padding.
 *
 * The halves are kept in key objects, so that a cached key needs no set-up per token and is not printed by accident.
 */
export class FernetKey {
  readonly #signing: KeyObject;
  readonly #encryption: KeyObject;

  private constructor(secret: Buffer) {
    this.#signing = createSecretKey(secret.subarray(0, 16));
    this.#encryption = createSecretKey(secret.subarray(16, 32));
  }

  /** Parses a key: 44 characters of base64, which are 32 bytes. Throws {@link FernetError} for anything else. */
  static parse(text: string): FernetKey {
    // compat: keys are urlsafe base64, but Python reads the standard alphabet as well.
    if (!/^[A-Za-z0-9_+/-]{43}=$/.test(text)) throw new FernetError('not a Fernet key');
    const secret = Buffer.from(text, 'base64');
    const key = new FernetKey(secret);
    secret.fill(0);
    return key;
  }

  /** Makes the text of a key from 32 random bytes. Throws {@link FernetError} for any other number of bytes. */
  static generateText(random32: Uint8Array): string {
    if (random32.length !== 32) throw new FernetError('a Fernet key is made of 32 bytes');
    return urlsafeBase64(viewOf(random32));
  }

  /**
   * Encrypts a plaintext into a token. `at` fixes the clock (whole seconds) and the IV (16 bytes), for test vectors
   * only.
   */
  encrypt(plaintext: Uint8Array, at: { nowSeconds?: number; iv?: Uint8Array } = {}): string {
    const iv = at.iv ?? randomBytes(IV_BYTES);
    if (iv.length !== IV_BYTES) throw new FernetError('an IV has 16 bytes');
    const header = Buffer.alloc(IV_START);
    header[0] = VERSION;
    header.writeBigUInt64BE(BigInt(at.nowSeconds ?? Math.floor(Date.now() / 1000)), 1);
    const cipher = createCipheriv('aes-128-cbc', this.#encryption, iv);
    const signed = Buffer.concat([header, iv, cipher.update(plaintext), cipher.final()]);
    return urlsafeBase64(Buffer.concat([signed, this.#sign(signed)]));
  }

  /**
   * Decrypts a token made with this key, whatever its age. Throws {@link FernetError} for any other token, always with
   * the same message, and only after comparing the HMAC of all bytes in constant time.
   */
  decrypt(token: string): Uint8Array {
    const data = decodeToken(token);
    if (data === undefined || data.length < SHORTEST_TOKEN_BYTES) throw invalidToken();
    const signatureStart = data.length - HMAC_BYTES;
    if (!timingSafeEqual(this.#sign(data.subarray(0, signatureStart)), data.subarray(signatureStart))) {
      throw invalidToken();
    }
    if (data[0] !== VERSION || (signatureStart - CIPHERTEXT_START) % BLOCK_BYTES !== 0) throw invalidToken();
    const decipher = createDecipheriv('aes-128-cbc', this.#encryption, data.subarray(IV_START, CIPHERTEXT_START));
    // Without automatic padding, update() returns every block at once, which saves a second buffer and a copy.
    decipher.setAutoPadding(false);
    return withoutPadding(decipher.update(data.subarray(CIPHERTEXT_START, signatureStart)));
  }

  #sign(bytes: Buffer): Buffer {
    return createHmac('sha256', this.#signing).update(bytes).digest();
  }
}

function invalidToken(): FernetError {
  return new FernetError('not a token of this key');
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function urlsafeBase64(bytes: Buffer): string {
  const text = bytes.toString('base64url');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

/** Removes PKCS #7 padding. The HMAC has been verified, so the time this takes reveals nothing to an attacker. */
function withoutPadding(padded: Buffer): Buffer {
  const count = padded[padded.length - 1] ?? 0;
  if (count < 1 || count > BLOCK_BYTES) throw invalidToken();
  for (let index = padded.length - count; index < padded.length; index += 1) {
    if (padded[index] !== count) throw invalidToken();
  }
  return padded.subarray(0, padded.length - count);
}

const CLEAN_BASE64 = /^[A-Za-z0-9_+/-]*={0,2}$/;

function decodeToken(token: string): Buffer | undefined {
  if (token.length % 4 === 0 && CLEAN_BASE64.test(token)) return Buffer.from(token, 'base64');
  return decodeAsPython(token);
}

/**
 * compat: Python's lenient base64 skips foreign characters, accepts both alphabets, ends at the first complete padding
 * and rejects an incomplete last group. Stored tokens may rely on it; the HMAC still covers every byte. Characters
 * outside ASCII are an error there too.
 */
function decodeAsPython(token: string): Buffer | undefined {
  if (/\P{ASCII}/u.test(token)) return undefined;
  let digits = '';
  let padding = 0;
  for (const character of token) {
    const position = digits.length % 4;
    if (character === '=') {
      if (position >= 2) padding += 1;
      if (position >= 2 && position + padding >= 4) return Buffer.from(digits, 'base64');
    } else if (/[A-Za-z0-9_+/-]/.test(character)) {
      digits += character;
      padding = 0;
    }
  }
  return digits.length % 4 === 0 ? Buffer.from(digits, 'base64') : undefined;
}
