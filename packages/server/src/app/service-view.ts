import type { CredentialDescription } from '../domain/acl.js';
import type { Pairs } from '../domain/pairs.js';
import type { BlindCredential, Credential, Service } from '../domain/records.js';
import type { ServiceRead } from '../ports/store.js';
import { isAllowed } from './access.js';
import type { App, Caller } from './app.js';
import { type BlindCredentialView, blindCredentialView } from './blind-credential-view.js';
import { type Permissions, type VisibleCredential, visibleCredential } from './credential-view.js';
import { sortForDisplay } from './lists.js';
import { readMany } from './timers.js';

/**
 * The parts of a service and of its credentials that a caller may see. Both kinds of credentials stand in the order
 * they are shown.
 */
export interface ServiceView {
  service: Service;
  credentials: VisibleCredential[];
  blindCredentials: BlindCredentialView[];
  permissions: Permissions;
}

/** The decrypted credentials of a service. Callers see them only through {@link visibleParts}. */
export interface OpenedMapping {
  credentials: { credential: Credential; pairs: Pairs }[];
  blindCredentials: BlindCredential[];
}

/** Whether a caller may see the values or the ciphertext of a credential. */
export type Visibility = (id: string) => boolean;
export const NONE_VISIBLE: Visibility = () => false;

/** Measures a part of a use-case. */
export type Part = <Result>(name: string, work: () => Promise<Result>) => Promise<Result>;

/** @param read reads the mapped rows; some stores have them at hand already */
export async function openMapping(
  app: App,
  service: Service,
  part: Part = (_name, work) => work(),
  read?: ServiceRead,
): Promise<OpenedMapping> {
  const [credentials, blind] = await Promise.all([
    part('db_get_credentials', () =>
      readMany(app, 'credential', service.credentials, read && (() => read.mapped('credential'))),
    ),
    part('db_get_blind_credentials', () =>
      readMany(app, 'blind-credential', service.blindCredentials, read && (() => read.mapped('blind-credential'))),
    ),
  ]);
  return part('build_response', async () => ({
    credentials: await Promise.all(
      sortForDisplay([...credentials.values()]).map(async (credential) => ({
        credential,
        pairs: await app.sealer.open(credential.id, credential.sealed),
      })),
    ),
    blindCredentials: sortForDisplay([...blind.values()]),
  }));
}

/**
 * Decides which values a caller may see: a service sees everything that is mapped to it, a person what the policy lets
 * them `get`. This reads nothing, since names and tags are at hand.
 */
export async function visibilityFor(
  app: App,
  caller: Caller,
  { credentials, blindCredentials }: OpenedMapping,
): Promise<Visibility> {
  if (caller.principal.type === 'service') return () => true;
  const ask = async (
    type: 'credential' | 'blind_credential',
    id: string,
    resource: CredentialDescription,
  ): Promise<string[]> =>
    (await isAllowed(app, caller, { resourceType: type, action: 'get', resourceId: id, resource })) ? [id] : [];
  const allowed = await Promise.all([
    ...credentials.map(({ credential }) => ask('credential', credential.id, credential)),
    ...blindCredentials.map(({ id, name }) => ask('blind_credential', id, { name, tags: [] })),
  ]);
  const ids = new Set(allowed.flat());
  return (id) => ids.has(id);
}

/** The part that a caller sees: metadata and keys of everything, values and ciphertext of what is visible. */
export function visibleParts(
  { credentials, blindCredentials }: OpenedMapping,
  isVisible: Visibility,
): Pick<ServiceView, 'credentials' | 'blindCredentials'> {
  return {
    credentials: credentials.map(({ credential, pairs }) =>
      visibleCredential(credential, pairs, isVisible(credential.id)),
    ),
    blindCredentials: blindCredentials.map((row) => blindCredentialView(row, isVisible(row.id))),
  };
}
