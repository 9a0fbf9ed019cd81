import type { CredentialBody, DiffBody } from '@confidant/contract';
import { request } from '../api/request.js';
import { type Draft, draftOf, stateOf, updateOf } from './draft.js';

/** What somebody else saved meanwhile, joined with a draft. */
export interface Joined {
  draft: Draft;
  /** Fields and keys that both changed: the draft's change stands, and saving it replaces theirs. */
  both: readonly string[];
  /** Fields and keys that only they changed. */
  theirs: readonly string[];
}

const FIELDS = ['name', 'tags', 'documentation', 'enabled', 'metadata'] as const;

/**
 * Reads the present revision and what changed since the draft's base, and puts the draft on top. Values are not read:
 * the server tells which keys changed.
 *
 * @throws ApiError
 */
export async function join(draft: Draft): Promise<Joined> {
  const path = `/v1/credentials/${encodeURIComponent(draft.base.id)}`;
  const present = await request<CredentialBody>(`${path}?metadata_only=true`);
  const diff =
    present.revision === draft.base.revision
      ? {}
      : await request<DiffBody>(`${path}/${draft.base.revision}/${present.revision}`);
  const keysOf = (side: 'added' | 'removed'): string[] => {
    const keys = diff['credential_pairs']?.[side];
    return Array.isArray(keys) ? keys : [];
  };
  const theirKeys = new Set([...keysOf('added'), ...keysOf('removed')]);
  const theirFields = new Set(FIELDS.filter((field) => diff[field] !== undefined));
  const mine = updateOf(draft) ?? {};
  const myFields = FIELDS.filter((field) => mine[field] !== undefined);
  const touched = draft.pairs.filter((row) => row.key !== '' && stateOf(row) !== 'unchanged');
  const both = [
    ...myFields.filter((field) => theirFields.has(field)),
    ...touched.filter(({ key }) => theirKeys.has(key)).map(({ key }) => key),
  ];
  const theirs = [...theirFields, ...theirKeys].filter((each) => !both.includes(each));
  return { draft: onTop(present, draft, myFields, touched), both, theirs };
}

function onTop(
  present: CredentialBody,
  draft: Draft,
  myFields: readonly (typeof FIELDS)[number][],
  touched: Draft['pairs'],
): Draft {
  const fresh = draftOf(present);
  let nextId = Math.max(fresh.nextId, draft.nextId);
  const pairs = fresh.pairs.map((row) => {
    const own = touched.find(({ key }) => key === row.key);
    return own === undefined ? row : { ...own, id: row.id, isStored: true };
  });
  const rest = touched
    .filter((row) => !present.credential_keys.includes(row.key) && !row.isRemoved)
    .map((row) => ({ ...row, id: nextId++, isStored: false }));
  return {
    ...fresh,
    ...Object.fromEntries(myFields.map((field) => [field, draft[field]])),
    pairs: [...pairs, ...rest],
    nextId,
  };
}
