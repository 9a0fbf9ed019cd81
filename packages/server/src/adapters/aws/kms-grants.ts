import { type KmsGrant, type KmsGrants, type KmsLike, KmsRefused, KmsUnavailable } from '@confidant/kmsauth';
import { type AuthGrant, type AuthKeyGrants, GrantRefused } from '../../ports/grants.js';
import { BackendUnavailable } from '../../ports/unavailable.js';

/** The grants on AUTH_KEY, the key of services. */
export function authKeyGrants(kms: Pick<KmsLike, 'describeKey'> & KmsGrants, keyReference: string): AuthKeyGrants {
  /** KMS takes aliases everywhere but in its calls for grants. */
  async function keyId(): Promise<string> {
    if (!keyReference.includes('alias/')) return keyReference;
    return (await kms.describeKey(keyReference)).keyArn;
  }

  return {
    list: () =>
      withGrantRefused(async () => {
        const grants = await kms.listGrants(await keyId());
        return grants.map(authGrant);
      }),
    listOf: (principal) =>
      withGrantRefused(async () => {
        const grants = await kms.listGrants(await keyId(), { granteePrincipal: principal });
        // AWS narrows the list; other implementations need not.
        return grants.map(authGrant).filter((grant) => grant.principal === principal);
      }),
    create: ({ principal, operations, context }) =>
      withGrantRefused(async () => {
        const grant = { granteePrincipal: principal, operations, contextSubset: context };
        await kms.createGrant({ keyId: await keyId(), ...grant });
      }),
    revoke: (id) =>
      withGrantRefused(async () => {
        const key = await keyId();
        await kms.revokeGrant({ keyId: key, grantId: id }).catch((error: unknown) => {
          // Another server or operator has revoked it already.
          if (!(error instanceof KmsRefused && error.code === 'NotFoundException')) throw error;
        });
      }),
  };
}

async function withGrantRefused<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KmsUnavailable) throw new BackendUnavailable('kms', { cause: error });
    if (error instanceof KmsRefused) throw new GrantRefused(error.code, { cause: error });
    throw error;
  }
}

function authGrant({ grantId, granteePrincipal, operations, contextSubset }: KmsGrant): AuthGrant {
  return { id: grantId, principal: granteePrincipal, operations, context: contextSubset };
}
