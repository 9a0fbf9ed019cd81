import { isPlainObject, parseJson, stringifyJson } from '@confidant/contract/wire';
import { type Draft, type PairRow, stateOf } from './draft.js';

/**
 * Keeps what is no secret of a draft for a reload of the tab: session storage never gets a value. What the storage
 * refuses is not kept.
 *
 * @param author whose draft it is; nobody else gets it back
 */
export function keepDraft(author: string, draft: Draft): void {
  const pairs = draft.pairs.map(({ value, ...row }) => ({ ...row, isGone: row.isGone === true || Boolean(value) }));
  try {
    sessionStorage.setItem(nameOf(author, draft.base.id), stringifyJson({ ...draft, pairs }));
  } catch {
    // Full or forbidden: the draft is in the page all the same.
  }
}

export function dropDraft(author: string, id: string): void {
  sessionStorage.removeItem(nameOf(author, id));
}

/** The draft over which this tab was loaded again, or that a duplicate of the tab got; values that were typed are gone. */
export function keptDraft(author: string, id: string): Draft | undefined {
  try {
    const kept = parseJson(sessionStorage.getItem(nameOf(author, id)) ?? 'null');
    if (!isPlainObject(kept)) return undefined;
    const draft = kept as unknown as Draft;
    return { ...draft, pairs: draft.pairs.map((row): PairRow => ({ ...row, value: row.isStored ? undefined : '' })) };
  } catch {
    return undefined;
  }
}

/** Keys whose typed values are gone. */
export function goneKeys(draft: Draft): string[] {
  return draft.pairs.filter((row) => row.isGone === true && stateOf(row) !== 'removed').map(({ key }) => key);
}

function nameOf(author: string, id: string): string {
  return `confidant-draft ${id} ${author}`;
}
