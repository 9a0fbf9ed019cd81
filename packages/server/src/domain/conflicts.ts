import type { Conflicts } from './refusal.js';

/** The keys that one credential gives to the services that map it. */
export interface CredentialKeys {
  id: string;
  kind: 'credential' | 'blind-credential';
  keys: readonly string[];
}

/**
 * The keys that two or more of the credentials have, each with all credentials that have it; undefined if there are
 * none.
 */
export function conflictsAmong(credentials: readonly CredentialKeys[]): Conflicts | undefined {
  const byKey = new Map<string, CredentialKeys[]>();
  for (const credential of credentials) {
    for (const key of new Set(credential.keys)) byKey.set(key, [...(byKey.get(key) ?? []), credential]);
  }
  const shared = [...byKey].filter(([, those]) => those.length > 1);
  return shared.length === 0 ? undefined : Object.fromEntries(shared.map(([key, those]) => [key, idsByKind(those)]));
}

/**
 * The keys of `changed` that a service mapping it gets from another credential already, each with those credentials and
 * services; undefined if there are none.
 */
export function conflictsWith(
  changed: CredentialKeys,
  services: readonly { id: string; credentials: readonly CredentialKeys[] }[],
): Conflicts | undefined {
  const conflicts: [string, Conflicts[string]][] = [];
  const keysOf = new Map<CredentialKeys, ReadonlySet<string>>();
  for (const { credentials } of services) for (const each of credentials) keysOf.set(each, new Set(each.keys));
  for (const key of changed.keys) {
    const others = new Map<string, CredentialKeys>();
    const affected: string[] = [];
    for (const { id, credentials } of services) {
      const those = credentials.filter((each) => each.id !== changed.id && keysOf.get(each)!.has(key));
      for (const each of those) others.set(`${each.kind} ${each.id}`, each);
      if (those.length > 0) affected.push(id);
    }
    if (affected.length > 0) conflicts.push([key, { ...idsByKind([...others.values()]), services: affected.sort() }]);
  }
  return conflicts.length > 0 ? Object.fromEntries(conflicts) : undefined;
}

function idsByKind(credentials: readonly CredentialKeys[]): { credentials?: string[]; blind_credentials?: string[] } {
  const ids = (kind: CredentialKeys['kind']): string[] =>
    credentials
      .filter((each) => each.kind === kind)
      .map((each) => each.id)
      .sort();
  const [plain, blind] = [ids('credential'), ids('blind-credential')];
  return { ...(plain.length > 0 && { credentials: plain }), ...(blind.length > 0 && { blind_credentials: blind }) };
}
