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

/**
 * One page, newest first and sorted within, or everything sorted when there is no limit. compat: `page` without a
 * limit is ignored; a page token is base64 of the last key as typed JSON.
 */
export async function listPage<K extends Kind>(
  app: App,
  kind: K,
  archived: boolean,
  query: { limit?: number | undefined; page?: string | undefined },
): Promise<Page<Listed[K]>> {
  const limit = query.limit ?? (archived && app.historyPageLimit > 0 ? app.historyPageLimit : undefined);
  const dataType = archived ? `archive-${kind}` : kind;
  const after = limit !== undefined && query.page ? decodePage(query.page, dataType) : undefined;
  const { rows, next } = await app.store.list(kind, {
    archived,
    ...(limit !== undefined && { limit }),
    ...(after && { after }),
  });
  return { rows: sortForDisplay(rows, archived), nextPage: next === null ? null : encodePage(next, dataType) };
}

/** By name without regard to case (services by id), then by the id as shown: the same rows always stand the same. */
export function sortForDisplay<Row extends Listed[Kind]>(rows: Row[], archived = false): Row[] {
  const keyed = rows.map((row) => {
    const id = archived ? `${row.id}-${row.revision}` : row.id;
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
    // Not JSON: no key either.
  }
  throw new Refusal('invalid_page');
}
