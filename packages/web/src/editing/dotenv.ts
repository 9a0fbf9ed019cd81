import { ExactNumber, isPlainObject, parseJson } from '@confidant/contract/wire';
import type { Scalar } from '@confidant/contract';
import { textOf, typeOf } from '../values/text.js';
import type { NewValue } from './draft.js';

/** Pairs that were read from a text, keys in lower case, and the lines that were not understood. */
export interface PastedPairs {
  format: 'dotenv' | 'JSON';
  pairs: ReadonlyMap<string, NewValue>;
  faults: readonly { line: number; problem: string }[];
}

const KEY = /^[^\s=#'"]+$/;

/**
 * Reads pairs from a JSON object of scalars, or from a dotenv file: `KEY=value` lines, `export`, comments, values in
 * single quotes as they are, in double quotes with `\n`, `\r`, `\t`, `\"`, `\\` and `\$`, over several lines. What its
 * dialects read differently is a fault, never a guess.
 */
export function readPasted(text: string): PastedPairs {
  return text.trimStart().startsWith('{') ? readJsonPairs(text) : readDotenv(text);
}

function readJsonPairs(text: string): PastedPairs {
  const pairs = new Map<string, NewValue>();
  const faults: { line: number; problem: string }[] = [];
  const lineOf = (key: string): number => {
    const at = text.indexOf(JSON.stringify(key));
    return at === -1 ? 1 : text.slice(0, at).split('\n').length;
  };
  let body: unknown;
  try {
    body = parseJson(text);
  } catch {
    return { format: 'JSON', pairs, faults: [{ line: 1, problem: 'This is not valid JSON.' }] };
  }
  if (!isPlainObject(body))
    return { format: 'JSON', pairs, faults: [{ line: 1, problem: 'Expected one JSON object.' }] };
  for (const [key, value] of Object.entries(body)) {
    const line = lineOf(key);
    if (/\s/.test(key) || key === '') faults.push({ line, problem: `${JSON.stringify(key)} cannot be a key.` });
    else if (typeof value === 'object' && value !== null && !(value instanceof ExactNumber)) {
      faults.push({ line, problem: `${key} is not a single value.` });
    } else addPair(pairs, faults, line, key, textOf(value as Scalar), typeOf(value as Scalar));
  }
  return { format: 'JSON', pairs, faults };
}

function readDotenv(text: string): PastedPairs {
  const pairs = new Map<string, NewValue>();
  const faults: { line: number; problem: string }[] = [];
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const number = at + 1;
    const line = lines[at]!.trim();
    if (line === '' || line.startsWith('#')) continue;
    const assignment = line.replace(/^export\s+/, '');
    const equals = assignment.indexOf('=');
    const key = assignment.slice(0, Math.max(equals, 0)).trimEnd();
    if (equals === -1) {
      faults.push({
        line: number,
        problem: `${shown(assignment)} has no value. For an empty one write ${shown(assignment)}=`,
      });
      continue;
    }
    if (!KEY.test(key)) {
      faults.push({ line: number, problem: `${shown(key)} cannot be a key.` });
      continue;
    }
    const rest = assignment.slice(equals + 1).trimStart();
    const quote = rest[0];
    if (quote === '"' || quote === "'") {
      const whole = [rest, ...lines.slice(at + 1)].join('\n');
      const end = closingQuote(whole, quote);
      if (end === -1) {
        faults.push({ line: number, problem: `The quote of ${key} is not closed.` });
        continue;
      }
      const inside = whole.slice(1, end);
      const after = whole
        .slice(end + 1)
        .split('\n', 1)[0]!
        .trim();
      at += inside.split('\n').length - 1;
      if (after !== '' && !after.startsWith('#')) {
        faults.push({ line: number, problem: `Something stands after the quote of ${key}.` });
      } else addQuoted(pairs, faults, number, key, inside, quote);
      continue;
    }
    if (/\s#/.test(rest)) {
      faults.push({ line: number, problem: `Is # in ${key} part of the value or a comment? Put the value in quotes.` });
    } else if (/["'`\\]|\$[\w{(]/.test(rest)) {
      faults.push({
        line: number,
        problem: `${key} has quotes, \\ or $ that are read differently elsewhere. Put the value in single quotes.`,
      });
    } else addPair(pairs, faults, number, key, rest);
  }
  return { format: 'dotenv', pairs, faults };
}

function addQuoted(
  pairs: Map<string, NewValue>,
  faults: { line: number; problem: string }[],
  line: number,
  key: string,
  inside: string,
  quote: string,
): void {
  if (quote === "'") return addPair(pairs, faults, line, key, inside);
  if (/(?:^|[^\\])(?:\\\\)*\$[\w{(]/.test(inside)) {
    faults.push({ line, problem: `$ in ${key} would be replaced elsewhere. Put the value in single quotes.` });
    return undefined;
  }
  const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' };
  const unknown = /^(?:[^\\]|\\[nrt"\\$])*\\([^nrt"\\$])/.exec(inside)?.[1];
  if (unknown !== undefined) {
    faults.push({
      line,
      problem: `\\${unknown} in ${key} is read differently elsewhere. Put the value in single quotes.`,
    });
    return undefined;
  }
  return addPair(
    pairs,
    faults,
    line,
    key,
    inside.replace(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter),
  );
}

function addPair(
  pairs: Map<string, NewValue>,
  faults: { line: number; problem: string }[],
  line: number,
  key: string,
  value: string,
  type: NewValue['type'] = 'text',
): void {
  const folded = key.toLowerCase();
  if (pairs.has(folded)) faults.push({ line, problem: `${folded} stands here twice.` });
  else pairs.set(folded, { value, type });
}

function closingQuote(text: string, quote: string): number {
  for (let i = 1; i < text.length; i += 1) {
    if (quote === '"' && text[i] === '\\') i += 1;
    else if (text[i] === quote) return i;
  }
  return -1;
}

/** A word of the text for a message. It could be a value without its key, so little of it is shown. */
function shown(word: string): string {
  return /^[A-Za-z_]\w{0,40}$/.test(word) ? word : 'This line';
}
