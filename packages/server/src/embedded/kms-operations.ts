import { z } from 'zod';
import { KmsRefused, type EncryptionContext } from '@confidant/kmsauth';
import { isPlainObject } from '../domain/plain-object.js';
import type { LocalKey } from './key-store.js';
import { keyArnOf, LOCAL_ACCOUNT_ID, type Keyring } from './keyring.js';

/**
 * The operations of KMS that the local endpoint speaks, in AWS's JSON shapes. What AWS would do and the keyring cannot
 * (asymmetric keys, policies, retiring principals, dry runs ...) is refused, never ignored: a request that works here
 * must mean the same on AWS.
 */

const SYMMETRIC = 'SYMMETRIC_DEFAULT';
const ACCOUNT_ROOT = `arn:aws:iam::${LOCAL_ACCOUNT_ID}:root`;

const keyId = z.string().min(1).max(2048);
const blob = (maxBytes: number) =>
  z
    .base64()
    .min(1)
    .max(4 * Math.ceil(maxBytes / 3))
    .transform((text) => Buffer.from(text, 'base64'));

// Not z.record: it drops the name `__proto__`, and a context is bound whole or not at all.
const context = z.custom<EncryptionContext>(
  (value) => isPlainObject(value) && Object.values(value).every((item) => typeof item === 'string'),
);
const optionalContext = context.optional().transform((value) => value ?? {});
const algorithm = z.literal(SYMMETRIC).optional();
// Tokens bridge the minutes until a new grant is known everywhere; here it is known at once.
const grantTokens = z.array(z.string()).max(10).optional();

const dataKeySize = {
  KeyId: keyId,
  EncryptionContext: optionalContext,
  KeySpec: z.enum(['AES_256', 'AES_128']).optional(),
  NumberOfBytes: z.int().min(1).max(1024).optional(),
  GrantTokens: grantTokens,
};

const page = (maxLimit: number) => ({
  Limit: z.int().min(1).max(maxLimit).optional(),
  Marker: z.string().min(1).max(1024).optional(),
});

interface Place {
  keyring: Keyring;
  /** The region that the request's signature addresses. */
  region: string;
}
type Answer = Record<string, unknown> | undefined;
type Operation = (place: Place, body: unknown) => Promise<Answer>;

function operation<S extends z.ZodType>(
  schema: S,
  run: (place: Place, input: z.output<S>) => Promise<Answer> | Answer,
) {
  return async (place: Place, body: unknown): Promise<Answer> => {
    const parsed = schema.safeParse(body);
    if (!parsed.success) {
      const unknownMember = parsed.error.issues.some((issue) => issue.code === 'unrecognized_keys');
      throw new KmsRefused(unknownMember ? 'UnsupportedOperationException' : 'ValidationException');
    }
    return run(place, parsed.data);
  };
}

const generateDataKey = async (
  { keyring, region }: Place,
  input: z.output<z.ZodObject<typeof dataKeySize>>,
): Promise<{ plaintext: Uint8Array; sealed: { CiphertextBlob: string; KeyId: string } }> => {
  if ((input.KeySpec === undefined) === (input.NumberOfBytes === undefined)) {
    throw new KmsRefused('ValidationException');
  }
  const kms = keyring.kms(region);
  const plaintext = await kms.generateRandom(input.NumberOfBytes ?? (input.KeySpec === 'AES_128' ? 16 : 32));
  const { ciphertext, keyArn } = await kms.encrypt({
    keyId: input.KeyId,
    plaintext,
    context: input.EncryptionContext,
  });
  return { plaintext, sealed: { CiphertextBlob: base64(ciphertext), KeyId: keyArn } };
};

/** By the name that follows `TrentService.` in X-Amz-Target. Rejections are KmsRefused with AWS's error names. */
export const KMS_OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  [
    'Encrypt',
    operation(
      z.strictObject({
        KeyId: keyId,
        Plaintext: blob(4096),
        EncryptionContext: optionalContext,
        EncryptionAlgorithm: algorithm,
        GrantTokens: grantTokens,
      }),
      async ({ keyring, region }, { KeyId, Plaintext, EncryptionContext }) => {
        const request = { keyId: KeyId, plaintext: Plaintext, context: EncryptionContext };
        const { ciphertext, keyArn } = await keyring.kms(region).encrypt(request);
        return { CiphertextBlob: base64(ciphertext), KeyId: keyArn, EncryptionAlgorithm: SYMMETRIC };
      },
    ),
  ],
  [
    'Decrypt',
    operation(
      z.strictObject({
        CiphertextBlob: blob(6144),
        EncryptionContext: optionalContext,
        KeyId: keyId.optional(),
        EncryptionAlgorithm: algorithm,
        GrantTokens: grantTokens,
      }),
      async ({ keyring, region }, { CiphertextBlob, EncryptionContext, KeyId }) => {
        const expected = KeyId === undefined ? undefined : keyArnOf(keyring.find(region, KeyId));
        const request = { ciphertext: CiphertextBlob, context: EncryptionContext };
        const { plaintext, keyArn } = await keyring.kms(region).decrypt(request);
        if (expected !== undefined && expected !== keyArn) throw new KmsRefused('IncorrectKeyException');
        return { Plaintext: base64(plaintext), KeyId: keyArn, EncryptionAlgorithm: SYMMETRIC };
      },
    ),
  ],
  [
    'GenerateRandom',
    operation(z.strictObject({ NumberOfBytes: z.int().min(1).max(1024) }), async ({ keyring, region }, input) => ({
      Plaintext: base64(await keyring.kms(region).generateRandom(input.NumberOfBytes)),
    })),
  ],
  [
    'GenerateDataKey',
    operation(z.strictObject(dataKeySize), async (place, input) => {
      const { plaintext, sealed } = await generateDataKey(place, input);
      return { ...sealed, Plaintext: base64(plaintext) };
    }),
  ],
  [
    'GenerateDataKeyWithoutPlaintext',
    operation(z.strictObject(dataKeySize), async (place, input) => (await generateDataKey(place, input)).sealed),
  ],
  [
    'DescribeKey',
    operation(z.strictObject({ KeyId: keyId, GrantTokens: grantTokens }), ({ keyring, region }, { KeyId }) => ({
      KeyMetadata: metadataOf(keyring.find(region, KeyId)),
    })),
  ],
  [
    'ListKeys',
    operation(z.strictObject(page(1000)), ({ keyring, region }, input) => {
      const { items, more } = pageOf(keyring.keys(region), (key) => key.id, input, 100);
      return { Keys: items.map((key) => ({ KeyId: key.id, KeyArn: keyArnOf(key) })), ...more };
    }),
  ],
  [
    'ListAliases',
    operation(z.strictObject({ KeyId: keyId.optional(), ...page(100) }), ({ keyring, region }, input) => {
      const ofKey = input.KeyId === undefined ? undefined : findByIdOrArn({ keyring, region }, input.KeyId).id;
      const aliases = keyring.aliases(region).filter((alias) => ofKey === undefined || alias.keyId === ofKey);
      const { items, more } = pageOf(aliases, (alias) => alias.alias, input, 50);
      return {
        Aliases: items.map((alias) => ({
          AliasName: alias.alias,
          AliasArn: `arn:aws:kms:${region}:${LOCAL_ACCOUNT_ID}:${alias.alias}`,
          TargetKeyId: alias.keyId,
          CreationDate: alias.createdAtSeconds,
          LastUpdatedDate: alias.createdAtSeconds,
        })),
        ...more,
      };
    }),
  ],
  [
    'CreateKey',
    operation(
      z.strictObject({
        KeyUsage: z.literal('ENCRYPT_DECRYPT').optional(),
        KeySpec: z.literal(SYMMETRIC).optional(),
        CustomerMasterKeySpec: z.literal(SYMMETRIC).optional(),
        Origin: z.literal('AWS_KMS').optional(),
        MultiRegion: z.literal(false).optional(),
      }),
      ({ keyring, region }) => ({ KeyMetadata: metadataOf(keyring.createKey(region)) }),
    ),
  ],
  [
    'CreateAlias',
    operation(z.strictObject({ AliasName: z.string().max(256), TargetKeyId: keyId }), (place, input) => {
      const key = findByIdOrArn(place, input.TargetKeyId);
      place.keyring.createAlias(place.region, input.AliasName, key.id);
      return undefined;
    }),
  ],
  [
    'CreateGrant',
    operation(
      z.strictObject({
        KeyId: keyId,
        GranteePrincipal: z.string(),
        Operations: z.array(z.string()).max(32),
        Constraints: z.strictObject({ EncryptionContextSubset: optionalContext }).optional(),
        Name: z.string().min(1).optional(),
        GrantTokens: grantTokens,
      }),
      (place, input) => {
        const grantId = place.keyring.createGrant(
          place.region,
          {
            keyId: findByIdOrArn(place, input.KeyId).id,
            granteePrincipal: input.GranteePrincipal,
            operations: input.Operations,
            contextSubset: input.Constraints?.EncryptionContextSubset ?? {},
          },
          input.Name,
        );
        return { GrantId: grantId, GrantToken: base64(Buffer.from(grantId, 'hex')) };
      },
    ),
  ],
  [
    'ListGrants',
    operation(
      z.strictObject({
        KeyId: keyId,
        GrantId: z.string().optional(),
        GranteePrincipal: z.string().optional(),
        ...page(100),
      }),
      (place, input) => {
        const key = findByIdOrArn(place, input.KeyId);
        const grants = place.keyring
          .grants(place.region, key.id)
          .filter((grant) => input.GrantId === undefined || grant.grantId === input.GrantId)
          .filter(({ granteePrincipal }) => (input.GranteePrincipal ?? granteePrincipal) === granteePrincipal);
        const { items, more } = pageOf(grants, (grant) => grant.grantId, input, 50);
        return {
          Grants: items.map((grant) => ({
            KeyId: keyArnOf(key),
            GrantId: grant.grantId,
            Name: grant.name,
            CreationDate: grant.createdAtSeconds,
            GranteePrincipal: grant.granteePrincipal,
            IssuingAccount: ACCOUNT_ROOT,
            Operations: grant.operations,
            ...(grant.contextSubset.length > 0
              ? { Constraints: { EncryptionContextSubset: Object.fromEntries(grant.contextSubset) } }
              : {}),
          })),
          ...more,
        };
      },
    ),
  ],
  [
    'RevokeGrant',
    operation(z.strictObject({ KeyId: keyId, GrantId: z.string() }), (place, { KeyId, GrantId }) => {
      place.keyring.revokeGrant(place.region, findByIdOrArn(place, KeyId).id, GrantId);
      return undefined;
    }),
  ],
]);

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Where AWS takes no alias, neither do we: what works here must work there. */
function findByIdOrArn({ keyring, region }: Place, reference: string): LocalKey {
  if (/^(arn:.*:)?alias\//.test(reference)) throw new KmsRefused('NotFoundException');
  return keyring.find(region, reference);
}

function metadataOf(key: LocalKey): Record<string, unknown> {
  return {
    AWSAccountId: LOCAL_ACCOUNT_ID,
    Arn: keyArnOf(key),
    CreationDate: key.createdAtSeconds,
    CustomerMasterKeySpec: SYMMETRIC,
    Description: '',
    Enabled: true,
    EncryptionAlgorithms: [SYMMETRIC],
    KeyId: key.id,
    KeyManager: 'CUSTOMER',
    KeySpec: SYMMETRIC,
    KeyState: 'Enabled',
    KeyUsage: 'ENCRYPT_DECRYPT',
    MultiRegion: false,
    Origin: 'AWS_KMS',
  };
}

/** One page of items sorted by `idOf`; the marker is the id of the last item before it, so deletions do not upset it. */
function pageOf<T>(
  sorted: T[],
  idOf: (item: T) => string,
  request: { Limit?: number | undefined; Marker?: string | undefined },
  defaultLimit: number,
): { items: T[]; more: { Truncated: boolean; NextMarker?: string } } {
  const limit = request.Limit ?? defaultLimit;
  const after = request.Marker === undefined ? undefined : Buffer.from(request.Marker, 'base64url').toString('utf8');
  const rest = after === undefined ? sorted : sorted.filter((item) => idOf(item) > after);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  if (last === undefined || rest.length <= limit) return { items, more: { Truncated: false } };
  return { items, more: { Truncated: true, NextMarker: Buffer.from(idOf(last), 'utf8').toString('base64url') } };
}
