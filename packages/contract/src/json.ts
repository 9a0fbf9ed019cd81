/** A JSON number that JavaScript's own number would change (`12345678901234567890`, `1.0`): kept as its text. */
export class ExactNumber {
  constructor(readonly text: string) {}

  /** `JSON.stringify` cannot write a number from its text; {@link stringifyJson} catches this and uses a slower way. */
  toJSON(): never {
    throw new NeedsExactNumbers();
  }
}

class NeedsExactNumbers extends Error {}

/** JSON's values, with {@link ExactNumber} beside number. */
export type Json = string | number | boolean | null | ExactNumber | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Whether a value is an object of keys and values: not null, an array, an {@link ExactNumber} or another class's. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

// Matches a JSON string (and the colon after it, which makes it a key) or a JSON number.
const TOKENS = /"(?:[^"\\]|\\.)*"(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Parses JSON text without losing a digit: a number that JavaScript cannot represent exactly becomes an {@link
 * ExactNumber}; every other value is as from `JSON.parse`. The last of duplicate keys wins. `maxDepth` limits nesting.
 * Throws SyntaxError, whose message contains no part of the text.
 */
export function parseJson(text: string, maxDepth = 64): Json {
  let value = parsePlain(text);
  const { depth, hasNumbers } = survey(value, maxDepth);
  if (depth > maxDepth) throw new SyntaxError('JSON is nested too deeply');
  // Numbers of at most 15 digits without fraction, exponent or a lone minus zero survive JSON.parse.
  if (hasNumbers && /\d{16}|\d[.eE]|-0/.test(text)) value = parseExact(text);
  return value;
}

function parsePlain(text: string, reviver?: (key: string, value: Json) => Json): Json {
  try {
    return JSON.parse(text, reviver) as Json;
  } catch {
    // V8's message quotes the text, which may hold a secret.
    throw new SyntaxError('not valid JSON');
  }
}

/** Passes numbers through JSON.parse as strings that begin with NUL; strings that already do get a second NUL. */
function parseExact(text: string): Json {
  const marked = text.replace(TOKENS, (token, key: string | undefined) => {
    if (key !== undefined) return token;
    if (token.startsWith('"')) return token.startsWith('"\\u0000') ? `"\\u0000${token.slice(1)}` : token;
    return String(Number(token)) === token ? token : `"\\u0000${token}"`;
  });
  return parsePlain(marked, (_key, value) => {
    if (typeof value !== 'string' || !value.startsWith('\0')) return value;
    return value.startsWith('\0\0') ? value.slice(1) : new ExactNumber(value.slice(1));
  });
}

/** How deep a value is (counted up to one beyond `limit`), and whether it contains numbers. */
function survey(value: Json, limit: number): { depth: number; hasNumbers: boolean } {
  if (typeof value !== 'object' || value === null) return { depth: 0, hasNumbers: typeof value === 'number' };
  if (limit < 0) return { depth: 1, hasNumbers: false };
  let depth = 0;
  let hasNumbers = false;
  for (const child of Array.isArray(value) ? value : Object.values(value)) {
    if (typeof child === 'number') hasNumbers = true;
    else if (typeof child === 'object' && child !== null) {
      const below = survey(child, limit - 1);
      depth = Math.max(depth, below.depth);
      hasNumbers ||= below.hasNumbers;
    }
  }
  return { depth: depth + 1, hasNumbers };
}

/** Compact JSON text; {@link ExactNumber}s are written as they were read. */
export function stringifyJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof NeedsExactNumbers)) throw error;
    return JSON.stringify(marked(value)).replace(TOKENS, (token, key: string | undefined) => {
      if (key !== undefined || !token.startsWith('"\\u0000')) return token;
      return token.startsWith('"\\u0000\\u0000') ? `"${token.slice(7)}` : token.slice(7, -1);
    });
  }
}

/** The inverse of {@link parseExact}. */
function marked(value: unknown): unknown {
  if (value instanceof ExactNumber) return `\0${value.text}`;
  if (typeof value === 'string') return value.startsWith('\0') ? `\0${value}` : value;
  if (Array.isArray(value)) return value.map(marked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, marked(child)]));
}

/**
 * Writes JSON text as Python's `json.dumps` does: with `", "` and `": "`, non-ASCII escaped, optionally indented and
 * with keys sorted by code point. compat: rows and the command line's output have this format.
 */
export function pythonJson(value: unknown, options: { sortKeys?: boolean; indent?: number } = {}): string {
  return write(value, options, 0);
}

function write(value: unknown, options: { sortKeys?: boolean; indent?: number }, level: number): string {
  if (value === undefined || value === null) return 'null';
  if (value instanceof ExactNumber) return value.text;
  if (typeof value === 'string') return escapeAscii(value);
  if (typeof value !== 'object') return JSON.stringify(value);
  const isArray = Array.isArray(value);
  const [open, close] = isArray ? '[]' : '{}';
  const parts = isArray
    ? value.map((item) => write(item, options, level + 1))
    : entriesOf(value, options.sortKeys === true).map(
        ([key, child]) => `${escapeAscii(key)}: ${write(child, options, level + 1)}`,
      );
  if (parts.length === 0) return `${open}${close}`;
  if (options.indent === undefined) return `${open}${parts.join(', ')}${close}`;
  const pad = '\n' + ' '.repeat(options.indent * (level + 1));
  return `${open}${pad}${parts.join(`,${pad}`)}\n${' '.repeat(options.indent * level)}${close}`;
}

function entriesOf(value: object, sorted: boolean): [string, unknown][] {
  const entries = Object.entries(value).filter(([, child]) => child !== undefined);
  return sorted ? entries.sort(([a], [b]) => compareCodePoints(a, b)) : entries;
}

/** Compares by code point, as Python sorts; JavaScript's order differs above U+FFFF. Negative if `a` comes first. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** Surrogates, of which the code points above U+FFFF are made, rank above every other unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function escapeAscii(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
