import { stringifyJson } from '@confidant/contract/wire';
import { daysUntil } from '../parts/when.js';

/** A row of the list: a credential or a blind credential, with what the filter looks at. */
export interface Row {
  kind: 'credential' | 'blind';
  id: string;
  name: string;
  documentation: string;
  tags: readonly string[];
  metadata: Readonly<Record<string, unknown>>;
  enabled: boolean;
  /** ISO instant; null when none is known. */
  changed: string | null;
  by: string | null;
  due: string | null;
  revision: number;
  /** Everything that words are looked for in, lower case. */
  text: string;
}

export type Predicate = (row: Row) => boolean;

/** A term of the filter that means nothing, in the filter's own words. */
export interface FilterFault {
  term: string;
  problem: string;
}

const DAY_UNITS = { d: 1, w: 7, m: 30, y: 365 } as const;
// A dash, a field with its value (perhaps in quotes), a phrase in quotes, or a word.
const TERM = /(-?)(?:([a-z]+(?:\.[^:\s"]+)?):(?:"([^"]*)"?|(\S*))|"([^"]*)"?|(\S+))/gu;

/**
 * Reads a filter: words and "phrases" that must all occur, and `field:value` terms, each turned round by a dash before
 * it. Terms that mean nothing are reported and left out.
 */
export function readFilter(text: string, now: number): { matches: Predicate; faults: FilterFault[] } {
  const predicates: Predicate[] = [];
  const faults: FilterFault[] = [];
  for (const [term, dash, field, quoted, bare, phrase, word] of text.trim().matchAll(TERM)) {
    let predicate: Predicate | undefined;
    if (field === undefined) {
      const wanted = (phrase ?? word ?? '').toLowerCase();
      predicate = (row) => row.text.includes(wanted);
    } else {
      predicate = fieldPredicate(field, quoted ?? bare ?? '', now);
      if (predicate === undefined) {
        faults.push({ term, problem: problemOf(field) });
        continue;
      }
    }
    predicates.push(dash === '-' ? (row) => !predicate(row) : predicate);
  }
  return { matches: (row) => predicates.every((predicate) => predicate(row)), faults };
}

function problemOf(field: string): string {
  const name = field.split('.')[0]!;
  if (Object.hasOwn(EXAMPLES, name)) return `expected ${EXAMPLES[name]}`;
  return `there is no field ${field} (there are ${Object.keys(EXAMPLES).join(', ')})`;
}

const EXAMPLES: Readonly<Record<string, string>> = {
  tag: 'tag:production',
  by: 'by:mina',
  kind: 'kind:blind or kind:credential',
  is: 'is:disabled or is:enabled',
  doc: 'doc:none',
  due: 'due:late, due:<30d or due:never',
  changed: 'changed:<7d or changed:>1y',
  rev: 'rev:>20',
  meta: 'meta.owner:orders',
};

function fieldPredicate(field: string, value: string, now: number): Predicate | undefined {
  const wanted = value.toLowerCase();
  if (field.startsWith('meta.')) {
    const key = field.slice('meta.'.length);
    return (row) =>
      Object.entries(row.metadata).some(
        ([name, each]) => name.toLowerCase() === key && wordOf(each).toLowerCase().includes(wanted),
      );
  }
  if (wanted === '') return undefined;
  switch (field) {
    case 'tag':
      return (row) => row.tags.some((tag) => tag.toLowerCase() === wanted);
    case 'by':
      return (row) => (row.by ?? '').toLowerCase().includes(wanted);
    case 'kind':
      return ['blind', 'credential'].includes(wanted) ? (row) => row.kind === wanted : undefined;
    case 'is':
      return ['disabled', 'enabled'].includes(wanted) ? (row) => row.enabled === (wanted === 'enabled') : undefined;
    case 'doc':
      return wanted === 'none' ? (row) => row.documentation.trim() === '' : undefined;
    case 'due': {
      if (wanted === 'never') return (row) => row.kind === 'credential' && row.due === null;
      if (wanted === 'late') return (row) => row.due !== null && daysUntil(row.due, now) < 0;
      const within = readSpan(wanted);
      return within && ((row) => row.due !== null && within(daysUntil(row.due, now)));
    }
    case 'changed': {
      const within = readSpan(wanted);
      return within && ((row) => row.changed !== null && within(-daysUntil(row.changed, now)));
    }
    case 'rev': {
      const match = /^([<>]?)(\d{1,9})$/.exec(wanted);
      return match === null ? undefined : (row) => compare(row.revision, match[1]!, Number(match[2]));
    }
  }
  return undefined;
}

/** `<30d`, `>1y`: a number of days on that side. */
function readSpan(text: string): ((days: number) => boolean) | undefined {
  const match = /^([<>])(\d{1,5})([dwmy])$/.exec(text);
  if (match === null) return undefined;
  const [, side, n, unit] = match;
  const days = Number(n) * DAY_UNITS[unit as keyof typeof DAY_UNITS];
  return (value) => compare(value, side!, days);
}

function compare(value: number, side: string, bound: number): boolean {
  if (side === '<') return value < bound;
  if (side === '>') return value > bound;
  return value === bound;
}

/** Metadata as text to look in. */
function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : stringifyJson(value);
}

const MOST_IN_ADDRESS = 200;

/**
 * Whether a filter may stand in the address, which browsers keep: only one that finds something, since a secret that was
 * pasted into the wrong field finds nothing.
 */
export function mayStandInAddress(filter: string, found: number): boolean {
  return found > 0 && filter.length <= MOST_IN_ADDRESS && !/\S{41}/u.test(filter);
}
