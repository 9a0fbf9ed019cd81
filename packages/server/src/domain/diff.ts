import { type DiffBody, type Json, stringifyJson } from '@confidant/contract';
import { type Instant, toRfc1123 } from './instant.js';
import { type Pairs, sameScalar } from './pairs.js';
import type { CredentialMetadata, Service } from './records.js';

/**
 * What changed from `old`, the lower revision, to `current`. Values of pairs and metadata never appear, only their keys: a
 * changed value appears under both added and removed. compat: field names and shapes; two different revisions always show
 * who changed them and when.
 *
 * @param allPairsDiffer whether the values of keys that both have count as changed without being compared
 */
export function diffCredentials(
  old: CredentialMetadata & { pairs: Pairs },
  current: CredentialMetadata & { pairs: Pairs },
  { allPairsDiffer = false } = {},
): DiffBody {
  if (old.revision === current.revision) return {};
  return {
    ...changedField('name', old.name, current.name),
    ...keyed('credential_pairs', changedKeys(old.pairs, current.pairs, allPairsDiffer ? () => false : sameScalar)),
    ...keyed('metadata', changedKeys(old.metadata, current.metadata, sameJson)),
    ...changedField('enabled', old.enabled, current.enabled),
    ...changedField('documentation', old.documentation, current.documentation),
    ...rotation(old.lastRotationDate, current.lastRotationDate),
    ...tags(old.tags, current.tags),
    ...modification(old, current),
  };
}

/** The same for services. */
export function diffServices(old: Service, current: Service): DiffBody {
  if (old.revision === current.revision) return {};
  return {
    ...keyed('credentials', setDifference(old.credentials, current.credentials)),
    ...keyed('blind_credentials', setDifference(old.blindCredentials, current.blindCredentials)),
    ...changedField('enabled', old.enabled, current.enabled),
    ...changedField('account', old.account, current.account),
    ...modification(old, current),
  };
}

type Changed = { added: string[]; removed: string[] };

function modification(old: CredentialMetadata | Service, current: CredentialMetadata | Service): DiffBody {
  return {
    modified_by: { added: current.modifiedBy, removed: old.modifiedBy },
    modified_date: { added: dateText(current.modifiedDate), removed: dateText(old.modifiedDate) },
  };
}

/** compat: instants are compared, though a rotation within a second shows the same text twice. */
function rotation(old: Instant | null, current: Instant | null): DiffBody {
  return old === current ? {} : { last_rotation_date: { added: dateText(current), removed: dateText(old) } };
}

function dateText(date: Instant | null): string | null {
  return date === null ? null : toRfc1123(date);
}

function changedField(field: string, old: string | boolean | null, current: string | boolean | null): DiffBody {
  return old === current ? {} : { [field]: { added: current, removed: old } };
}

/** compat: an empty side is left out. */
function keyed(field: string, { added, removed }: Changed): DiffBody {
  if (added.length === 0 && removed.length === 0) return {};
  return { [field]: { ...(added.length > 0 && { added }), ...(removed.length > 0 && { removed }) } };
}

/** compat: tags show both sides once they differ, empty ones too. */
function tags(old: readonly string[], current: readonly string[]): DiffBody {
  const difference = setDifference(old, current);
  return difference.added.length + difference.removed.length === 0 ? {} : { tags: difference };
}

function setDifference(old: readonly string[], current: readonly string[]): Changed {
  const [before, now] = [new Set(old), new Set(current)];
  return {
    added: [...now].filter((item) => !before.has(item)).sort(),
    removed: [...before].filter((item) => !now.has(item)).sort(),
  };
}

function changedKeys<Value>(
  old: Readonly<Record<string, Value>>,
  current: Readonly<Record<string, Value>>,
  same: (left: Value, right: Value) => boolean,
): Changed {
  const differs = (key: string, other: Readonly<Record<string, Value>>): boolean =>
    !Object.hasOwn(other, key) || !same(old[key]!, current[key]!);
  return {
    added: Object.keys(current)
      .filter((key) => differs(key, old))
      .sort(),
    removed: Object.keys(old)
      .filter((key) => differs(key, current))
      .sort(),
  };
}

function sameJson(left: Json, right: Json): boolean {
  return stringifyJson(left) === stringifyJson(right);
}
