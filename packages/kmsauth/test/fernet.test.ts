import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FernetError, FernetKey } from '../src/index.js';
import { goldenJson } from './memory-kms.js';

interface Vectors {
  valid: { key: string; token: string; plaintext_b64: string; time?: number; iv_hex?: string }[];
  invalid: { what: string; key: string; token: string; python_result: string }[];
}

const vectors = goldenJson<Vectors>('fernet.json');
const keyText = FernetKey.generateText(Buffer.alloc(32, 7));
const key = FernetKey.parse(keyText);

describe('tokens of Python', () => {
  test('every recorded token decrypts to its plaintext', () => {
    for (const { key: text, token, plaintext_b64 } of vectors.valid) {
      expect(Buffer.from(FernetKey.parse(text).decrypt(token)).toString('base64')).toBe(plaintext_b64);
    }
  });

  test('with the same time and IV, the token is the recorded one', () => {
    const fixed = vectors.valid.filter((vector) => vector.iv_hex !== undefined);
    expect(fixed).not.toEqual([]);
    for (const { key: text, token, plaintext_b64, time = 0, iv_hex = '' } of fixed) {
      const at = { nowSeconds: time, iv: Buffer.from(iv_hex, 'hex') };
      expect(FernetKey.parse(text).encrypt(Buffer.from(plaintext_b64, 'base64'), at)).toBe(token);
    }
  });

  test.each(vectors.invalid)(
    'decrypting $what gives $python_result, as in Python',
    ({ key: text, token, python_result }) => {
      const decrypt = () => Buffer.from(FernetKey.parse(text).decrypt(token)).toString();
      if (python_result === 'InvalidToken') expect(decrypt).toThrow(FernetError);
      else expect(decrypt()).toBe(python_result);
    },
  );

  test('decoding ends at the first complete padding and skips characters outside base64, as in Python', () => {
    const token = key.encrypt(Buffer.from('12345'));
    expect(token.endsWith('==')).toBe(true);
    const body = token.slice(0, -2);
    // A "=" counts only where padding is allowed, and only until the next character of the alphabet.
    const inside = (position: number) => `${body.slice(0, position)}=${body.slice(position)}`;
    for (const same of [`${body}=\n=`, `${body}==AAAA`, `=${token}`, `${inside(8)}==`, `${inside(10)}==`]) {
      const opened = () => Buffer.from(key.decrypt(same)).toString();
      expect(opened(), same).toBe('12345');
    }
    for (const other of [`${body}=`, `${body}=A`, `${inside(10)}=`, `${body.slice(0, 10)}==${body.slice(10)}==`]) {
      expect(() => key.decrypt(other), other).toThrow(FernetError);
    }
  });

  test('a character outside ASCII is rejected, even if its low byte is a base64 character', () => {
    const token = key.encrypt(Buffer.from('x'));
    const lookAlike = String.fromCharCode(token.charCodeAt(20) + 0x100);
    for (const text of [token.slice(0, 20) + lookAlike + token.slice(21), `${token}é`, `\u{1F511}${token}`]) {
      expect(() => key.decrypt(text)).toThrow(FernetError);
    }
  });
});

describe('keys', () => {
  test('only 32 bytes make a key, and only their base64 text is one', () => {
    expect(() => FernetKey.generateText(new Uint8Array(31))).toThrow(FernetError);
    const wrong = ['', keyText.slice(0, -1), `${keyText}=`, ` ${keyText}`, `${keyText}\n`, keyText.replace('B', '!')];
    for (const text of wrong) expect(() => FernetKey.parse(text), text).toThrow(FernetError);
  });

  test('a key text in the standard alphabet is the same key', () => {
    const bytes = Buffer.alloc(32, 0xfb);
    const token = FernetKey.parse(FernetKey.generateText(bytes)).encrypt(Buffer.from('same'));
    expect(Buffer.from(FernetKey.parse(bytes.toString('base64')).decrypt(token)).toString()).toBe('same');
  });

  test('another key cannot decrypt a token', () => {
    const other = FernetKey.parse(FernetKey.generateText(randomBytes(32)));
    expect(() => other.decrypt(key.encrypt(Buffer.from('secret')))).toThrow(FernetError);
  });

  test('neither errors nor printed keys show secrets', () => {
    const token = key.encrypt(Buffer.from('secret'));
    const failures = [() => FernetKey.parse(`${keyText}x`), () => key.decrypt(`${token.slice(0, -8)}AAAAAA==`)];
    for (const failure of failures) {
      expect(failure).toThrow(expect.not.objectContaining({ message: expect.stringContaining(keyText) as string }));
      expect(failure).toThrow(/^not a /);
    }
    expect(JSON.stringify(key)).toBe('{}');
  });
});

describe('properties', () => {
  test('any plaintext survives encryption and decryption', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (text, secret) => {
          const made = FernetKey.parse(FernetKey.generateText(secret));
          expect(Buffer.from(made.decrypt(made.encrypt(text))).equals(Buffer.from(text))).toBe(true);
        },
      ),
    );
  });

  test('a token with one flipped bit is rejected', () => {
    const bytes = Buffer.from(key.encrypt(Buffer.from('{"password": "secret"}')), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => key.decrypt(flipped.toString('base64url').padEnd(140, '=')), `bit ${bit}`).toThrow(FernetError);
    }
  });

  test('any other text is rejected with a FernetError', () => {
    const base64Text = fc.string({
      unit: fc.constantFrom('g', 'A', 'Q', '-', '_', '+', '/', '=', '\n', '!', 'é'),
      maxLength: 200,
    });
    fc.assert(
      fc.property(fc.oneof(fc.string(), base64Text), (text) => {
        expect(() => key.decrypt(text)).toThrow(FernetError);
      }),
    );
  });

  test('wrong padding, versions and blocks are rejected even with a valid HMAC', () => {
    const secret = Buffer.alloc(32, 7);
    const sign = (version: number, body: Buffer) => {
      const signed = Buffer.concat([Buffer.from([version]), Buffer.alloc(8), Buffer.alloc(16), body]);
      const hmac = createHmac('sha256', secret.subarray(0, 16)).update(signed).digest();
      const text = Buffer.concat([signed, hmac]).toString('base64url');
      return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
    };
    const blocks = (plaintext: Buffer) => {
      const cipher = createCipheriv('aes-128-cbc', secret.subarray(16), Buffer.alloc(16)).setAutoPadding(false);
      return Buffer.concat([cipher.update(plaintext), cipher.final()]);
    };
    const good = Buffer.alloc(16, 16);
    expect(key.decrypt(sign(0x80, blocks(good)))).toHaveLength(0);
    const uneven = Buffer.from(good).fill(3, 13).fill(2, 14, 15);
    for (const padding of [Buffer.alloc(16, 0), Buffer.alloc(16, 17), uneven]) {
      expect(() => key.decrypt(sign(0x80, blocks(padding)))).toThrow(FernetError);
    }
    expect(() => key.decrypt(sign(0x81, blocks(good)))).toThrow(FernetError);
    expect(() => key.decrypt(sign(0x80, Buffer.alloc(0)))).toThrow(FernetError);
    expect(() => key.decrypt(sign(0x80, Buffer.alloc(24)))).toThrow(FernetError);
  });
});
