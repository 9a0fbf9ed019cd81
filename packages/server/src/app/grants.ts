import { type AuthGrant, GrantRefused } from '../ports/grants.js';
import { type GrantShape, isGrant, wantedGrants } from '../domain/grants.js';
import { Refusal } from '../domain/refusal.js';
import { audited, authorize, refuseOtherAccount } from './access.js';
import type { App, Caller } from './app.js';

/** Which of its two grants a service has. */
export interface GrantsView {
  id: string;
  encrypt: boolean;
  decrypt: boolean;
}

/** compat: callers who may list services may list roles. */
export async function listRoles(app: App, caller: Caller): Promise<string[]> {
  await authorize(app, caller, { resourceType: 'service', action: 'list' }, 'list roles');
  return app.roles.list();
}

/** compat: a service that is not an IAM role has no grants, which is not an error. */
export async function getGrants(app: App, caller: Caller, id: string): Promise<GrantsView> {
  await authorize(
    app,
    caller,
    { resourceType: 'service', action: 'metadata', resourceId: id },
    `get grants for service ${id}`,
  );
  const found = await app.store.get('service', id);
  if (found === 'absent' || found === 'other-kind') throw new Refusal('not_found', 'Service not found.');
  refuseOtherAccount(caller, found);
  const arn = await app.roles.arnOf(id);
  return { id, ...(arn === undefined ? { encrypt: false, decrypt: false } : presenceOf(await grantsOf(app, id, arn))) };
}

/** Makes the missing grants. compat: with KMS_AUTH_MANAGE_GRANTS off it only reports which exist. */
export async function ensureGrants(app: App, caller: Caller, id: string): Promise<GrantsView> {
  await authorize(
    app,
    caller,
    { resourceType: 'service', action: 'update', resourceId: id, mapping: { ids: [] } },
    `ensure grants for service ${id}`,
  );
  return audited(app, caller, { action: 'ensure_grants', resourceType: 'service', resourceId: id }, async () => {
    const found = await app.store.get('service', id);
    if (found === 'other-kind') throw new Refusal('wrong_kind', 'id provided is not a service.');
    // compat: 400, unlike everywhere else.
    if (found === 'absent') throw new Refusal('invalid_request', 'id provided does not exist.');
    const arn = await app.roles.arnOf(id);
    if (arn === undefined) {
      if (app.manageGrants) throw new Refusal('grants_failed');
      return { id, encrypt: false, decrypt: false };
    }
    if (!app.manageGrants) return { id, ...presenceOf(await grantsOf(app, id, arn)) };
    try {
      await makeMissing(app, id, arn);
    } catch (error) {
      if (error instanceof GrantRefused) throw new Refusal('grants_failed', undefined, { cause: error });
      throw error;
    }
    return { id, encrypt: true, decrypt: true };
  });
}

/**
 * Makes the grants of a service that was just created. Never throws, since the service is written: `PUT grants` makes
 * what failed here.
 */
export async function makeGrantsOf(app: App, service: string): Promise<void> {
  if (!app.manageGrants) return;
  try {
    const arn = await app.roles.arnOf(service);
    // compat: a service need not be an IAM role.
    if (arn !== undefined) await makeMissing(app, service, arn);
  } catch (error) {
    app.warn('the KMS grants of a new service were not made; PUT grants makes them', { error, id: service });
  }
}

type GrantPorts = Pick<App, 'authGrants' | 'minimumTokenVersion'>;

/**
 * Makes the grants that the role `arn` lacks for `service`.
 *
 * @throws GrantRefused, BackendUnavailable
 */
export async function makeMissing(app: GrantPorts, service: string, arn: string): Promise<void> {
  const existing = await grantsOf(app, service, arn);
  for (const { shape, grant } of Object.values(existing)) {
    if (grant === undefined) await app.authGrants.create({ principal: arn, ...shape });
  }
}

type Existing = Record<'encrypt' | 'decrypt', { shape: GrantShape; grant: AuthGrant | undefined }>;

async function grantsOf(app: GrantPorts, service: string, arn: string): Promise<Existing> {
  const wanted = wantedGrants(service, app.minimumTokenVersion);
  const existing = await app.authGrants.listOf(arn);
  const find = (shape: GrantShape) => ({ shape, grant: existing.find((grant) => isGrant(grant, shape)) });
  return { encrypt: find(wanted.encrypt), decrypt: find(wanted.decrypt) };
}

function presenceOf({ encrypt, decrypt }: Existing): { encrypt: boolean; decrypt: boolean } {
  return { encrypt: encrypt.grant !== undefined, decrypt: decrypt.grant !== undefined };
}
