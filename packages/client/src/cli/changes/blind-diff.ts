import { compareCodePoints, stringifyJson } from '@confidant/contract/wire';
import type { BlindCredentialBody } from '@confidant/contract';

type Change = { added?: unknown; removed?: unknown };

/**
 * What changed from `old` to `current`, in the form of the server's diffs of credentials: keys, but never a value, and
 * what changed is listed under both `added` and `removed`. For `metadata` these are the names, for `credential_pairs` the
 * regions; a region that was encrypted again is listed, whether its values changed or not.
 */
export function diffBlindRevisions(old: BlindCredentialBody, current: BlindCredentialBody): Record<string, Change> {
  if (old.revision === current.revision) return {};
  const areShown = [old, current].every(({ credential_pairs: pairs }) => Object.keys(pairs).length > 0);
  return {
    ...simple('name', old.name, current.name),
    ...named('credential_keys', listed(old.credential_keys), listed(current.credential_keys)),
    ...(areShown ? named('credential_pairs', encryptedIn(old), encryptedIn(current)) : {}),
    ...named('metadata', old.metadata, current.metadata),
    ...simple('enabled', old.enabled, current.enabled),
    ...simple('documentation', old.documentation, current.documentation),
    ...simple('cipher_type', old.cipher_type, current.cipher_type),
    ...simple('cipher_version', old.cipher_version, current.cipher_version),
    modified_by: { added: current.modified_by, removed: old.modified_by },
    modified_date: { added: current.modified_date, removed: old.modified_date },
  };
}

function simple(field: string, old: unknown, current: unknown): Record<string, Change> {
  return old === current ? {} : { [field]: { added: current, removed: old } };
}

/** Names that were added or removed, or whose value changed; an empty side is left out. */
function named(
  field: string,
  old: Readonly<Record<string, unknown>>,
  current: Readonly<Record<string, unknown>>,
): Record<string, Change> {
  const differs = (name: string): boolean =>
    !Object.hasOwn(old, name) ||
    !Object.hasOwn(current, name) ||
    stringifyJson(old[name]) !== stringifyJson(current[name]);
  const [added, removed] = [current, old].map((side) => Object.keys(side).filter(differs).sort(compareCodePoints));
  if (added!.length + removed!.length === 0) return {};
  return {
    [field]: { ...(added!.length > 0 && { added }), ...(removed!.length > 0 && { removed }) },
  };
}

function listed(keys: readonly string[]): Record<string, true> {
  return Object.fromEntries(keys.map((key) => [key, true]));
}

/** By region: its ciphertext with the data key that decrypts it. */
function encryptedIn({ credential_pairs: pairs, data_key: keys }: BlindCredentialBody): Record<string, unknown> {
  return Object.fromEntries(Object.entries(pairs).map(([region, ciphertext]) => [region, [ciphertext, keys[region]]]));
}
