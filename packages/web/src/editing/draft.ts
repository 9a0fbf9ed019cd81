import { ExactNumber } from '@confidant/contract/wire';
import type { CredentialBody, CredentialUpdate, JsonObject, Scalar } from '@confidant/contract';

export const TYPES = ['text', 'number', 'true/false', 'null'] as const;
export type ValueType = (typeof TYPES)[number];

/** A value as it is typed. */
export interface NewValue {
  value: string;
  type: ValueType;
}

/** A key of the credential. The values that are stored are never read here: `value` is a new one, or undefined. */
export interface PairRow {
  id: number;
  key: string;
  isStored: boolean;
  isRemoved: boolean;
  value: string | undefined;
  type: ValueType;
  /** Whether a value was typed before the tab was loaded again, and is gone. */
  isGone?: boolean;
}

export interface MetadataRow {
  id: number;
  key: string;
  value: string;
}

/** What a person changed of a credential, from the revision `base` on. */
export interface Draft {
  base: CredentialBody;
  name: string;
  tags: string;
  documentation: string;
  enabled: boolean;
  metadata: readonly MetadataRow[];
  pairs: readonly PairRow[];
  nextId: number;
}

export type RowState = 'unchanged' | 'changed' | 'added' | 'removed';

export function draftOf(base: CredentialBody): Draft {
  let nextId = 0;
  return {
    base,
    name: base.name,
    tags: tagText(base.tags),
    documentation: base.documentation ?? '',
    enabled: base.enabled,
    metadata: textsOf(base.metadata).map(([key, value]) => ({ id: nextId++, key, value })),
    pairs: base.credential_keys.map((key) => stored(key, nextId++)),
    nextId,
  };
}

function stored(key: string, id: number): PairRow {
  return { id, key, isStored: true, isRemoved: false, value: undefined, type: 'text' };
}

/** Only texts can be edited here; other JSON stays as it is. */
function textsOf(metadata: CredentialBody['metadata']): [string, string][] {
  return Object.entries(metadata).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
}

export function stateOf(row: PairRow): RowState {
  if (!row.isStored) return 'added';
  if (row.isRemoved) return 'removed';
  return row.value === undefined && row.isGone !== true ? 'unchanged' : 'changed';
}

/** Puts pairs into the draft: new values for keys that are there, rows for those that are not. */
export function withPairs(draft: Draft, pairs: ReadonlyMap<string, NewValue>, replaceAll: boolean): Draft {
  let { nextId } = draft;
  const kept = draft.pairs
    .filter((row) => row.isStored || !replaceAll || pairs.has(row.key))
    .map((row): PairRow => {
      const written = pairs.get(row.key);
      if (written !== undefined) return { ...row, ...written, isRemoved: false, isGone: false };
      return replaceAll ? { ...row, value: undefined, isRemoved: true } : row;
    });
  const added = [...pairs].filter(([key]) => !kept.some((row) => row.key === key));
  const rows = added.map(([key, value]): PairRow => ({ ...stored(key, nextId++), isStored: false, ...value }));
  return { ...draft, pairs: [...kept.filter((row) => row.isStored || row.key !== '' || row.value), ...rows], nextId };
}

/** What is wrong with a row; undefined if it can be stored. */
export function faultOf(row: PairRow, draft: Draft): string | undefined {
  if (row.isRemoved || stateOf(row) === 'unchanged') return undefined;
  if (row.isGone === true) return 'The value that you typed is gone. Type it again, or undo.';
  if (row.key === '') return row.value ? 'Name the key of this value.' : undefined;
  if (/\s/.test(row.key)) return 'A key has no white space.';
  const twin = draft.pairs.find((other) => other.id !== row.id && other.key === row.key);
  if (twin?.isRemoved === true && !row.isStored) return 'You removed this key above. Undo that, and change its value.';
  if (twin !== undefined && !row.isStored) return 'This key is there already.';
  return valueOf(row) === undefined ? faultOfType(row.type) : undefined;
}

function faultOfType(type: ValueType): string {
  return type === 'number' ? 'A number as JSON writes it, such as 24 or 1.50.' : 'Write true or false.';
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** The new value of a row in its type, digits as they were written; undefined if the text is not one of that type. */
export function valueOf({ value = '', type }: Pick<PairRow, 'value' | 'type'>): Scalar | undefined {
  if (type === 'text') return value;
  if (type === 'null') return null;
  if (type === 'number') return NUMBER.test(value) ? new ExactNumber(value) : undefined;
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

/** Tags as one text, those with blanks in quotes. {@link tagsOf} reads it. */
export function tagText(tags: readonly string[]): string {
  return tags.map((tag) => (/[\s,"]/.test(tag) ? `"${tag}"` : tag)).join(' ');
}

export function tagsOf(text: string): string[] {
  return [...text.matchAll(/#?(?:"([^"]*)"|([^\s,]+))/g)].map(([, quoted, bare]) => quoted ?? bare!).filter(Boolean);
}

/** The fields that differ from the base, as the body of a PUT; undefined if none does. */
export function updateOf(draft: Draft): CredentialUpdate | undefined {
  const { base } = draft;
  const changed = draft.pairs.filter(
    (row) => row.key !== '' && (stateOf(row) === 'changed' || stateOf(row) === 'added'),
  );
  const unset = draft.pairs.filter((row) => row.isStored && row.isRemoved).map(({ key }) => key);
  // Keys without a prototype: `__proto__` is an ordinary one.
  const set = Object.assign(Object.create(null), {}) as Record<string, Scalar>;
  for (const row of changed) set[row.key] = valueOf(row) ?? null;
  const update: CredentialUpdate = {
    ...(draft.name !== base.name && { name: draft.name.trim() }),
    // Texts are compared, so that tags that cannot be typed here stay as they are until somebody types.
    ...(draft.tags !== tagText(base.tags) && { tags: tagsOf(draft.tags) }),
    ...(draft.documentation !== (base.documentation ?? '') && { documentation: draft.documentation }),
    ...(draft.enabled !== base.enabled && { enabled: draft.enabled }),
    ...(isMetadataChanged(draft) && { metadata: metadataOf(draft) }),
    ...(changed.length > 0 && { set }),
    ...(unset.length > 0 && { unset }),
  };
  return Object.keys(update).length === 0 ? undefined : { ...update, expected_revision: base.revision };
}

function isMetadataChanged({ base, metadata }: Draft): boolean {
  const now = metadata.filter(({ key }) => key !== '').map(({ key, value }) => [key, value]);
  return JSON.stringify(now) !== JSON.stringify(textsOf(base.metadata));
}

function metadataOf({ base, metadata }: Draft): JsonObject {
  const others = Object.entries(base.metadata).filter(([, value]) => typeof value !== 'string');
  const texts = metadata.filter(({ key }) => key !== '').map(({ key, value }) => [key, value] as const);
  return Object.fromEntries([...others, ...texts]) as JsonObject;
}

/** How many things a draft changes, by kind, for the save bar. */
export function countsOf(draft: Draft): { changed: number; added: number; removed: number } {
  const states = draft.pairs.filter((row) => row.key !== '' || Boolean(row.value)).map(stateOf);
  const of = (state: RowState): number => states.filter((each) => each === state).length;
  const update = updateOf(draft) ?? {};
  const fields = Object.keys(update).filter((field) => !['set', 'unset', 'expected_revision'].includes(field)).length;
  return { changed: of('changed') + fields, added: of('added'), removed: of('removed') };
}
