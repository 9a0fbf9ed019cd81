import type { DiffBody, ServicePut } from '@confidant/contract';
import { diffServices } from '../domain/diff.js';
import type { Service } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import type { Found } from '../ports/store.js';
import { audited, authorize, isAllowed, refuseOtherAccount } from './access.js';
import type { App, Caller } from './app.js';
import { makeGrantsOf } from './grants.js';
import { listCurrent, listHistory, type Page, type PageQuery } from './lists.js';
import { authorizeMapping, liveMapping, wantedIds } from './mapping.js';
import { refuseUnexpected, type Revert, updateRevision } from './revisions.js';
import { NONE_VISIBLE, openMapping, type Part, type ServiceView, visibilityFor, visibleParts } from './service-view.js';
import { timed } from './timers.js';

/** Names of IAM roles, with room for other schemes; no characters that have a meaning in paths or row ids. */
const SERVICE_ID = /^[\w+=,.@:-]{1,128}$/;
const resourceType = 'service';

export async function listServices(app: App, caller: Caller, query: PageQuery): Promise<Page<Service>> {
  await authorize(app, caller, { resourceType, action: 'list' }, 'list services');
  return listCurrent(app, 'service', query);
}

/** Archived revisions of all services. */
export async function listServiceHistory(app: App, caller: Caller, query: PageQuery): Promise<Page<Service>> {
  await authorize(app, caller, { resourceType, action: 'list' }, 'list services');
  return listHistory(app, 'service', query);
}

/**
 * The hot path: one read of the service, one batched read of its credentials, no KMS call once the data keys are
 * known. A service in another account is refused to services (401, compat); people are governed by the policy (bug 26).
 */
export async function getService(app: App, caller: Caller, id: string, metadataOnly: boolean): Promise<ServiceView> {
  const action = metadataOnly ? 'metadata' : 'get';
  const part: Part = (name, work) => timed(app, `get_service_by_id.${name}`, work);
  await part('acl_check_get_service', () =>
    authorize(app, caller, { resourceType, action, resourceId: id }, `get service ${id}`),
  );
  return audited(app, caller, { action, resourceType, resourceId: id }, async (details) => {
    const read = await part('db_get_service', () => app.store.openService(id));
    const service = existing(read.service, 'not_found');
    details.revision = service.revision;
    refuseOtherAccount(caller, service);
    const opened = await openMapping(app, service, part, read);
    const visible = visibleParts(opened, metadataOnly ? NONE_VISIBLE : await visibilityFor(app, caller, opened));
    if (!metadataOnly) {
      details.credentials = visible.credentials.flatMap(({ credential, pairs }) => (pairs ? [credential.id] : []));
    }
    const mayUpdate =
      caller.principal.type === 'user' &&
      (await part('acl_check_update_service', () =>
        isAllowed(app, caller, {
          resourceType,
          action: 'update',
          resourceId: id,
          mapping: { ids: [...service.credentials, ...service.blindCredentials] },
        }),
      ));
    return {
      service,
      ...visible,
      // compat: only the requested action is evaluated, the other one is false.
      permissions: { metadata: metadataOnly, get: !metadataOnly, update: mayUpdate },
    };
  });
}

/**
 * Creates a service or writes its next revision. Ids that it maps already but that were archived since are dropped
 * silently.
 */
export async function putService(app: App, caller: Caller, id: string, input: ServicePut): Promise<ServiceView> {
  const found = await findService(app, id);
  if (found === undefined) {
    const denied = `create service ${id}`;
    await authorize(app, caller, { resourceType, action: 'create', resourceId: id }, denied);
    if (!SERVICE_ID.test(id)) {
      throw new Refusal(
        'invalid_request',
        'id: expected the form of an IAM role name, 1 to 128 letters, digits and +=,.@:_-',
      );
    }
    await refuseIdOfCredential(app, id);
  }
  const action = found === undefined ? 'create' : 'update';
  await authorizeMapping(app, caller, id, wantedIds(input, found), found);
  return audited(app, caller, { action, resourceType, resourceId: id }, async (details) => {
    const { next: service, previous } = await updateRevision(
      app,
      'service',
      () => findService(app, id),
      async (current) => {
        const wanted = wantedIds(input, current);
        // Ids may have been mapped or unmapped since the first check.
        await authorizeMapping(app, caller, id, wanted, current);
        refuseUnexpected(current, input.expected_revision);
        const account = input.account === undefined ? (current?.account ?? null) : input.account || null;
        if (account !== null && account !== current?.account && !app.accounts.includes(account)) {
          throw new Refusal('invalid_request', `account: ${account} is not a valid account.`);
        }
        const next: Service = {
          id,
          revision: 1,
          enabled: input.enabled ?? current?.enabled ?? true,
          account,
          ...(await liveMapping(app, wanted, current)),
          modifiedBy: caller.principal.name,
          modifiedDate: null,
        };
        return { next, previous: current ?? null };
      },
    );
    details.revision = service.revision;
    // compat: clients that create a service read its grants right after.
    if (previous === null) await makeGrantsOf(app, id);
    return writtenView(app, caller, service, previous, action === 'create');
  });
}

/** Brings back an old mapping. compat (bugs 3 and 19): ownership is checked, and `enabled` alone is a difference. */
export async function revertService(
  app: App,
  caller: Caller,
  id: string,
  { revision, expected }: Revert,
): Promise<ServiceView> {
  await authorize(app, caller, { resourceType, action: 'revert', resourceId: id }, `revert service ${id}`);
  return audited(app, caller, { action: 'revert', resourceType, resourceId: id }, async (details) => {
    const { next: service, previous } = await updateRevision(
      app,
      'service',
      () => requireService(app, id, 'wrong_kind'),
      async (current) => {
        refuseUnexpected(current, expected);
        const old = await app.store.getRevision('service', id, revision);
        if (old === undefined) throw new Refusal('not_found', 'Service not found.');
        const next: Service = { ...old, ...(await liveMapping(app, old, old)), modifiedBy: caller.principal.name };
        if (!differs(next, current)) {
          throw new Refusal('no_difference', 'No difference between old and new service.');
        }
        await authorizeMapping(app, caller, id, next, current);
        return { next, previous: current };
      },
    );
    details.revision = service.revision;
    return writtenView(app, caller, service, previous, false);
  });
}

export async function getServiceHistory(app: App, caller: Caller, id: string): Promise<Service[]> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `service ${id} revisions`);
  const current = await requireService(app, id, 'not_found');
  refuseOtherAccount(caller, current);
  return app.store.getRevisions('service', id, current.revision);
}

/** compat: the order of the two revisions does not matter. */
export async function diffServiceRevisions(
  app: App,
  caller: Caller,
  id: string,
  revisions: readonly [number, number],
): Promise<DiffBody> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `diff service ${id}`);
  refuseOtherAccount(caller, await requireService(app, id, 'wrong_kind'));
  const rows = await Promise.all(
    [Math.min(...revisions), Math.max(...revisions)].map((revision) => app.store.getRevision('service', id, revision)),
  );
  const [old, current] = rows;
  if (old === undefined || current === undefined) throw new Refusal('not_found', 'Service not found.');
  return diffServices(old, current);
}

/**
 * Services share the space of ids with credentials and their revisions, whose rows are called `<id>-<N>`. A service with
 * such an id would stand in the way of rotation and restoring, and services are never deleted.
 *
 * @throws Refusal `invalid_request` when the id belongs to a credential, or to a revision of one, archived ones included
 */
async function refuseIdOfCredential(app: App, id: string): Promise<void> {
  const base = /^(.+)-\d+$/.exec(id)?.[1];
  for (const owner of base === undefined ? [id] : [id, base]) {
    const [credential, blind, archived] = await Promise.all([
      app.store.get('credential', owner),
      app.store.get('blind-credential', owner),
      app.archive?.nameOf(owner),
    ]);
    const isLive = [credential, blind].some((found) => found !== 'absent' && found !== 'other-kind');
    if (isLive || archived !== undefined) {
      throw new Refusal(
        'invalid_request',
        `id: ${id} is the id of a credential or of a revision of one. Choose another.`,
      );
    }
  }
}

/** @throws Refusal `wrong_kind`. compat: a row of another kind is reported before access is checked */
async function findService(app: App, id: string): Promise<Service | undefined> {
  const found = await app.store.get('service', id);
  if (found === 'other-kind') throw new Refusal('wrong_kind', 'id provided is not a service.');
  return found === 'absent' ? undefined : found;
}

async function requireService(app: App, id: string, otherKind: 'not_found' | 'wrong_kind'): Promise<Service> {
  return existing(await app.store.get('service', id), otherKind);
}

function existing(found: Found<'service'>, otherKind: 'not_found' | 'wrong_kind'): Service {
  if (found !== 'absent' && found !== 'other-kind') return found;
  throw found === 'other-kind' && otherKind === 'wrong_kind'
    ? new Refusal('wrong_kind', 'id provided is not a service.')
    : new Refusal('not_found', 'Service not found.');
}

function differs(next: Service, current: Service): boolean {
  const content = ({ credentials, blindCredentials, account, enabled }: Service): string =>
    JSON.stringify([[...credentials].sort(), [...blindCredentials].sort(), account, enabled]);
  return content(next) !== content(current);
}

/** Publishes a written service. The response shows no values (compat). */
async function writtenView(
  app: App,
  caller: Caller,
  service: Service,
  previous: Service | null,
  created: boolean,
): Promise<ServiceView> {
  app.services.written(service);
  app.events.publish({ type: 'service', service, previous });
  const may = (action: 'create' | 'metadata' | 'get'): Promise<boolean> =>
    isAllowed(app, caller, { resourceType, action, resourceId: service.id });
  return {
    service,
    ...visibleParts(await openMapping(app, service), NONE_VISIBLE),
    permissions: {
      create: created || (await may('create')),
      metadata: await may('metadata'),
      get: await may('get'),
      update: true,
    },
  };
}
