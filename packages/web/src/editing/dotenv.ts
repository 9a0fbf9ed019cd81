import type { Json } from '@confidant/contract';
import { isPlainObject, parseJson } from '@confidant/contract/wire';
import { forgetMatches } from '../api/request.js';
import { textOf, typeOf } from '../values/text.js';
import type { NewValue } from './draft.js';

/** Pairs that were read from a text, keys in lower case, and the lines that were not understood. */
export interface PastedPairs {
  format: 'dotenv' | 'JSON';
  pairs: ReadonlyMap<string, NewValue>;
  /** Lines from 1. What is wrong never quotes a value. */
  faults: readonly { line: number; problem: string }[];
}

interface Found {
  key: string;
  value: NewValue;
  line: number;
}
type Fault = PastedPairs['faults'][number];

/**
 * Reads many pairs from a text: a JSON object of scalars, or lines `KEY=value` as programs that read dotenv files agree on
 * them. What such programs read differently is a fault, with the way to write it.
 */
export function readPasted(text: string): PastedPairs {
  try {
    const plain = text.startsWith('\ufeff') ? text.slice(1) : text;
    const isJson = plain.trimStart().startsWith('{');
    const { found, faults } = isJson ? readJson(plain) : readDotenv(plain);
    return { format: isJson ? 'JSON' : 'dotenv', ...withoutDoubtfulKeys(found, faults) };
  } finally {
    forgetMatches();
  }
}

function withoutDoubtfulKeys(found: readonly Found[], faults: readonly Fault[]): Omit<PastedPairs, 'format'> {
  const stored = found.map((pair) => ({ ...pair, key: pair.key.toLowerCase() }));
  const problemOf = ({ key }: Found): string | undefined => {
    if (key === '') return 'The key is empty.';
    if (/[\s\p{Cc}\p{Cf}]/u.test(key)) return 'A key has no white space or invisible characters.';
    const others = stored.filter((other) => other.key === key);
    if (others.length > 1) return `${key} stands here twice.`;
    return undefined;
  };
  const problems = stored.map(problemOf);
  return {
    pairs: new Map(stored.filter((_, i) => problems[i] === undefined).map(({ key, value }) => [key, value])),
    faults: [
      ...faults,
      ...stored.flatMap(({ line }, i) => (problems[i] === undefined ? [] : [{ line, problem: problems[i] }])),
    ].sort((a, b) => a.line - b.line),
  };
}

function readJson(text: string): { found: Found[]; faults: Fault[] } {
  let object: Json;
  try {
    object = parseJson(text);
  } catch {
    return { found: [], faults: [{ line: 1, problem: 'This begins like JSON, but it cannot be read as JSON.' }] };
  }
  if (!isPlainObject(object)) return { found: [], faults: [{ line: 1, problem: 'This is not a JSON object.' }] };
  const found: Found[] = [];
  const faults: Fault[] = [];
  const members = membersOf(text);
  for (const [i, { key, line }] of members.entries()) {
    const value = object[key] as Json;
    if (members.some((other, j) => j !== i && other.key === key)) {
      faults.push({ line, problem: `${key} stands here twice.` });
    } else if (Array.isArray(value) || isPlainObject(value)) {
      faults.push({
        line,
        problem: `The value of ${key} is a list or an object. Only text, numbers, true, false and null are stored.`,
      });
    } else
      found.push({ key, value: { value: value === null ? '' : textOf(value), type: typeOf(value) ?? 'text' }, line });
  }
  return { found, faults };
}

/** The keys of a valid JSON object as they stand in its text, also those that are there twice. */
function membersOf(text: string): { key: string; line: number }[] {
  const members: { key: string; line: number }[] = [];
  let depth = 0;
  let line = 1;
  let isKey = true;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at]!;
    if (letter === '\n') line += 1;
    else if (letter === '{' || letter === '[') depth += 1;
    else if (letter === '}' || letter === ']') depth -= 1;
    else if (letter === ',' && depth === 1) isKey = true;
    else if (letter === '"') {
      const begin = at;
      for (at += 1; text[at] !== '"'; at += 1) if (text[at] === '\\') at += 1;
      if (depth === 1 && isKey) {
        members.push({ key: parseJson(text.slice(begin, at + 1)) as string, line });
        isKey = false;
      }
    }
  }
  return members;
}

const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)=/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$', '`': '`' };

function readDotenv(text: string): { found: Found[]; faults: Fault[] } {
  const found: Found[] = [];
  const faults: Fault[] = [];
  let line = 1;
  for (let at = 0; at < text.length;) {
    const end = endOfLine(text, at);
    const row = text.slice(at, end).replace(/\r$/, '');
    const begun = line;
    let next = end + 1;
    if (row.trim() !== '' && !row.trimStart().startsWith('#')) {
      const assignment = ASSIGNMENT.exec(row);
      if (assignment === null) faults.push({ line, problem: problemOfLine(row) });
      else {
        const value = readValue(text, at + assignment[0].length, row.slice(assignment[0].length));
        if ('problem' in value) faults.push({ line: begun, problem: value.problem });
        else found.push({ key: assignment[1]!, value: { type: 'text', value: value.text }, line: begun });
        if (value.end === undefined) break;
        next = endOfLine(text, value.end) + 1;
      }
    }
    line += text.slice(at, next).split('\n').length - 1;
    at = next;
  }
  return { found, faults };
}

function problemOfLine(row: string): string {
  // A line without = could be a value without its key, so only what looks like a key is repeated.
  const key = /^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w{0,40})[ \t]*$/.exec(row)?.[1];
  if (key !== undefined) return `${key} has no value. For an empty one write ${key}=`;
  if (/^[ \t]*(?:export[ \t]+)?[A-Za-z_][\w.-]*[ \t]+=/.test(row)) return 'Write KEY=value, without blanks around =';
  return 'This is not KEY=value.';
}

type Read = ({ text: string } | { problem: string }) & {
  /** Where the value ends; undefined: nothing after it can be read. */
  end: number | undefined;
};

/** @param rest the rest of the line, without its line end */
function readValue(text: string, at: number, rest: string): Read {
  const quote = rest[0];
  if (quote === "'" || quote === '"') return readQuoted(text, at, quote);
  const end = at + rest.length;
  const problem = (said: string): Read => ({ problem: said, end });
  const comment = /[ \t]+#/.exec(rest);
  const value = comment === null ? rest : rest.slice(0, comment.index);
  if (value.includes('#')) return problem('Some programs begin a comment at #. Put the value in quotes.');
  if (value.startsWith(' ') || value.startsWith('\t')) return problem('Write KEY=value, without blanks around =');
  if (comment === null && value !== value.trimEnd())
    return problem('Blanks at the end. Put the value in quotes to keep them.');
  if (value.includes('\r')) return problem('A carriage return inside the line. Put the value in quotes.');
  if (/["'`\\]/.test(value)) return problem('A quote or backslash inside the value. Put all of it in single quotes.');
  if (/\$[A-Za-z_{(]/.test(value)) return problem('Some programs replace $NAME. Put the value in single quotes.');
  return { text: value, end };
}

/** A value in quotes, which may have several lines and keeps every white space. */
function readQuoted(text: string, begin: number, quote: '"' | "'"): Read {
  let value = '';
  let problem: string | undefined;
  let at = begin + 1;
  for (; at < text.length && text[at] !== quote; at += 1) {
    if (text[at] === '\\' && quote === '"') {
      at += 1;
      const meant = ESCAPES[text[at] ?? ''];
      if (meant === undefined)
        problem ??= 'A backslash that programs read differently. Double it, or use single quotes.';
      else value += meant;
    } else {
      if (quote === '"' && (text[at] === '`' || /^\$[A-Za-z_{(]/.test(text.slice(at, at + 2))))
        problem ??= 'Some programs replace $NAME and `…`. Use single quotes, or write a backslash before it.';
      value += text[at];
    }
  }
  if (at >= text.length)
    return { problem: 'The quote that begins here does not end. Nothing after it is read.', end: undefined };
  const after = text.slice(at + 1, endOfLine(text, at));
  if (quote === "'" && value.endsWith('\\'))
    problem ??= 'A backslash before the last quote. Use double quotes, and double it.';
  if (after.trim() !== '' && !/^[ \t]+#/.test(after)) problem ??= 'Something follows the quotes.';
  return problem === undefined ? { text: value, end: at + 1 } : { problem, end: at + 1 };
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}
