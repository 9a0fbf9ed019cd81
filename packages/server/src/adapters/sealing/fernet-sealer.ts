import { isPlainObject, parseJson, pythonJson } from '@confidant/contract';
import { type DataKeys, FernetError, FernetKey, KmsRefused, KmsUnavailable } from '@confidant/kmsauth';
import type { Pairs } from '../../domain/pairs.js';
import type { SealedPairs } from '../../domain/records.js';
import { type Sealer, Unreadable } from '../../ports/sealer.js';
import { BackendUnavailable } from '../../ports/unavailable.js';

/** compat: the only at-rest format of the original's last releases. */
const CIPHER_VERSION = 2;
const CLEAR_PREFIX = 'DANGER_NOT_ENCRYPTED_';

/** The sealer of cipher version 2: Fernet under a data key of its own, which KMS encrypts for the credential's id. */
export function fernetSealer(dataKeys: DataKeys): Sealer {
  return {
    async seal(id, pairs) {
      const { key, wrapped } = await dataKeys.create({ id }).catch(sealingFailed);
      return { token: key.encrypt(encode(pairs)), dataKey: wrapped, cipherVersion: CIPHER_VERSION };
    },
    async open(id, sealed) {
      requireVersion(sealed);
      // compat: the context is the id without its revision, for archived revisions too.
      const key = await dataKeys.open(sealed.dataKey, { id }).catch(translate);
      try {
        return decode(key.decrypt(sealed.token));
      } catch (error) {
        return translate(error);
      }
    },
  };
}

/**
 * The sealer of USE_ENCRYPTION=false, for development: pairs in clear, marked as such, and the data key in clear
 * (compat). It opens nothing that was encrypted, and the other sealer opens nothing that was not.
 */
export function clearSealer(random32: () => Uint8Array): Sealer {
  return {
    seal(_id, pairs) {
      const dataKey = Buffer.from(FernetKey.generateText(random32())).toString('base64');
      const token = `${CLEAR_PREFIX}${Buffer.from(encode(pairs)).toString('base64')}`;
      return Promise.resolve({ token, dataKey, cipherVersion: CIPHER_VERSION });
    },
    open(_id, sealed) {
      requireVersion(sealed);
      if (!sealed.token.startsWith(CLEAR_PREFIX)) return Promise.reject(new Unreadable('the pairs are encrypted'));
      return Promise.resolve(decode(Buffer.from(sealed.token.slice(CLEAR_PREFIX.length), 'base64')));
    },
  };
}

function requireVersion(sealed: SealedPairs): void {
  if (sealed.cipherVersion !== CIPHER_VERSION) {
    throw new Unreadable(`cipher version ${sealed.cipherVersion} is not known`);
  }
}

function encode(pairs: Pairs): Buffer {
  return Buffer.from(pythonJson(pairs));
}

function decode(plaintext: Uint8Array): Pairs {
  const pairs = parseJson(Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength).toString('utf8'));
  if (!isPlainObject(pairs)) throw new Unreadable('the plaintext is not a JSON object');
  return pairs as Pairs;
}

/** Explains a failure to make a data key: the settings or KMS's permissions are wrong, not a credential. */
function sealingFailed(error: unknown): never {
  if (error instanceof KmsUnavailable) throw new BackendUnavailable('kms', { cause: error });
  const reason = 'KMS did not make a data key: check KMS_MASTER_KEY, and that this server may use it';
  throw new BackendUnavailable('kms', { cause: new Error(reason, { cause: error }) });
}

function translate(error: unknown): never {
  if (error instanceof KmsUnavailable) throw new BackendUnavailable('kms', { cause: error });
  // Every other refusal of KMS is about this server or its key, not about the credential.
  if (error instanceof KmsRefused && !['InvalidCiphertextException', 'IncorrectKeyException'].includes(error.code)) {
    throw new BackendUnavailable('kms', { cause: error });
  }
  if (error instanceof KmsRefused || error instanceof FernetError || error instanceof SyntaxError) {
    throw new Unreadable('a credential cannot be decrypted', { cause: error });
  }
  throw error;
}
