import { type KmsGrant, type KmsGrants, KmsRefused, KmsUnavailable } from '@confidant/kmsauth';
import { type AuthGrant, type AuthKeyGrants, BackendUnavailable, GrantRefused } from '../ports.js';

/** The grants on the key of services, AUTH_KEY. */
export function authKeyGrants(kms: KmsGrants, keyId: string): AuthKeyGrants {
  return {
    list: async () => (await kms.listGrants(keyId).catch(translate)).map(authGrant),
    listOf: async (principal) =>
      // AWS narrows the list; the stand-ins of KMS need not.
      (await kms.listGrants(keyId, { granteePrincipal: principal }).catch(translate))
        .map(authGrant)
        .filter((grant) => grant.principal === principal),
    create: async ({ principal, operations, context }) => {
      await kms
        .createGrant({ keyId, granteePrincipal: principal, operations, contextSubset: context })
        .catch(translate);
    },
    revoke: async (id) => {
      await kms.revokeGrant({ keyId, grantId: id }).catch((error: unknown) => {
        // Somebody was faster.
        if (error instanceof KmsRefused && error.code === 'NotFoundException') return;
        translate(error);
      });
    },
  };
}

function authGrant({ grantId, granteePrincipal, operations, contextSubset }: KmsGrant): AuthGrant {
  return { id: grantId, principal: granteePrincipal, operations, context: contextSubset };
}

function translate(error: unknown): never {
  if (error instanceof KmsUnavailable) throw new BackendUnavailable('kms', { cause: error });
  if (error instanceof KmsRefused) throw new GrantRefused(error.code, { cause: error });
  throw error;
}
