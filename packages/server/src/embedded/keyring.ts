import { randomBytes } from 'node:crypto';
import { KmsRefused, type EncryptionContext, type KmsGrants, type KmsLike } from '@confidant/kmsauth';
import { blobKeyId, canonicalContext, openBlob, sealBlob } from './ciphertext-blob.js';
import { KeyStore, type KeyringAlias, type KeyringGrant, type KeyringKey } from './key-store.js';

/** The account in the ARNs of embedded keys; AWS gives it to no customer. */
export const EMBEDDED_ACCOUNT_ID = '000000000000';

/** AWS's limit for GenerateRandom. */
const MAX_RANDOM_BYTES = 1024;
const REGION = /^[a-z]{2,8}(-[a-z]{2,16}){1,3}-[0-9]{1,2}$/;
const ALIAS = /^alias\/(?!aws\/)[A-Za-z0-9/_-]{1,250}$/;
const ARN = /^arn:aws:kms:([^:]*):([^:]*):(key\/([^:]*)|alias\/[^:]*)$/;
const PRINCIPAL = /^[\w+=,.@:/-]{1,256}$/;
const GRANT_NAME = /^[A-Za-z0-9:/_-]{0,256}$/;
const GRANT_OPERATIONS: ReadonlySet<string> = new Set([
  'CreateGrant',
  'Decrypt',
  'DescribeKey',
  'Encrypt',
  'GenerateDataKey',
  'GenerateDataKeyWithoutPlaintext',
  'ReEncryptFrom',
  'ReEncryptTo',
  'RetireGrant',
]);

/** `arn:aws:kms:<region>:000000000000:key/<uuid>` */
export const keyArnOf = (key: Pick<KeyringKey, 'region' | 'id'>): string =>
  `arn:aws:kms:${key.region}:${EMBEDDED_ACCOUNT_ID}:key/${key.id}`;

/**
 * The KMS of the embedded server: symmetric keys in the data directory, separate by region as in AWS. A ciphertext or
 * alias of one region means nothing in another.
 *
 * Any number of processes may hold the same data directory open. Where a method takes a `keyId`, it is a key id, a key
 * ARN, `alias/name` or an alias's ARN. Methods throw KmsRefused with AWS's error names, and KmsUnavailable when the
 * file cannot be read or written in time.
 */
export class Keyring {
  readonly #store: KeyStore;

  private constructor(store: KeyStore) {
    this.#store = store;
  }

  /**
   * Opens `<dataDir>/keyring.db`. The first start makes the directory (0700), the file (0600) and three keys in
   * us-east-1: alias/confidant-master, alias/confidant-service and alias/confidant-user. Processes that start at once
   * agree on one file; one killed half-way leaves nothing the next could mistake for a keyring.
   *
   * @param options.mustExist throw instead of starting a new keyring: for a data directory that already holds
   *   credentials, which new keys could never open
   * @param options.busyTimeoutMs how long every call waits, and holds up this process, while another one writes; 2 s
   * @throws PrivateFileError, whose message says what to do: file readable by others, directory writable by others, not
   *   a keyring, missing
   */
  static open(dataDir: string, options: { mustExist?: boolean; busyTimeoutMs?: number } = {}): Keyring {
    return new Keyring(KeyStore.open(dataDir, options));
  }

  /** Releases the file. */
  close(): void {
    this.#store.close();
  }

  /**
   * Makes a key, with an alias when one is given.
   *
   * @throws KmsRefused AlreadyExistsException when the region has the alias; ValidationException; LimitExceededException
   */
  createKey(region: string, alias?: string): KeyringKey {
    if (!REGION.test(region)) throw new KmsRefused('ValidationException');
    if (alias !== undefined && !ALIAS.test(alias)) throw new KmsRefused('ValidationException');
    return this.#store.createKey(region, alias);
  }

  /** Gives a key one more alias. @throws KmsRefused as {@link createKey}, and NotFoundException */
  createAlias(region: string, alias: string, keyId: string): void {
    if (!ALIAS.test(alias)) throw new KmsRefused('ValidationException');
    this.#store.createAlias(alias, this.find(region, keyId));
  }

  /** The key of the region with this id, ARN or alias. @throws KmsRefused NotFoundException */
  find(region: string, keyId: string): KeyringKey {
    let reference = keyId;
    if (keyId.startsWith('arn:')) {
      const [, arnRegion, account, resource, id] = ARN.exec(keyId) ?? [];
      if (arnRegion !== region || account !== EMBEDDED_ACCOUNT_ID || resource === undefined) {
        throw new KmsRefused('NotFoundException');
      }
      reference = id ?? resource;
    }
    const key = reference.startsWith('alias/')
      ? this.#store.keyByAlias(region, reference)
      : this.#store.keyById(region, reference);
    if (key === undefined) throw new KmsRefused('NotFoundException');
    return key;
  }

  /** The region's keys, by id. */
  keys(region: string): KeyringKey[] {
    return this.#store.keys(region);
  }

  /** The region's aliases, by name. */
  aliases(region: string): KeyringAlias[] {
    return this.#store.aliases(region);
  }

  /** The key's grants, by id. @throws KmsRefused NotFoundException */
  grants(region: string, keyId: string): KeyringGrant[] {
    return this.#store.grants(this.find(region, keyId));
  }

  /**
   * Makes a grant and returns its id; when the key has an equal one, that one's id.
   *
   * Grants are kept and listed but restrict nothing: anyone with the endpoint's access key may use every key.
   *
   * @param name a label, part of the grant's identity as in AWS
   * @throws KmsRefused NotFoundException, ValidationException, LimitExceededException
   */
  createGrant(
    region: string,
    request: {
      keyId: string;
      granteePrincipal: string;
      operations: readonly string[];
      contextSubset: EncryptionContext;
    },
    name = '',
  ): string {
    const operations = [...new Set(request.operations)].sort();
    if (
      !PRINCIPAL.test(request.granteePrincipal) ||
      !GRANT_NAME.test(name) ||
      operations.length === 0 ||
      !operations.every((operation) => GRANT_OPERATIONS.has(operation))
    ) {
      throw new KmsRefused('ValidationException');
    }
    canonicalContext(request.contextSubset);
    const contextSubset = Object.entries(request.contextSubset).sort(([a], [b]) => (a < b ? -1 : 1));
    const { granteePrincipal } = request;
    return this.#store.createGrant(this.find(region, request.keyId), {
      granteePrincipal,
      operations,
      contextSubset,
      name,
    });
  }

  /** @throws KmsRefused NotFoundException when the key has no such grant */
  revokeGrant(region: string, keyId: string, grantId: string): void {
    if (!this.#store.revokeGrant(this.find(region, keyId), grantId)) throw new KmsRefused('NotFoundException');
  }

  /**
   * The keyring as the KMS of one region. @throws KmsRefused ValidationException when it is not the name of a region
   */
  kms(region: string): KmsLike & KmsGrants {
    if (!REGION.test(region)) throw new KmsRefused('ValidationException');
    return {
      encrypt: async ({ keyId, plaintext, context }) => {
        const key = this.find(region, keyId);
        const material = this.#store.material(region, key.id);
        if (material === undefined) throw new KmsRefused('NotFoundException');
        const ciphertext = sealBlob(key.id, material, plaintext, context);
        return { ciphertext, keyArn: keyArnOf(key) };
      },
      decrypt: async ({ ciphertext, context }) => {
        const id = blobKeyId(ciphertext);
        const material = id === undefined ? undefined : this.#store.material(region, id);
        if (id === undefined || material === undefined) throw new KmsRefused('InvalidCiphertextException');
        return { plaintext: openBlob(material, ciphertext, context), keyArn: keyArnOf({ region, id }) };
      },
      generateRandom: async (byteCount) => {
        if (!Number.isInteger(byteCount) || byteCount < 1 || byteCount > MAX_RANDOM_BYTES) {
          throw new KmsRefused('ValidationException');
        }
        return randomBytes(byteCount);
      },
      describeKey: async (keyId) => ({ keyArn: keyArnOf(this.find(region, keyId)) }),
      listGrants: async (keyId) =>
        this.grants(region, keyId).map(({ grantId, granteePrincipal, operations, contextSubset }) => ({
          grantId,
          granteePrincipal,
          operations,
          contextSubset: Object.fromEntries(contextSubset),
        })),
      createGrant: async (request) => ({ grantId: this.createGrant(region, request) }),
      revokeGrant: async ({ keyId, grantId }) => this.revokeGrant(region, keyId, grantId),
    };
  }
}
