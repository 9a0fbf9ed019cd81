import type { BlindCredentialSummary, CredentialBody } from '@confidant/contract';
import type { Row } from './filter.js';

export function credentialRow(body: CredentialBody): Row {
  const { id, name, tags, metadata, enabled, revision } = body;
  return withText({
    kind: 'credential',
    id,
    name,
    documentation: body.documentation ?? '',
    tags,
    metadata,
    enabled,
    changed: body.modified_date,
    by: body.modified_by,
    due: body.next_rotation_date,
    revision,
  });
}

export function blindRow(body: BlindCredentialSummary): Row {
  const { id, name, enabled, revision } = body;
  return withText({
    kind: 'blind',
    id,
    name,
    documentation: body.documentation ?? '',
    tags: [],
    metadata: {},
    enabled,
    // These dates come as RFC 1123.
    changed: body.modified_date === null ? null : isoOf(body.modified_date),
    by: body.modified_by,
    due: null,
    revision,
  });
}

function isoOf(date: string): string | null {
  const instant = Date.parse(date);
  return Number.isNaN(instant) ? null : new Date(instant).toISOString();
}

function withText(row: Omit<Row, 'text'>): Row {
  const parts = [row.name, row.documentation, ...row.tags, ...metadataWords(row.metadata), row.id, row.by ?? ''];
  return { ...row, text: parts.join('\n').toLowerCase() };
}

function metadataWords(metadata: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(metadata).flatMap(([key, value]) => [key, typeof value === 'string' ? value : '']);
}

export const SORTS = ['name', 'due', 'changed', 'by', 'revision'] as const;
export type SortKey = (typeof SORTS)[number];

/** `-changed`: newest first, the order in which the server gives them. */
export const DEFAULT_SORT = '-changed';

/** Sorts by `name`, or by `-name` the other way round. What has no date stands at the end, whichever way. */
export function sortRows(rows: readonly Row[], sort: string): readonly Row[] {
  const key = sort.replace(/^-/, '') as SortKey;
  const direction = sort.startsWith('-') ? -1 : 1;
  const known = SORTS.includes(key) ? key : 'changed';
  return [...rows].sort((a, b) => {
    const [x, y] = [a[known], b[known]];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    const order = typeof x === 'number' && typeof y === 'number' ? x - y : COLLATOR.compare(String(x), String(y));
    return order * direction || COLLATOR.compare(a.name, b.name);
  });
}

const COLLATOR = new Intl.Collator('en', { sensitivity: 'base', numeric: true });
