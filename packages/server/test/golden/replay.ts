import type { As, TestServer } from '../harness/server.js';
import { type Item, recordedLines, recordedTable } from './recordings.js';

export interface Recording {
  variant?: string;
  settings?: Record<string, string>;
  group: string;
  name: string;
  request: { method: string; path: string; headers: Record<string, string>; body: unknown };
  response: { status: number; headers: [string, string][]; json?: any; text?: string };
}

/** Why a response differs from the recording, and what it is instead. */
export interface Exception {
  /** The number of the reason in docs/original-bugs.md. */
  bug: number;
  /** The right status; the recorded one when left out. */
  status?: number;
  /** Keys of the body, at any depth, that may differ. */
  keys?: readonly string[];
  /** A body to send afterwards with the same method and path, so that later recordings find the expected content. */
  afterwards?: unknown;
}

/** The state before the first recording. Current rows are made from their newest revision of that time. */
export function stateBefore(recordings: readonly Recording[]): Item[] {
  const BEGIN = '2026-11-21T22:38:19';
  const made = new Set(recordings.map((each) => each.response.json?.id as string | undefined));
  const touched = new Set(recordings.filter((each) => each.request.method === 'POST').map((e) => e.response.json?.id));
  const archived = recordedLines<Item>('dynamodb-archive-table.jsonl').map((row) =>
    Object.fromEntries(Object.entries(row).filter(([name]) => name !== 'archive_date')),
  );
  const revisions = [...recordedTable(), ...archived].filter((row) => {
    const [id] = splitId(row);
    const isNew = made.has(id) && touched.has(id);
    return row['data_type']!.S!.startsWith('archive-') && !isNew && row['modified_date']!.S! < BEGIN;
  });
  return [...revisions, ...currentRows(revisions)];
}

/**
 * The table at a moment of the recordings (like `2026-11-21T22:40:30`): current rows that were written later are made
 * from their newest revision of that time.
 */
export function tableAt(moment: string): Item[] {
  const rows = recordedTable().filter((row) => row['modified_date']!.S! < moment);
  const ids = new Set(rows.map((row) => row['id']!.S));
  const revisions = rows.filter((row) => row['data_type']!.S!.startsWith('archive-'));
  return [...rows, ...currentRows(revisions).filter((row) => !ids.has(row['id']!.S))];
}

/** The current rows of which these are the revisions. */
function currentRows(revisions: readonly Item[]): Item[] {
  const newest = new Map<string, Item>();
  for (const row of revisions) {
    const [id, revision] = splitId(row);
    const known = newest.get(id);
    if (known === undefined || Number(known['revision']!.N) < revision) newest.set(id, row);
  }
  return [...newest].map(([id, row]) => ({
    ...row,
    id: { S: id },
    data_type: { S: row['data_type']!.S!.slice('archive-'.length) },
  }));
}

function splitId(row: Item): [string, number] {
  const revision = Number(row['revision']!.N);
  return [row['id']!.S!.slice(0, -`-${revision}`.length), revision];
}

/** Replays recordings in order and remembers which of our ids and page tokens stand for which recorded ones. */
export class Replay {
  readonly #ours = new Map<string, string>();
  /** By our id: recorded revision to ours. They differ after a write that failed there and succeeded here, or the reverse. */
  readonly #revisions = new Map<string, Map<number, number>>();

  /** Sends a recorded request, with our ids in place of recorded ones. */
  send(
    server: TestServer,
    recording: Recording,
    as: As,
    body: unknown = recording.request.body,
  ): ReturnType<TestServer['call']> {
    const { method, path, headers } = recording.request;
    const sent = typeof as === 'string' || as === null ? as : { ...as };
    const kept = Object.fromEntries(
      Object.entries(headers).filter(
        ([name]) => !['Authorization', 'X-Auth-From', 'X-Auth-Token', 'Cookie'].includes(name),
      ),
    );
    return server.call(sent, method, this.#translate(path), body === null ? undefined : this.#deep(body), kept);
  }

  /** Learns the ids of a response by comparing it with the recorded one. */
  learn(recording: Recording, answer: { json?: any }): void {
    const theirs = recording.response.json;
    const ours = answer.json;
    if (typeof theirs?.id === 'string' && typeof ours?.id === 'string') this.#ours.set(theirs.id, ours.id);
    if (typeof theirs?.next_page === 'string' && typeof ours?.next_page === 'string') {
      this.#ours.set(encodeURIComponent(theirs.next_page).replace(/%3D/g, '='), encodeURIComponent(ours.next_page));
    }
    if (typeof theirs?.revision === 'number' && typeof ours?.revision === 'number') {
      const known = this.#revisions.get(ours.id) ?? new Map<number, number>();
      this.#revisions.set(ours.id, known.set(theirs.revision, ours.revision));
    }
  }

  /** The recorded body with our ids. */
  expected(recording: Recording): unknown {
    return this.#deep(recording.response.json);
  }

  #translate(text: string): string {
    let result = text;
    for (const [theirs, ours] of this.#ours) result = result.replaceAll(theirs, ours);
    const revised = (id: string, revision: string): string => String(this.#revisionOf(id, Number(revision)));
    // Revisions are in paths (one, or two for a diff) and at the end of archived ids.
    return result
      .replace(/^(\/v1\/\w+\/)([^/]+)\/(\d+)(?:\/(\d+))?$/, (_, start: string, id: string, one: string, two?: string) =>
        [`${start}${id}`, revised(id, one), ...(two === undefined ? [] : [revised(id, two)])].join('/'),
      )
      .replace(/^([\w-]+)-(\d+)$/, (whole, id: string, revision: string) =>
        this.#revisions.has(id) ? `${id}-${revised(id, revision)}` : whole,
      );
  }

  #revisionOf(id: string, theirs: number): number {
    return this.#revisions.get(id)?.get(theirs) ?? theirs;
  }

  #deep(value: unknown): unknown {
    if (typeof value === 'string') return this.#translate(value);
    if (Array.isArray(value)) return value.map((item) => this.#deep(item));
    if (typeof value !== 'object' || value === null) return value;
    const result: Record<string, unknown> = Object.fromEntries(
      Object.entries(value).map(([key, child]) => [this.#translate(key), this.#deep(child)]),
    );
    if (typeof result['id'] === 'string' && typeof result['revision'] === 'number') {
      const id = result['id'].replace(/-\d+$/, (end) => (this.#revisions.has(result['id'] as string) ? end : ''));
      result['revision'] = this.#revisionOf(id, result['revision']);
    }
    return result;
  }
}

const VOLATILE = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00|\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT)$/;

/**
 * A body without what differs between two runs: dates and page tokens are replaced by their kind, error texts removed, and
 * lists sorted whose order the original left to chance. `only` keeps list rows whose id both sides know.
 */
export function comparable(value: unknown, only?: ReadonlySet<string>): unknown {
  if (typeof value === 'string') return VOLATILE.test(value) ? '<date>' : value;
  if (Array.isArray(value)) {
    const rows = only === undefined ? value : value.filter((row) => typeof row?.id !== 'string' || only.has(row.id));
    const items = rows.map((row) => comparable(row, only));
    return items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, child]) => {
    if (key === 'error') return [key, '<text>'];
    if (key === 'next_page' && child !== null) return [key, '<page>'];
    if (key === 'token' || key === 'value') return [key, `<${key}>`];
    if (/^(certificate|certificate_chain|key)$/.test(key) && typeof child === 'string') return [key, '<pem>'];
    return [key, comparable(child, only)];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)));
}

/** Ids of every row in a body. */
export function idsIn(value: unknown): Set<string> {
  const ids = new Set<string>();
  const walk = (each: unknown): void => {
    if (typeof each !== 'object' || each === null) return;
    if (!Array.isArray(each) && typeof (each as { id?: unknown }).id === 'string') ids.add((each as { id: string }).id);
    for (const child of Object.values(each)) walk(child);
  };
  walk(value);
  return ids;
}
