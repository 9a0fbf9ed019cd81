import { readFileSync } from 'node:fs';

const folder = new URL('../../../../test/golden/', import.meta.url);

/** A file of recordings, one JSON value a line. */
export function recordedLines<Line>(name: string): Line[] {
  return readFileSync(new URL(name, folder), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

export function recordedJson<Value>(name: string): Value {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Value;
}

/** A DynamoDB item as the recordings hold it. */
export type Item = Record<string, { S?: string; N?: string; B?: string; BOOL?: boolean; SS?: string[]; L?: unknown[] }>;

export const recordedTable = (): Item[] => recordedLines<Item>('dynamodb-table.jsonl');
