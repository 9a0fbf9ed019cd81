import type { Conflicts } from './refusal.js';

/** The keys that one credential brings into a service. */
export interface KeyHolder {
  id: string;
  kind: 'credential' | 'blind-credential';
  keys: readonly string[];
}

/** Keys that two or more of the holders carry, with all who carry them; undefined when there are none. */
export function conflictsAmong(holders: readonly KeyHolder[]): Conflicts | undefined {
  const byKey = new Map<string, KeyHolder[]>();
  for (const holder of holders) {
    for (const key of new Set(holder.keys)) byKey.set(key, [...(byKey.get(key) ?? []), holder]);
  }
  const shared = [...byKey].filter(([, carriers]) => carriers.length > 1);
  if (shared.length === 0) return undefined;
  return Object.fromEntries(shared.map(([key, carriers]) => [key, carrierIds(carriers)]));
}

/** Keys of `changed` that the holders of a service it is mapped to carry already, with those holders and services. */
export function conflictsWith(
  changed: KeyHolder,
  services: readonly { id: string; holders: readonly KeyHolder[] }[],
): Conflicts | undefined {
  const conflicts: [string, Conflicts[string]][] = [];
  const keysOf = new Map<KeyHolder, ReadonlySet<string>>();
  for (const { holders } of services) for (const holder of holders) keysOf.set(holder, new Set(holder.keys));
  for (const key of changed.keys) {
    const carriers = new Map<string, KeyHolder>();
    const affected: string[] = [];
    for (const service of services) {
      const others = service.holders.filter((holder) => holder.id !== changed.id && keysOf.get(holder)!.has(key));
      for (const other of others) carriers.set(`${other.kind} ${other.id}`, other);
      if (others.length > 0) affected.push(service.id);
    }
    if (affected.length > 0)
      conflicts.push([key, { ...carrierIds([...carriers.values()]), services: affected.sort() }]);
  }
  return conflicts.length > 0 ? Object.fromEntries(conflicts) : undefined;
}

function carrierIds(carriers: readonly KeyHolder[]): { credentials?: string[]; blind_credentials?: string[] } {
  const ids = (kind: KeyHolder['kind']): string[] =>
    carriers
      .filter((carrier) => carrier.kind === kind)
      .map((carrier) => carrier.id)
      .sort();
  const [credentials, blind] = [ids('credential'), ids('blind-credential')];
  return { ...(credentials.length > 0 && { credentials }), ...(blind.length > 0 && { blind_credentials: blind }) };
}
