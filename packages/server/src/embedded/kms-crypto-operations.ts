import { z } from 'zod';
import { KmsRefused } from '@confidant/kmsauth';
import { keyArnOf } from './keyring.js';
import {
  algorithm,
  base64,
  blob,
  grantTokens,
  keyId,
  type Operation,
  operation,
  optionalContext,
  type Place,
  SYMMETRIC,
} from './kms-operation.js';

const dataKeySize = {
  KeyId: keyId,
  EncryptionContext: optionalContext,
  KeySpec: z.enum(['AES_256', 'AES_128']).optional(),
  NumberOfBytes: z.int().min(1).max(1024).optional(),
  GrantTokens: grantTokens,
};

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

/** The operations that use keys: encrypting, decrypting, and making random bytes and data keys. */
export const CRYPTO_OPERATIONS: readonly [name: string, Operation][] = [
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
];
