import type { Row } from '../list/filter.js';

const DAY = 86_400_000;
const WEEK = 7 * DAY;
/** Weeks that the strip shows, this one included. */
export const WEEKS = 26;

/** How many credentials are late, and due in each week from now on. */
export interface Weeks {
  late: number;
  /** Each starts a week after the one before. */
  weeks: readonly { start: number; due: number }[];
}

export function weeksOf(rows: readonly Row[], now: number): Weeks {
  const weeks = Array.from({ length: WEEKS }, (_, i) => ({ start: now + i * WEEK, due: 0 }));
  let late = 0;
  for (const { due } of rows) {
    const instant = due === null ? Number.NaN : Date.parse(due);
    if (Number.isNaN(instant)) continue;
    const week = Math.floor((instant - now) / WEEK);
    if (week < 0) late += 1;
    else if (week < WEEKS) weeks[week]!.due += 1;
  }
  return { late, weeks };
}

export const GROUPS = ['Late', 'This week', 'In 30 days', 'Later'] as const;

/** Rows with a date by how soon they are due, each group by date. */
export function groupsOf(rows: readonly Row[], now: number): ReadonlyMap<(typeof GROUPS)[number], readonly Row[]> {
  const dated = rows.filter(({ due }) => due !== null).toSorted((a, b) => Date.parse(a.due!) - Date.parse(b.due!));
  const daysOf = (row: Row): number => (Date.parse(row.due!) - now) / DAY;
  return new Map([
    ['Late', dated.filter((row) => daysOf(row) < 0)],
    ['This week', dated.filter((row) => daysOf(row) >= 0 && daysOf(row) < 7)],
    ['In 30 days', dated.filter((row) => daysOf(row) >= 7 && daysOf(row) < 30)],
    ['Later', dated.filter((row) => daysOf(row) >= 30)],
  ]);
}

/**
 * Rows as CSV (RFC 4180). A cell that a spreadsheet would run as a formula starts with an apostrophe, which
 * spreadsheets take for "this is text".
 */
export function csvOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => [
    row.name,
    row.due ?? '',
    row.changed ?? '',
    row.by ?? '',
    row.tags.join(' '),
    row.id,
  ]);
  return [['name', 'due', 'changed', 'by', 'tags', 'id'], ...lines]
    .map((line) => line.map(cell).join(','))
    .join('\r\n');
}

function cell(text: string): string {
  const safe = /^\s*[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
