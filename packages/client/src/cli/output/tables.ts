import { shellQuote } from '../../text/variables.js';
import { type Log, visible } from '../terminal/log.js';
import { CommandError } from '../arguments/errors.js';
import type { OutcomeBody } from './outcome.js';

/** Cells of a terminal. Longer texts are cut; the JSON output has them whole. */
const MAX_CELL_WIDTH = 100;
/** Nobody reads more, and one wide name would fill the memory. */
const MAX_ROWS = 100_000;
/** Names of pages are shorter. */
const MAX_PAGE_LENGTH = 1000;

type Row = Readonly<Record<string, unknown>>;
type Column = readonly [title: string, cell: (row: Row) => string];

const text =
  (field: string) =>
  (row: Row): string => {
    const value = row[field];
    return typeof value === 'boolean' ? (value ? 'yes' : 'no') : plain(value);
  };

/** The text of a cell; empty for what is neither text nor a number, since servers may answer anything. */
function plain(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** The items of a list, or `name=value` for each entry of a map. */
const words =
  (field: string) =>
  (row: Row): string => {
    const value = row[field];
    if (Array.isArray(value)) {
      return value
        .map(plain)
        .filter((word) => word !== '')
        .join(', ');
    }
    if (typeof value !== 'object' || value === null) return '';
    return Object.entries(value)
      .map(([name, of]) => `${name}=${plain(of)}`)
      .join(', ');
  };

/** A time in UTC, to the second. Some responses have ISO 8601 with microseconds, others RFC 1123. */
const instant =
  (field: string) =>
  (row: Row): string => {
    const written = text(field)(row);
    const date = new Date(written);
    return Number.isNaN(date.getTime()) ? written : `${date.toISOString().slice(0, 19)}Z`;
  };

const STATE: readonly Column[] = [
  ['REVISION', text('revision')],
  ['ENABLED', text('enabled')],
];
const CHANGE: readonly Column[] = [
  ['MODIFIED', instant('modified_date')],
  ['BY', text('modified_by')],
];
const TAGS: Column = ['TAGS', words('tags')];

/** For each field that holds a list: the id of a row, and the columns. Nothing else is shown, so no values are. */
const LISTS: Record<string, { id: string; columns: readonly Column[] }> = {
  credentials: { id: 'id', columns: [['NAME', text('name')], ['ID', text('id')], ...STATE, ...CHANGE, TAGS] },
  blind_credentials: { id: 'id', columns: [['NAME', text('name')], ['ID', text('id')], ...STATE, ...CHANGE] },
  services: { id: 'id', columns: [['SERVICE', text('id')], ...STATE, ['ACCOUNT', text('account')], ...CHANGE] },
  cas: { id: 'ca', columns: [['CA', text('ca')], TAGS] },
  revisions: {
    id: 'id',
    columns: [
      ...STATE,
      ...CHANGE,
      ['NAME', text('name')],
      ['ACCOUNT', text('account')],
      ['KEYS', words('credential_keys')],
      TAGS,
    ],
  },
};

/**
 * A list as a table for people, or as ids, one per line; undefined if the body has no list. Logs how to get the next page.
 * Throws {@link CommandError} for an id that does not fit on a line, and for a table that is too long to read.
 */
export function renderList(body: OutcomeBody, format: 'id' | 'table', log: Log): string | undefined {
  const field = Object.keys(LISTS).find((name) => Array.isArray(body[name]));
  if (field === undefined) return undefined;
  const { id, columns } = LISTS[field]!;
  const rows = (body[field] as readonly unknown[]).map((row) => (typeof row === 'object' && row !== null ? row : {}));
  const text = format === 'id' ? rows.map((row) => idLine((row as Row)[id])).join('') : toTable(columns, rows as Row[]);
  const next = body['next_page'];
  if (typeof next === 'string' && next !== '') log.info(`there are more results: ${nextPage(next)}`);
  return text;
}

/** A line with an id, for scripts. Throws {@link CommandError} for what is not exactly one line. */
export function idLine(id: unknown): string {
  if (typeof id === 'string' && id !== '' && isVisibleLine(id)) return `${id}\n`;
  throw new CommandError('the server sent an id that does not fit on a line: use --output json');
}

/** How to ask for the next page. The server chose the text, and a person may paste it into a shell. */
function nextPage(page: string): string {
  if (!isVisibleLine(page) || page.length > MAX_PAGE_LENGTH)
    return '--output json shows the next_page to give to --page';
  return `repeat the command with --page${page.startsWith('-') ? '=' : ' '}${shellQuote(page)}`;
}

/** Aligned columns under their titles; empty columns are left out. */
function toTable(columns: readonly Column[], rows: readonly Row[]): string {
  if (rows.length > MAX_ROWS) {
    throw new CommandError(`a table of more than ${MAX_ROWS} rows is too long to read: use --limit, or --output json`);
  }
  const filled = columns
    .map(([title, cell]) => [title, ...rows.map((row) => shortLine(cell(row)))])
    .filter(([, ...cells]) => rows.length === 0 || cells.some((cell) => cell !== ''))
    .map((cells) => cells.map((cell) => cell || '-'));
  const widths = filled.map((cells) => cells.reduce((widest, cell) => Math.max(widest, widthOf(cell)), 0));
  const last = filled.length - 1;
  const lines = [-1, ...rows.keys()].map((row) =>
    filled
      .map((cells, column) => {
        const cell = cells[row + 1]!;
        return column === last ? cell : cell + ' '.repeat(widths[column]! - widthOf(cell));
      })
      .join('  ')
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join('');
}

function isVisibleLine(text: string): boolean {
  return oneLine(text) === text;
}

/** Text that others wrote, on one line and unable to steer the terminal. */
function oneLine(cell: string): string {
  return visible(cell).replace(/[\t\n\u2028\u2029]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** As {@link oneLine}, cut so that no cell makes its column too wide. */
function shortLine(cell: string): string {
  // No character takes less than a tenth of a cell on average, but for a hostile text.
  const line = oneLine(cell.slice(0, MAX_CELL_WIDTH * 10));
  if (widthOf(line) <= MAX_CELL_WIDTH && cell.length <= MAX_CELL_WIDTH * 10) return line;
  let [short, width] = ['', 0];
  for (const char of line) {
    width += widthOf(char);
    if (width >= MAX_CELL_WIDTH) break;
    short += char;
  }
  return `${short}…`;
}

const NO_CELL = /\p{Mn}|\p{Me}/u;
const TWO_CELLS =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;

/** About how many cells of a terminal a text takes; terminals do not agree on every character. */
function widthOf(cell: string): number {
  let width = 0;
  for (const char of cell) width += NO_CELL.test(char) ? 0 : TWO_CELLS.test(char) ? 2 : 1;
  return width;
}
