/** A KMS encryption context: names and values that KMS binds to the ciphertext. */
export type EncryptionContext = Readonly<Record<string, string>>;

/**
 * The part of KMS that this project uses. It is implemented by AWS KMS, by the embedded keyring and by tests.
 *
 * Every method rejects with {@link KmsRefused} when KMS refuses the request (wrong context, foreign ciphertext, unknown
 * key, access denied), and with {@link KmsUnavailable} when there is no usable response (timeout, network, throttling,
 * a 5xx). Callers must distinguish the two: the first is the caller's fault, the second never is.
 */
export interface KmsLike {
  /** Encrypts at most 4096 bytes. `keyId`: a key id, an ARN or `alias/name`. */
  encrypt(request: { keyId: string; plaintext: Uint8Array; context: EncryptionContext }): Promise<{
    ciphertext: Uint8Array;
    keyArn: string;
  }>;
  /** `keyArn` is the key that made the ciphertext, as KMS reports it; a caller cannot forge it. */
  decrypt(request: { ciphertext: Uint8Array; context: EncryptionContext }): Promise<{
    plaintext: Uint8Array;
    keyArn: string;
  }>;
  /** Returns 1 to 1024 random bytes from KMS. */
  generateRandom(byteCount: number): Promise<Uint8Array>;
  /** Resolves a key id, ARN or `alias/name` to the key's ARN. */
  describeKey(keyId: string): Promise<{ keyArn: string }>;
}

/** A KMS grant. Operations have KMS's names, for example `Encrypt`. */
export interface KmsGrant {
  grantId: string;
  granteePrincipal: string;
  operations: readonly string[];
  /** The EncryptionContextSubset constraint; empty when there is none. */
  contextSubset: EncryptionContext;
}

/**
 * The calls about grants, separate from {@link KmsLike} because only the server needs them. `keyId` is a key id or an
 * ARN: unlike in all other calls, AWS does not accept an alias here.
 */
export interface KmsGrants {
  /** Lists all grants of the key, every page. Implementations may omit grants to others than `granteePrincipal`. */
  listGrants(keyId: string, options?: { granteePrincipal?: string }): Promise<KmsGrant[]>;
  createGrant(request: {
    keyId: string;
    granteePrincipal: string;
    operations: readonly string[];
    contextSubset: EncryptionContext;
  }): Promise<{ grantId: string }>;
  revokeGrant(request: { keyId: string; grantId: string }): Promise<void>;
}

/** KMS refused the request. `code` is KMS's error name, for example `InvalidCiphertextException`. */
export class KmsRefused extends Error {
  override readonly name = 'KmsRefused';
  constructor(
    readonly code: string,
    options?: ErrorOptions,
  ) {
    super(`KMS refused the request (${code})`, options);
  }
}

/** KMS gave no usable response in time. `code` is the error name of the network or of KMS. */
export class KmsUnavailable extends Error {
  override readonly name = 'KmsUnavailable';
  constructor(
    readonly code: string,
    options?: ErrorOptions,
  ) {
    super(`KMS is unavailable (${code})`, options);
  }
}

/** Turns a bare name into an alias, as in the original's guide; ids, ARNs and `alias/x` stay as they are. */
export function keyReference(key: string): string {
  const isKeyId = /^(mrk-)?[0-9a-f]{8,}(-[0-9a-f]{4}){0,3}(-?[0-9a-f]{12,})?$/i.test(key) && key.length >= 32;
  return key.includes(':') || key.startsWith('alias/') || isKeyId || key === '' ? key : `alias/${key}`;
}
