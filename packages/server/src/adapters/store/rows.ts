import { isPlainObject, type JsonObject, parseJson } from '@confidant/contract';
import { instantOf, parseInstant, type Instant } from '../../domain/instant.js';
import type { Kind } from '../../domain/records.js';
import { DamagedRow, type Found } from '../../ports/store.js';

/** The `data_type` of a row: the kind of a current row, or of an archived revision. */
export type DataType = Kind | `archive-${Kind}`;

export function dataTypeOf(kind: Kind, archived: boolean): DataType {
  return archived ? `archive-${kind}` : kind;
}

/** compat: the row of revision N of `foo` is `foo-N`, which may also be the id of a service. */
export function archiveId(id: string, revision: number): string {
  return `${id}-${revision}`;
}

/** The ids of the credentials that a service maps; empty when the row is not a service. */
export function mappedIds(service: Found<'service'>, kind: 'credential' | 'blind-credential'): readonly string[] {
  if (service === 'absent' || service === 'other-kind') return [];
  return kind === 'credential' ? service.credentials : service.blindCredentials;
}

/** Maximum number of revisions in one history: without it, a broken revision number could ask for any number. */
const MAX_HISTORY = 10_000;

/** The ids of the rows of revisions 1 to `upTo`, of the last 10 000 when there are more. */
export function historyIds(id: string, upTo: number): string[] {
  const first = Math.max(1, upTo - MAX_HISTORY + 1);
  return Array.from({ length: Math.max(0, upTo - first + 1) }, (_, index) => archiveId(id, first + index));
}

/** How far beyond the current revision rows are looked for, which a crashed server of the original may have left. */
const LEFTOVER_REVISIONS = 64;

/**
 * The ids of all rows that revisions of a credential can have. Throws {@link DamagedRow} when there are too many, since
 * an archived credential must be whole.
 */
export function everyRevisionId(id: string, current: number): string[] {
  if (current > MAX_HISTORY) throw new DamagedRow(id, 'it has more revisions than can be archived');
  return Array.from({ length: current + LEFTOVER_REVISIONS }, (_, index) => archiveId(id, index + 1));
}

/** The prefix of ids of rows that hold names; nothing else may use it, in either store. */
export const NAME_ROWS = '/name/';

export function isReserved(id: string): boolean {
  return id.startsWith(NAME_ROWS);
}

/** Called for each damaged row that a list, a history or a change had to leave out. */
export type OnDamagedRow = (row: { id: string; problem: string }) => void;

/** The members sorted and without duplicates, so that the same state reads the same from both stores. */
export function sortedSet(members: readonly string[]): string[] {
  return members.length < 2 ? [...members] : [...new Set(members)].sort();
}

const LOOSE_DATE = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d))?$/;

/**
 * The instant that a stored text says. Forms that the original does not write (another offset or none, which means UTC,
 * or fewer digits) are converted; a text that is not a date is null.
 */
export function readInstant(text: string | null): Instant | null {
  if (text === null) return null;
  const exact = parseInstant(text);
  if (exact !== undefined) return exact;
  const [, day, time, fraction = '', sign, hours, minutes] = LOOSE_DATE.exec(text) ?? [];
  const milliseconds = Date.parse(`${day}T${time}Z`);
  if (Number.isNaN(milliseconds)) return null;
  const offsetMinutes = sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  const microseconds = Number(fraction.slice(0, 6).padEnd(6, '0'));
  return instantOf((milliseconds - offsetMinutes * 60_000) * 1000 + microseconds);
}

/** The object in a JSON text; `null` is an empty one. Throws a SyntaxError that holds nothing of the text. */
export function parseObject(text: string): JsonObject {
  if (text === '{}') return {};
  const value = parseJson(text);
  if (value === null) return {};
  if (!isPlainObject(value)) throw new SyntaxError('not a JSON object');
  return value;
}
