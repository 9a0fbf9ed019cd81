import { conflictsWith, type KeyHolder } from '../domain/conflicts.js';
import type { BlindCredential, Credential, Service } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import type { App } from './app.js';

/** The keys of a credential; blind ones say theirs, if the person let them. */
export async function keyHolder(app: App, credential: Credential): Promise<KeyHolder> {
  const pairs = await app.sealer.open(credential.id, credential.sealed);
  return { id: credential.id, kind: 'credential', keys: Object.keys(pairs) };
}

export function blindKeyHolder(credential: BlindCredential): KeyHolder {
  return { id: credential.id, kind: 'blind-credential', keys: credential.credentialKeys };
}

/** For each service, who brings which keys into it, `except` one credential. Every credential is read once. */
export async function keyHolders(
  app: App,
  services: readonly Service[],
  except: string,
): Promise<{ id: string; holders: KeyHolder[] }[]> {
  const ids = (of: (service: Service) => readonly string[]): string[] =>
    [...new Set(services.flatMap((service) => [...of(service)]))].filter((id) => id !== except);
  const [credentials, blind] = await Promise.all([
    app.store.getMany(
      'credential',
      ids((service) => service.credentials),
    ),
    app.store.getMany(
      'blind-credential',
      ids((service) => service.blindCredentials),
    ),
  ]);
  const holders = new Map<string, KeyHolder>();
  await Promise.all(
    [...credentials.values()].map(async (row) => holders.set(`credential ${row.id}`, await keyHolder(app, row))),
  );
  for (const row of blind.values()) holders.set(`blind-credential ${row.id}`, blindKeyHolder(row));
  return services.map((service) => ({
    id: service.id,
    holders: [
      ...service.credentials.map((id) => holders.get(`credential ${id}`)),
      ...service.blindCredentials.map((id) => holders.get(`blind-credential ${id}`)),
    ].filter((holder) => holder !== undefined),
  }));
}

/** Throws {@link Refusal} `key_conflict` when a service that maps the changed one has one of its keys from another. */
export async function refuseConflicts(app: App, changed: KeyHolder): Promise<void> {
  if (app.ignoreConflicts) return;
  const services = await app.services.mapping(changed.kind, changed.id);
  if (services.length === 0) return;
  const conflicts = conflictsWith(changed, await keyHolders(app, services, changed.id));
  if (conflicts) throw new Refusal('key_conflict', undefined, { conflicts });
}

/** Publishes that a written revision changed what services get. Never throws: the revision is written. */
export async function announce(
  app: App,
  type: 'credential' | 'blind-credential',
  { id, name, revision }: { id: string; name: string; revision: number },
  reverted = false,
): Promise<void> {
  try {
    const services = (await app.services.mapping(type, id)).map((service) => service.id);
    app.events.publish({ type, id, name, revision, services, reverted });
  } catch (error) {
    // The caller must hear of the revision, not of a lost event.
    app.warn('an event was not published', { error, id });
  }
}
