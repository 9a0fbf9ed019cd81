import { FormatError } from '../formatter.js';

/**
 * Text between tags (`data`), the opening or closing of a tag, a part of what stands between them, or the end of the
 * template. The value of a `text` is without its quotes, and its escapes are resolved.
 */
export interface Token {
  kind: 'data' | 'open' | 'close' | 'name' | 'number' | 'text' | 'sign' | 'end';
  value: string;
  /** The line, from 1, in which its tag begins. */
  line: number;
}

const RAW = /\{%[-+]?\s*raw\s*([-+]?)%\}/y;
const END_OF_RAW = /\{%([-+]?)\s*endraw\s*([-+]?)%\}/g;
const CLOSINGS: Readonly<Record<string, RegExp>> = { '{{': /\s*(-?)\}\}/y, '{%': /\s*([-+]?)%\}/y };
const KINDS = ['name', 'number', 'text', 'sign'] as const;
/** Patterns in the order of the kinds. */
const PARTS = [
  String.raw`([\p{ID_Start}_]\p{ID_Continue}*)`,
  String.raw`(0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*(?:(?<!\.\d*)(?:\.\d[\d_]*)?(?:[eE][-+]?\d[\d_]*)?)?)`,
  String.raw`("[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')`,
  String.raw`(\*\*|//|[=!<>]=|[-+*/%~<>=()[\]{},.:|])`,
];
const PART = new RegExp(String.raw`\s*(?:${PARTS.join('|')})`, 'suy');

/** Returns the error for a template that cannot be read, because of what begins in this line. */
export function faultInLine(line: number, message: string): FormatError {
  return new FormatError(`the template is invalid: line ${line}: ${message}`);
}

/**
 * Reads a template into tokens. As in Jinja2, line ends become `\n` and the last one goes. Throws `FormatError` for a
 * tag, a comment, a quote or a `raw` without its end, and for a character that no expression has.
 */
export function tokensOf(source: string): Token[] {
  const template = source.replace(/\r\n?/g, '\n').replace(/\n$/, '');
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  let counted = 0;
  let trimsStart = false;
  for (;;) {
    const start = nextTag(template, at);
    const trimsEnd = template[start + 2] === '-';
    pushData(tokens, template.slice(at, start), line, trimsStart, trimsEnd);
    if (start === template.length) break;
    line += template.slice(counted, start).split('\n').length - 1;
    counted = start;
    const [end, sign] = readTag(template, start, line, tokens);
    at = end;
    trimsStart = sign === '-';
  }
  tokens.push({ kind: 'end', value: '', line });
  return tokens;
}

function nextTag(template: string, from: number): number {
  const opening = /\{[{%#]/g;
  opening.lastIndex = from;
  return opening.exec(template)?.index ?? template.length;
}

function pushData(tokens: Token[], data: string, line: number, trimsStart: boolean, trimsEnd: boolean): void {
  const trimmed = trimsStart ? data.trimStart() : data;
  const value = trimsEnd ? trimmed.trimEnd() : trimmed;
  if (value !== '') tokens.push({ kind: 'data', value, line });
}

/** Reads the tag, comment or `raw` block at `start`. Returns where it ends, and the sign before its last brackets. */
function readTag(template: string, start: number, line: number, tokens: Token[]): [end: number, sign: string] {
  if (template[start + 1] === '#') {
    const end = template.indexOf('#}', start + 2);
    if (end < 0) throw faultInLine(line, '{# has no #}');
    return [end + 2, template[end - 1]!];
  }
  RAW.lastIndex = start;
  const raw = RAW.exec(template);
  if (raw === null) return readParts(template, start, line, tokens);
  END_OF_RAW.lastIndex = RAW.lastIndex;
  const end = END_OF_RAW.exec(template);
  if (end === null) throw faultInLine(line, '{% raw %} has no {% endraw %}');
  pushData(tokens, template.slice(RAW.lastIndex, end.index), line, raw[1] === '-', end[1] === '-');
  return [END_OF_RAW.lastIndex, end[2]!];
}

function readParts(template: string, start: number, line: number, tokens: Token[]): [end: number, sign: string] {
  const opening = template.slice(start, start + 2);
  const closing = CLOSINGS[opening]!;
  const close = opening === '{{' ? '}}' : '%}';
  tokens.push({ kind: 'open', value: opening, line });
  let at = start + (/[-+]/.test(template[start + 2] ?? '') ? 3 : 2);
  let braces = 0;
  for (;;) {
    closing.lastIndex = at;
    // The braces of maps do not close `{{`.
    const end = opening === '{%' || braces <= 0 ? closing.exec(template) : null;
    if (end !== null) {
      tokens.push({ kind: 'close', value: close, line });
      return [closing.lastIndex, end[1]!];
    }
    PART.lastIndex = at;
    const part = PART.exec(template);
    if (part === null) throw lexicalFault(template.slice(at).trimStart(), opening, close, line);
    at = PART.lastIndex;
    const found = part.findIndex((group, index) => index > 0 && group !== undefined);
    const [kind, value] = [KINDS[found - 1]!, part[found]!];
    if (value === '{') braces += 1;
    else if (value === '}') braces -= 1;
    tokens.push({ kind, value: kind === 'text' ? unquoted(value) : value, line });
  }
}

function lexicalFault(rest: string, opening: string, close: string, line: number): FormatError {
  if (rest === '') return faultInLine(line, `${opening} has no ${close}`);
  if (/^["']/.test(rest)) return faultInLine(line, `a quote in ${opening} is not closed`);
  return faultInLine(line, `unexpected character: ${String.fromCodePoint(rest.codePointAt(0)!)}`);
}

const ESCAPE = /\\(?:x(\p{AHex}{2})|u(\p{AHex}{4})|U00(0\p{AHex}{5}|10\p{AHex}{4})|([0-7]{1,3})|([\n\\'"abfnrtv]))/gu;
const ESCAPED: Readonly<Record<string, string>> = {
  '\n': '',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Resolves Python's escapes; other backslashes stay. */
function unquoted(literal: string): string {
  return literal
    .slice(1, -1)
    .replace(ESCAPE, (_, x?: string, u?: string, long?: string, octal?: string, plain = ''): string => {
      const hex = x ?? u ?? long;
      if (hex !== undefined) return String.fromCodePoint(parseInt(hex, 16));
      return octal === undefined ? (ESCAPED[plain] ?? plain) : String.fromCodePoint(parseInt(octal, 8));
    });
}
