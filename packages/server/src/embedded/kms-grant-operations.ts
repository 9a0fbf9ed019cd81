import { z } from 'zod';
import { EMBEDDED_ACCOUNT_ID, keyArnOf } from './keyring.js';
import {
  base64,
  findByIdOrArn,
  grantTokens,
  keyId,
  type Operation,
  operation,
  optionalContext,
  page,
  pageOf,
} from './kms-operation.js';

const ACCOUNT_ROOT = `arn:aws:iam::${EMBEDDED_ACCOUNT_ID}:root`;

/** The operations that make, list and revoke grants. */
export const GRANT_OPERATIONS: readonly [name: string, Operation][] = [
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
            ...(grant.contextSubset.length > 0 && {
              Constraints: { EncryptionContextSubset: Object.fromEntries(grant.contextSubset) },
            }),
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
];
