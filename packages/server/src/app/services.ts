import type { DiffBody, ServicePut } from '@confidant/contract';
import type { Described } from '../domain/acl.js';
import { conflictsAmong } from '../domain/conflicts.js';
import { diffServices } from '../domain/diff.js';
import type { Pairs } from '../domain/pairs.js';
import type { BlindCredential, Credential, Service } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import type { Found, ServiceRead } from '../ports/store.js';
import { audited, authorize, isAllowed, refuseOtherAccount } from './access.js';
import type { App, Caller } from './app.js';
import type { Permissions } from './credentials.js';
import { makeGrantsOf } from './grants.js';
import { blindKeyHolder } from './conflicts.js';
import { listPage, type Page, sortForDisplay } from './lists.js';
import { refuseUnexpected, writeRevision, type Revert } from './revisions.js';
import { readMany, timed } from './timers.js';

/** A service with what is mapped to it, credentials and blind credentials each in the order they are shown. */
export interface ServiceView {
  service: Service;
  credentials: { credential: Credential; pairs: Pairs }[];
  blindCredentials: BlindCredential[];
  /** Whether the values or the ciphertext of a credential are shown, by its id. */
  shown: (id: string) => boolean;
  permissions: Permissions;
}

/** What an IAM role may be called, with room for other schemes; nothing that a path or a row id could confuse. */
const SERVICE_ID = /^[\w+=,.@:-]{1,128}$/;
const resourceType = 'service';

export async function listServices(
  app: App,
  caller: Caller,
  query: { limit?: number | undefined; page?: string | undefined },
  archived: boolean,
): Promise<Page<Service>> {
  await authorize(app, caller, { resourceType, action: 'list' }, 'list services');
  return listPage(app, 'service', archived, query);
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
    const { principal } = caller;
    const mapped = await loadMapped(app, service, read, part);
    // A service reads what is mapped to it. A person reads, here too, only what the policy lets them get.
    const shown = metadataOnly ? NOTHING : principal.type === 'service' ? ALL : await gettable(app, caller, mapped);
    if (!metadataOnly) {
      details.credentials = mapped.credentials.flatMap(({ credential }) =>
        shown(credential.id) ? [credential.id] : [],
      );
    }
    const mayUpdate =
      principal.type === 'user' &&
      (await part('acl_check_update_service', () =>
        isAllowed(app, caller, {
          resourceType,
          action: 'update',
          resourceId: id,
          kwargs: { credential_ids: [...service.credentials, ...service.blindCredentials] },
        }),
      ));
    return {
      service,
      ...mapped,
      shown,
      // compat: only the action asked for is evaluated, the other says false.
      permissions: { metadata: metadataOnly, get: !metadataOnly, update: mayUpdate },
    };
  });
}

/** Creates the service when it is new. Ids that are mapped already but were archived since are dropped quietly. */
export async function putService(app: App, caller: Caller, id: string, input: ServicePut): Promise<ServiceView> {
  const found = await app.store.get('service', id);
  // compat: a row of another kind is told before access is asked about.
  if (found === 'other-kind') throw new Refusal('wrong_kind', 'id provided is not a service.');
  if (found === 'absent') {
    const denied = `create service ${id}`;
    await authorize(app, caller, { resourceType, action: 'create', resourceId: id }, denied);
    if (!SERVICE_ID.test(id)) {
      throw new Refusal('invalid_request', 'id: a service is named like an IAM role: letters, digits and +=,.@:_-');
    }
  }
  const action = found === 'absent' ? 'create' : 'update';
  await authorizeMapping(app, caller, id, found === 'absent' ? undefined : found, input);
  return audited(app, caller, { action, resourceType, resourceId: id }, async (details) => {
    let previous: Service | null = null;
    const service = await writeRevision(
      app,
      'service',
      () => readService(app, id),
      async (row) => {
        const current = row === 'absent' ? undefined : row;
        previous = current ?? null;
        const wanted = wantedIds(input, current);
        // Ids may have been mapped or unmapped since the first look.
        await authorizeMapping(app, caller, id, current, input);
        refuseUnexpected(row, input.expected_revision);
        const account = input.account === undefined ? (current?.account ?? null) : input.account || null;
        if (account !== null && account !== current?.account && !app.accounts.includes(account)) {
          throw new Refusal('invalid_request', `account: ${account} is not a valid account.`);
        }
        const mapped = await mappable(app, wanted, current);
        return {
          id,
          revision: 0,
          enabled: input.enabled ?? current?.enabled ?? true,
          account,
          ...mapped,
          modifiedBy: caller.principal.name,
          modifiedDate: null,
        };
      },
    );
    details.revision = service.revision;
    // compat: clients that create a service read its grants right after.
    if (previous === null) await makeGrantsOf(app, id);
    return written(app, caller, service, previous, action === 'create');
  });
}

/** Brings back an old mapping. compat bugs 3 and 19: ownership is checked, and `enabled` alone is a difference. */
export async function revertService(
  app: App,
  caller: Caller,
  id: string,
  { revision, expected }: Revert,
): Promise<ServiceView> {
  await authorize(app, caller, { resourceType, action: 'revert', resourceId: id }, `revert service ${id}`);
  return audited(app, caller, { action: 'revert', resourceType, resourceId: id }, async (details) => {
    let previous: Service | null = null;
    const service = await writeRevision(
      app,
      'service',
      () => requireService(app, id, 'wrong_kind'),
      async (row) => {
        const current = row as Service;
        previous = current;
        refuseUnexpected(current, expected);
        const old = await app.store.getRevision('service', id, revision);
        if (old === undefined) throw new Refusal('not_found', 'Service not found.');
        const mapped = await mappable(app, old, old);
        if (!differs({ ...old, ...mapped }, current)) {
          throw new Refusal('no_difference', 'No difference between old and new service.');
        }
        await authorizeMapping(app, caller, id, current, {
          credentials: [...mapped.credentials],
          blind_credentials: [...mapped.blindCredentials],
        });
        return { ...old, ...mapped, modifiedBy: caller.principal.name };
      },
    );
    details.revision = service.revision;
    return written(app, caller, service, previous, false);
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

const ALL = (): boolean => true;
const NOTHING = (): boolean => false;

/** Which of the mapped credentials the policy lets the caller `get`. Names and tags are at hand: it costs no read. */
async function gettable(
  app: App,
  caller: Caller,
  { credentials, blindCredentials }: Pick<ServiceView, 'credentials' | 'blindCredentials'>,
): Promise<(id: string) => boolean> {
  const ask = async (type: 'credential' | 'blind_credential', id: string, resource: Described): Promise<string[]> =>
    (await isAllowed(app, caller, { resourceType: type, action: 'get', resourceId: id, resource })) ? [id] : [];
  const allowed = await Promise.all([
    ...credentials.map(({ credential }) => ask('credential', credential.id, credential)),
    ...blindCredentials.map(({ id, name }) => ask('blind_credential', id, { name, tags: [] })),
  ]);
  const ids = new Set(allowed.flat());
  return (id) => ids.has(id);
}

async function readService(app: App, id: string): Promise<Service | 'absent'> {
  const found = await app.store.get('service', id);
  if (found === 'other-kind') throw new Refusal('wrong_kind', 'id provided is not a service.');
  return found;
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

type Ids = Pick<Service, 'credentials' | 'blindCredentials'>;

/** compat (bug 17): omitted or null ids are none for a new service and unchanged for an existing one. */
function wantedIds(input: Pick<ServicePut, 'credentials' | 'blind_credentials'>, current: Service | undefined): Ids {
  return {
    credentials: [...new Set(input.credentials ?? current?.credentials ?? [])],
    blindCredentials: [...new Set(input.blind_credentials ?? current?.blindCredentials ?? [])],
  };
}

async function authorizeMapping(
  app: App,
  caller: Caller,
  id: string,
  current: Service | undefined,
  input: Pick<ServicePut, 'credentials' | 'blind_credentials'>,
): Promise<void> {
  const wanted = wantedIds(input, current);
  const before = new Set([...(current?.credentials ?? []), ...(current?.blindCredentials ?? [])]);
  const all = [...wanted.credentials, ...wanted.blindCredentials];
  await authorize(
    app,
    caller,
    {
      resourceType,
      action: 'update',
      resourceId: id,
      kwargs: { credential_ids: all, new_credential_ids: [...new Set(all)].filter((each) => !before.has(each)) },
    },
    'map the credentials because they do not own the credentials being added',
  );
}

/**
 * The wanted ids that are live, sorted; added ones that are not live are refused by name (bug 3). Refuses keys that
 * two of them share.
 */
async function mappable(app: App, wanted: Ids, known: Ids | undefined): Promise<Ids> {
  const [credentials, blind] = await Promise.all([
    readMany(app, 'credential', wanted.credentials),
    readMany(app, 'blind-credential', wanted.blindCredentials),
  ]);
  const unknown = [
    ...wanted.credentials.filter((each) => !credentials.has(each) && !known?.credentials.includes(each)),
    ...wanted.blindCredentials.filter((each) => !blind.has(each) && !known?.blindCredentials.includes(each)),
  ];
  if (unknown.length > 0) {
    throw new Refusal('unknown_credentials', `No such credentials: ${unknown.slice(0, 20).join(', ')}`);
  }
  if (!app.ignoreConflicts) {
    const opened = await Promise.all(
      [...credentials.values()].map(async (row) => ({
        id: row.id,
        kind: 'credential' as const,
        keys: Object.keys(await app.sealer.open(row.id, row.sealed)),
      })),
    );
    const conflicts = conflictsAmong([...opened, ...[...blind.values()].map(blindKeyHolder)]);
    if (conflicts) throw new Refusal('key_conflict', undefined, { conflicts });
  }
  return { credentials: [...credentials.keys()].sort(), blindCredentials: [...blind.keys()].sort() };
}

function differs(next: Service, current: Service): boolean {
  const described = ({ credentials, blindCredentials, account, enabled }: Service): string =>
    JSON.stringify([[...credentials].sort(), [...blindCredentials].sort(), account, enabled]);
  return described(next) !== described(current);
}

/** Measures a part of a use-case. */
type Part = <Result>(name: string, work: () => Promise<Result>) => Promise<Result>;

async function loadMapped(
  app: App,
  service: Service,
  read?: ServiceRead,
  part: Part = (_name, work) => work(),
): Promise<Pick<ServiceView, 'credentials' | 'blindCredentials'>> {
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

async function written(
  app: App,
  caller: Caller,
  service: Service,
  previous: Service | null,
  created: boolean,
): Promise<ServiceView> {
  app.services.written(service);
  app.events.publish({ type: 'service', service, previous });
  const may = (action: 'metadata' | 'get'): Promise<boolean> =>
    isAllowed(app, caller, { resourceType, action, resourceId: service.id });
  return {
    service,
    ...(await loadMapped(app, service)),
    shown: NOTHING,
    permissions: {
      create: created || (await isAllowed(app, caller, { resourceType, action: 'create', resourceId: service.id })),
      metadata: await may('metadata'),
      get: await may('get'),
      update: true,
    },
  };
}
