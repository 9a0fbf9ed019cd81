import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { KmsRefused, KmsUnavailable, type EncryptionContext, type KmsLike } from '../src/index.js';

/** Reads a recording, a file of `test/golden` at the root of the workspace. */
export function golden(name: string): string {
  return readFileSync(new URL(`../../../test/golden/${name}`, import.meta.url), 'utf8');
}

export function goldenJson<Shape>(name: string): Shape {
  return JSON.parse(golden(name)) as Shape;
}

type Operation = 'encrypt' | 'decrypt' | 'generateRandom' | 'describeKey';

/**
 * A KMS in memory with real AES-GCM: the encryption context is associated data, the ciphertext names its key, and
 * aliases can be re-pointed. `calls` counts calls, operations in `down` are unavailable, and `gate` delays every answer.
 */
export class MemoryKms implements KmsLike {
  readonly calls: Record<Operation, number> = { encrypt: 0, decrypt: 0, generateRandom: 0, describeKey: 0 };
  readonly contexts: EncryptionContext[] = [];
  readonly down = new Set<Operation>();
  gate: Promise<void> = Promise.resolve();
  readonly #keys = new Map<string, Buffer>();
  readonly #aliases = new Map<string, string>();
  readonly #region: string;

  constructor(region = 'us-east-1') {
    this.#region = region;
  }

  /** Makes a key and points the aliases at it; returns its ARN. */
  addKey(...aliases: string[]): string {
    const id = randomUUID();
    this.#keys.set(id, randomBytes(32));
    for (const alias of aliases) this.#aliases.set(alias, id);
    return this.#arn(id);
  }

  pointAlias(alias: string, keyArn: string): void {
    this.#aliases.set(alias, this.#resolve(keyArn));
  }

  removeAlias(alias: string): void {
    this.#aliases.delete(alias);
  }

  async encrypt({ keyId, plaintext, context }: { keyId: string; plaintext: Uint8Array; context: EncryptionContext }) {
    await this.#begin('encrypt');
    const id = this.#resolve(keyId);
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(id), iv).setAAD(associated(context));
    const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return { ciphertext: Buffer.concat([Buffer.from(id), iv, cipher.getAuthTag(), body]), keyArn: this.#arn(id) };
  }

  async decrypt({ ciphertext, context }: { ciphertext: Uint8Array; context: EncryptionContext }) {
    this.contexts.push(context);
    await this.#begin('decrypt');
    const bytes = Buffer.from(ciphertext);
    const id = bytes.subarray(0, 36).toString('latin1');
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(id), bytes.subarray(36, 48));
      decipher.setAAD(associated(context)).setAuthTag(bytes.subarray(48, 64));
      const plaintext = Buffer.concat([decipher.update(bytes.subarray(64)), decipher.final()]);
      return { plaintext, keyArn: this.#arn(id) };
    } catch {
      throw new KmsRefused('InvalidCiphertextException');
    }
  }

  async generateRandom(byteCount: number) {
    await this.#begin('generateRandom');
    return randomBytes(byteCount);
  }

  async describeKey(keyId: string) {
    await this.#begin('describeKey');
    return { keyArn: this.#arn(this.#resolve(keyId)) };
  }

  async #begin(operation: Operation): Promise<void> {
    this.calls[operation] += 1;
    await this.gate;
    if (this.down.has(operation)) throw new KmsUnavailable('TimeoutError');
  }

  #arn(id: string): string {
    return `arn:aws:kms:${this.#region}:123456789012:key/${id}`;
  }

  #resolve(keyId: string): string {
    const id = this.#aliases.get(keyId) ?? keyId.replace(/^arn:.*:key\//, '');
    this.#keyOf(id);
    return id;
  }

  #keyOf(id: string): Buffer {
    const key = this.#keys.get(id);
    if (key === undefined) throw new KmsRefused('NotFoundException');
    return key;
  }
}

/** Keeps names and values apart: `{"ab": ""}` must not open `{"a": "b"}`. */
function associated(context: EncryptionContext): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(context).toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

interface RecordedAnswer {
  region: string;
  ciphertext: string;
  encryption_context: EncryptionContext;
  key_arn: string;
  plaintext: string;
}

interface RecordedToken {
  auth_key: string;
  description: string;
  encryption_context: EncryptionContext;
  username_for_basic_auth: string;
  token_for_basic_auth_password: string;
  plaintext_payload: string;
  kms_key_arn: string;
}

export const recordedTokens = goldenJson<{ tokens: RecordedToken[]; token_cache_file_contents: object }>(
  'kmsauth-tokens.json',
);

/** A KMS whose Decrypt answers as recorded: only for the recorded ciphertext and exactly its context. */
export function recordedKms(region = 'us-east-1'): KmsLike {
  const answers = new Map<string, { plaintext: Buffer; keyArn: string }>();
  for (const answer of goldenJson<RecordedAnswer[]>('kms-answers.json')) {
    if (answer.region !== region) continue;
    const id = answer.ciphertext + associated(answer.encryption_context).toString();
    answers.set(id, { plaintext: Buffer.from(answer.plaintext), keyArn: answer.key_arn });
  }
  const aliases = new Map<string, string>();
  for (const token of recordedTokens.tokens) {
    const id = token.token_for_basic_auth_password + associated(token.encryption_context).toString();
    answers.set(id, { plaintext: Buffer.from(token.plaintext_payload), keyArn: token.kms_key_arn });
    aliases.set(token.auth_key, token.kms_key_arn);
  }
  const notRecorded = async () => Promise.reject(new KmsRefused('AccessDeniedException'));
  return {
    encrypt: notRecorded,
    generateRandom: notRecorded,
    async decrypt({ ciphertext, context }) {
      const answer = answers.get(Buffer.from(ciphertext).toString('base64') + associated(context).toString());
      if (answer === undefined) throw new KmsRefused('InvalidCiphertextException');
      return answer;
    },
    async describeKey(keyId) {
      const keyArn = aliases.get(keyId);
      if (keyArn === undefined) throw new KmsRefused('NotFoundException');
      return { keyArn };
    },
  };
}
