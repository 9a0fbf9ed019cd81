import { compareCodePoints } from '@confidant/contract';
import { parseInstant } from '../domain/instant.js';
import type { Kind, Listed } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import type { PageKey } from '../ports/store.js';
import type { App } from './app.js';

export interface Page<Row> {
  rows: Row[];
  nextPage: string | null;
}

/** The requested page of a list: at most `limit` rows, after the page that gave the token `page`. */
export interface PageQuery {
  limit?: number | undefined;
  page?: string | undefined;
}

/**
 * One page of current rows, newest first and sorted by name within the page, or everything sorted by name when there is
 * no limit. compat: `page` without a limit is ignored; a page token is base64 of the last key as typed JSON.
 *
 * @throws Refusal `invalid_page` when the token is not from this list
 */
export async function listCurrent<K extends Kind>(app: App, kind: K, query: PageQuery): Promise<Page<Listed[K]>> {
  const { rows, nextPage } = await readPage(app, kind, false, query);
  return { rows: sortForDisplay(rows), nextPage };
}

/** The same for archived revisions, which HISTORY_PAGE_LIMIT pages when the caller names no limit. */
export async function listHistory<K extends Kind>(
  app: App,
  kind: K,
  { limit, page }: PageQuery,
): Promise<Page<Listed[K]>> {
  const usual = app.historyPageLimit > 0 ? app.historyPageLimit : undefined;
  const { rows, nextPage } = await readPage(app, kind, true, { limit: limit ?? usual, page });
  return { rows: sortForDisplay(rows, ({ id, revision }) => `${id}-${revision}`), nextPage };
}

async function readPage<K extends Kind>(
  app: App,
  kind: K,
  archived: boolean,
  { limit, page }: PageQuery,
): Promise<Page<Listed[K]>> {
  const dataType = archived ? `archive-${kind}` : kind;
  const after = limit !== undefined && page ? decodePage(page, dataType) : undefined;
  const { rows, next } = await app.store.list(kind, {
    archived,
    ...(limit !== undefined && { limit }),
    ...(after !== undefined && { after }),
  });
  return { rows, nextPage: next === null ? null : encodePage(next, dataType) };
}

/** Sorts by name regardless of case (services by id), then by the id as shown, so that the order is always the same. */
export function sortForDisplay<Row extends Listed[Kind]>(
  rows: readonly Row[],
  shownId: (row: Row) => string = ({ id }) => id,
): Row[] {
  const keyed = rows.map((row) => {
    const id = shownId(row);
    return { row, id, title: ('name' in row ? row.name : id).toLowerCase() };
  });
  keyed.sort((a, b) => compareCodePoints(a.title, b.title) || compareCodePoints(a.id, b.id));
  return keyed.map(({ row }) => row);
}

function encodePage(key: PageKey, dataType: string): string {
  const typed = { id: { S: key.id }, data_type: { S: dataType }, modified_date: { S: key.modifiedDate } };
  return Buffer.from(JSON.stringify(typed)).toString('base64');
}

function decodePage(page: string, dataType: string): PageKey {
  try {
    const typed = JSON.parse(Buffer.from(page, 'base64').toString('utf8')) as Record<string, { S?: unknown }>;
    const id = typed['id']?.S;
    const date = typed['modified_date']?.S;
    const modifiedDate = typeof date === 'string' ? parseInstant(date) : undefined;
    if (typeof id === 'string' && id !== '' && modifiedDate && typed['data_type']?.S === dataType) {
      return { id, modifiedDate };
    }
  } catch {
    // Text that is not JSON is not a key either.
  }
  throw new Refusal('invalid_page');
}
