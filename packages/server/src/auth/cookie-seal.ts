import { hkdfSync } from 'node:crypto';
import { compactDecrypt, CompactEncrypt } from 'jose';

/** Longer texts are not opened: browsers keep no cookie beyond 4 KB, and no session in a store is this large. */
const MAX_SEALED_LENGTH = 64 * 1024;

const bytes = new TextEncoder();
const text = new TextDecoder('utf-8', { fatal: true });

interface Key {
  id: string;
  secret: Uint8Array;
}

/**
 * Encrypts and authenticates small JSON values (JWE, direct A256GCM) under a key derived from SESSION_SECRET. `purpose`
 * is part of the derivation, so that what was sealed for one use does not open in another.
 */
export class CookieSeal {
  readonly #keys: readonly Key[];

  /** @param secrets the first one seals and all open, so that a secret can be rotated without logging people out */
  constructor(secrets: readonly string[], purpose: string) {
    if (secrets.length === 0) throw new Error('a session secret is needed');
    this.#keys = secrets.map((secret) => ({
      id: derive(secret, `confidant ${purpose} key id v1`, 6).toString('base64url'),
      secret: derive(secret, `confidant ${purpose} v1`, 32),
    }));
  }

  async seal(value: unknown): Promise<string> {
    const { id, secret } = this.#keys[0]!;
    return new CompactEncrypt(bytes.encode(JSON.stringify(value)))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: id })
      .encrypt(secret);
  }

  /** Returns undefined when the text was not sealed with one of the secrets for this purpose, or was changed since. */
  async open(sealed: string): Promise<unknown> {
    if (sealed.length > MAX_SEALED_LENGTH) return undefined;
    try {
      const { plaintext } = await compactDecrypt(
        sealed,
        ({ kid }) => {
          const key = this.#keys.find(({ id }) => id === kid);
          if (key === undefined) throw new Error('unknown key');
          return key.secret;
        },
        { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] },
      );
      return JSON.parse(text.decode(plaintext)) as unknown;
    } catch {
      // Foreign, damaged and tampered cookies all count as absent.
      return undefined;
    }
  }
}

function derive(secret: string, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', info, length));
}
