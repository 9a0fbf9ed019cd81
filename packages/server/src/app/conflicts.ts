import { conflictsWith, type CredentialKeys } from '../domain/conflicts.js';
import type { BlindCredential, Credential, Service } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import type { App } from './app.js';

/** The keys of a credential, which are encrypted with its values. */
export async function keysOf(app: App, credential: Credential): Promise<CredentialKeys> {
  const pairs = await app.sealer.open(credential.id, credential.sealed);
  return { id: credential.id, kind: 'credential', keys: Object.keys(pairs) };
}

/** The keys of a blind credential, as its author named them; the server cannot read them from the ciphertext. */
export function blindKeysOf(credential: BlindCredential): CredentialKeys {
  return { id: credential.id, kind: 'blind-credential', keys: credential.credentialKeys };
}

/** The keys that each service gets from its credentials, leaving out one of them. Reads every credential once. */
async function keysByService(
  app: App,
  services: readonly Service[],
  except: string,
): Promise<{ id: string; credentials: CredentialKeys[] }[]> {
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
  const keys = new Map<string, CredentialKeys>();
  await Promise.all(
    [...credentials.values()].map(async (row) => keys.set(`credential ${row.id}`, await keysOf(app, row))),
  );
  for (const row of blind.values()) keys.set(`blind-credential ${row.id}`, blindKeysOf(row));
  return services.map((service) => ({
    id: service.id,
    credentials: [
      ...service.credentials.map((id) => keys.get(`credential ${id}`)),
      ...service.blindCredentials.map((id) => keys.get(`blind-credential ${id}`)),
    ].filter((each) => each !== undefined),
  }));
}

/** @throws Refusal `key_conflict` when a service that maps the changed credential gets one of its keys from another */
export async function refuseConflicts(app: App, changed: CredentialKeys): Promise<void> {
  if (app.ignoreConflicts) return;
  const services = await app.services.mapping(changed.kind, changed.id);
  if (services.length === 0) return;
  const conflicts = conflictsWith(changed, await keysByService(app, services, changed.id));
  if (conflicts) throw new Refusal('key_conflict', undefined, { conflicts });
}
