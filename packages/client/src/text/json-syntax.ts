/** Details about a JSON text that `parseJson` does not report. They contain none of its values. */
export interface JsonInspection {
  /** The offset of the first syntax error, the text's length if it ends too soon; undefined if it is valid. */
  errorOffset?: number;
  /** A key that the top-level object has twice. */
  duplicateKey?: string;
}

type Expects = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma or end' | 'nothing';

const SPACE = /[ \t\n\r]*/y;
const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;

/** Checks JSON text of any depth as `JSON.parse` does, whose errors quote the text or lack the position. */
export function inspectJson(text: string): JsonInspection {
  const open: ('{' | '[')[] = [];
  const keys = new Set<string>();
  let duplicateKey: string | undefined;
  let expects: Expects = 'value';
  const ended = (): Expects => (open.length === 0 ? 'nothing' : 'comma or end');
  for (let at = endOf(SPACE, text, 0)!; at < text.length; at = endOf(SPACE, text, at)!) {
    const char = text[at]!;
    const isKey: boolean = expects === 'key' || expects === 'key or }';
    const isValue: boolean = expects === 'value' || expects === 'value or ]';
    if (char === '"' && (isKey || isValue)) {
      const { end, fault } = readString(text, at);
      if (fault !== undefined) return { errorOffset: fault };
      if (isKey && open.length === 1) {
        const key = JSON.parse(text.slice(at, end)) as string;
        if (keys.has(key)) duplicateKey ??= key;
        keys.add(key);
      }
      expects = isKey ? 'colon' : ended();
      at = end;
      continue;
    }
    if (isValue && (char === '{' || char === '[')) {
      open.push(char);
      expects = char === '{' ? 'key or }' : 'value or ]';
    } else if (closes(char, expects, open.at(-1))) {
      open.pop();
      expects = ended();
    } else if (char === ',' && expects === 'comma or end') {
      expects = open.at(-1) === '{' ? 'key' : 'value';
    } else if (char === ':' && expects === 'colon') {
      expects = 'value';
    } else {
      const end = isValue ? endOf(WORD, text, at) : undefined;
      if (end === undefined) return { errorOffset: at };
      expects = ended();
      at = end;
      continue;
    }
    at += 1;
  }
  if (expects !== 'nothing') return { errorOffset: text.length };
  return duplicateKey === undefined ? {} : { duplicateKey };
}

/** Describes for people why `parseJson` rejects a text: `is not valid JSON (line 1, column 2)`. */
export function describeJsonError(text: string): string {
  const { errorOffset } = inspectJson(text);
  if (errorOffset === undefined) return 'is nested too deeply';
  return `is not valid JSON (${errorOffset < text.length ? placeOf(text, errorOffset) : 'it ends too soon'})`;
}

/** Describes a position in a text for people: `line 1, column 2`. */
export function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}

function closes(char: string, expects: Expects, innermost: '{' | '[' | undefined): boolean {
  if (char === '}') return innermost === '{' && (expects === 'key or }' || expects === 'comma or end');
  return char === ']' && innermost === '[' && (expects === 'value or ]' || expects === 'comma or end');
}

/** The end of the match at `at`; undefined if the pattern does not match there. */
function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

function readString(text: string, start: number): { end: number; fault?: number } {
  let at = start + 1;
  while (at < text.length) {
    const char = text[at]!;
    if (char === '"') return { end: at + 1 };
    const end = char === '\\' ? endOf(ESCAPE, text, at) : char < ' ' ? undefined : at + 1;
    if (end === undefined) return { end: at, fault: at };
    at = end;
  }
  return { end: at, fault: at };
}
