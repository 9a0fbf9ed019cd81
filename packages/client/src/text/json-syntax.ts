/** What `parseJson` does not tell of a JSON text: neither answer holds any of its values. */
export interface JsonInspection {
  /** Where the text breaks off from being JSON, its length when it ends too soon; undefined when it is JSON. */
  fault?: number;
  /** A key that the object at the top has twice. */
  twice?: string;
}

type Expects = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma or end' | 'nothing';

const SPACE = /[ \t\n\r]*/y;
const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;

/** Reads JSON text, of any depth, as `JSON.parse` does, whose errors name no place or quote the text. */
export function inspectJson(text: string): JsonInspection {
  const open: ('{' | '[')[] = [];
  const keys = new Set<string>();
  let twice: string | undefined;
  let expects: Expects = 'value';
  const ended = (): Expects => (open.length === 0 ? 'nothing' : 'comma or end');
  for (let at = endOf(SPACE, text, 0)!; at < text.length; at = endOf(SPACE, text, at)!) {
    const char = text[at]!;
    const isKey: boolean = expects === 'key' || expects === 'key or }';
    const isValue: boolean = expects === 'value' || expects === 'value or ]';
    if (char === '"' && (isKey || isValue)) {
      const { end, fault } = readString(text, at);
      if (fault !== undefined) return { fault };
      if (isKey && open.length === 1) {
        const key = JSON.parse(text.slice(at, end)) as string;
        if (keys.has(key)) twice ??= key;
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
      if (end === undefined) return { fault: at };
      expects = ended();
      at = end;
      continue;
    }
    at += 1;
  }
  if (expects !== 'nothing') return { fault: text.length };
  return twice === undefined ? {} : { twice };
}

/** Why `parseJson` refuses a text, for people. */
export function describeJsonError(text: string): string {
  const { fault } = inspectJson(text);
  if (fault === undefined) return 'is nested too deeply';
  return `is no JSON: ${fault < text.length ? `fault in ${placeOf(text, fault)}` : 'it ends too soon'}`;
}

/** A place in a text, for people. */
export function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}

function closes(char: string, expects: Expects, innermost: '{' | '[' | undefined): boolean {
  if (char === '}') return innermost === '{' && (expects === 'key or }' || expects === 'comma or end');
  return char === ']' && innermost === '[' && (expects === 'value or ]' || expects === 'comma or end');
}

/** The end of what matches there; undefined when nothing does. */
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
