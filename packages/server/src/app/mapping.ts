import type { ServicePut } from '@confidant/contract';
import { conflictsAmong } from '../domain/conflicts.js';
import type { Service } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import { authorize } from './access.js';
import type { App, Caller } from './app.js';
import { blindKeysOf, keysOf } from './conflicts.js';
import { readMany } from './timers.js';

/** The credentials that a service maps, or is to map. */
export type MappedIds = Pick<Service, 'credentials' | 'blindCredentials'>;

type SentIds = Pick<ServicePut, 'credentials' | 'blind_credentials'>;

/** compat (bug 17): omitted or null ids are none for a new service and unchanged for an existing one. */
export function wantedIds(sent: SentIds, current: MappedIds | undefined): MappedIds {
  return {
    credentials: [...new Set(sent.credentials ?? current?.credentials ?? [])],
    blindCredentials: [...new Set(sent.blind_credentials ?? current?.blindCredentials ?? [])],
  };
}

/** @throws Refusal `not_authorized` when the caller may not give the service what `wanted` adds to `current` */
export async function authorizeMapping(
  app: App,
  caller: Caller,
  service: string,
  wanted: MappedIds,
  current: MappedIds | undefined,
): Promise<void> {
  const ids = [...wanted.credentials, ...wanted.blindCredentials];
  const before = new Set([...(current?.credentials ?? []), ...(current?.blindCredentials ?? [])]);
  const added = [...new Set(ids)].filter((id) => !before.has(id));
  await authorize(
    app,
    caller,
    { resourceType: 'service', action: 'update', resourceId: service, mapping: { ids, added } },
    'map the credentials because they do not own the credentials being added',
  );
}

/**
 * The wanted ids that are live, sorted. Ids that `current` maps already but that were archived since are dropped.
 *
 * @throws Refusal `unknown_credentials` for added ids that are not live (bug 3), `key_conflict` for keys that two of
 *   the credentials share
 */
export async function liveMapping(app: App, wanted: MappedIds, current: MappedIds | undefined): Promise<MappedIds> {
  const [credentials, blind] = await Promise.all([
    readMany(app, 'credential', wanted.credentials),
    readMany(app, 'blind-credential', wanted.blindCredentials),
  ]);
  const unknown = [
    ...wanted.credentials.filter((id) => !credentials.has(id) && !current?.credentials.includes(id)),
    ...wanted.blindCredentials.filter((id) => !blind.has(id) && !current?.blindCredentials.includes(id)),
  ];
  if (unknown.length > 0) {
    throw new Refusal('unknown_credentials', `No such credentials: ${unknown.slice(0, 20).join(', ')}`);
  }
  if (!app.ignoreConflicts) {
    const keys = await Promise.all([...credentials.values()].map((row) => keysOf(app, row)));
    const conflicts = conflictsAmong([...keys, ...[...blind.values()].map(blindKeysOf)]);
    if (conflicts) throw new Refusal('key_conflict', undefined, { conflicts });
  }
  return { credentials: [...credentials.keys()].sort(), blindCredentials: [...blind.keys()].sort() };
}
