import { useQueries, useQuery } from '@tanstack/react-query';
import { serviceQuery, servicesOfQuery } from '../api/queries.js';

/** Services that are looked into; those beyond are judged by the server when it saves. */
const MOST_SERVICES = 20;

/** The services that get a credential, and for each key that another credential gives one of them, a sentence. */
export function useCollisions(id: string): { services: readonly string[]; collisions: ReadonlyMap<string, string> } {
  const { data } = useQuery(servicesOfQuery('credentials', id));
  const services = data?.services.map((service) => service.id) ?? [];
  const details = useQueries({ queries: services.slice(0, MOST_SERVICES).map((service) => serviceQuery(service)) });
  const collisions = new Map<string, string>();
  for (const { data: service } of details) {
    if (service === undefined) continue;
    for (const other of [...service.credentials, ...service.blind_credentials]) {
      if (other.id === id) continue;
      for (const key of other.credential_keys) {
        collisions.set(key, `${service.id} gets ${key} from ${other.name} already. Choose another key.`);
      }
    }
  }
  return { services, collisions };
}
