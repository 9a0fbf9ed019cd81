import { z } from 'zod';
import type { KeyringKey } from './key-store.js';
import { EMBEDDED_ACCOUNT_ID, keyArnOf } from './keyring.js';
import {
  findByIdOrArn,
  grantTokens,
  keyId,
  type Operation,
  operation,
  page,
  pageOf,
  SYMMETRIC,
} from './kms-operation.js';

/** The operations that describe, list and make keys and their aliases. */
export const KEY_OPERATIONS: readonly [name: string, Operation][] = [
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
          AliasArn: `arn:aws:kms:${region}:${EMBEDDED_ACCOUNT_ID}:${alias.alias}`,
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
];

function metadataOf(key: KeyringKey): Record<string, unknown> {
  return {
    AWSAccountId: EMBEDDED_ACCOUNT_ID,
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
