import { escaped, format } from './format.js';
import { Fault } from './numbers.js';
import { taking, type JinjaFilter } from './taking.js';
import {
  checkLength,
  isList,
  isMap,
  isMarkup,
  isNone,
  isText,
  isTrue,
  kindOf,
  markupText,
  numberOf,
  sameMarkup,
  text,
  textOf,
  wholeOf,
  type JinjaValue,
} from './values.js';

const BLANKS =
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a' +
  '\u2028\u2029\u202f\u205f\u3000';

export const TEXT_FILTERS: readonly (readonly [string, JinjaFilter])[] = [
  ['capitalize', changing(capitalized)],
  ['e', taking('', escape)],
  ['escape', taking('', escape)],
  ['forceescape', taking('', (operand) => markupText(escaped(textOf(operand))))],
  ['format', format],
  ['indent', taking('width first blank', indent)],
  ['lower', changing((whole) => whole.toLowerCase())],
  ['replace', taking('old new count', replace)],
  ['title', taking('', (operand) => text(textOf(operand).replace(/[^-\s({[<]+/gu, capitalized)))],
  ['trim', trimming({ left: true, right: true })],
  ['upper', changing((whole) => whole.toUpperCase())],
  ['urlencode', taking('', (operand) => text(urlencoded(operand)))],
];

/** Methods of texts, where the engine has others than Python, or does not bound what they make. */
export const TEXT_METHODS: ReadonlyMap<string, JinjaFilter> = new Map([
  ['capitalize', changing(capitalized)],
  ['lower', changing((whole) => whole.toLowerCase())],
  ['lstrip', trimming({ left: true })],
  ['replace', taking('old new count', replace)],
  ['rstrip', trimming({ right: true })],
  ['strip', trimming({ left: true, right: true })],
  ['title', changing((whole) => whole.replace(/\p{L}+/gu, capitalized))],
  ['upper', changing((whole) => whole.toUpperCase())],
]);

function changing(change: (whole: string) => string): JinjaFilter {
  return taking('', (operand) => sameMarkup(operand, change(textOf(operand))));
}

function capitalized(word: string): string {
  const first = String.fromCodePoint(...(word === '' ? [] : [word.codePointAt(0)!]));
  return first.toUpperCase() + word.slice(first.length).toLowerCase();
}

function escape(operand: JinjaValue): JinjaValue {
  return isMarkup(operand) ? operand : markupText(escaped(textOf(operand)));
}

const LINE_BREAK = /\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/;

function indent(operand: JinjaValue, width?: JinjaValue, first?: JinjaValue, blank?: JinjaValue): JinjaValue {
  if (!isText(operand)) throw new Fault(`does not take ${kindOf(operand)}`);
  const number = width === undefined ? 4 : numberOf(width);
  if (number === undefined && !isText(width)) throw new Fault('takes a number or a text as its width');
  checkLength(number ?? 0);
  const before = isText(width) ? width.value : ' '.repeat(Math.max(0, Math.trunc(number!)));
  const lines = operand.value.split(LINE_BREAK);
  checkLength(operand.value.length + lines.length * before.length);
  const made = lines.map((line, index) => {
    const isIndented = index === 0 ? isTrue(first) : line !== '' || isTrue(blank);
    return isIndented ? before + line : line;
  });
  return sameMarkup(operand, made.join('\n'));
}

function replace(operand: JinjaValue, old?: JinjaValue, by?: JinjaValue, count?: JinjaValue): JinjaValue {
  if (old === undefined || by === undefined) throw new Fault('needs what to replace, and by what');
  const [whole, from, to] = [operand, old, by].map(textOf) as [string, string, string];
  if (from === '') throw new Fault('can not replace an empty text');
  const limit = count === undefined || isNone(count) ? -1 : Number(wholeOf(count) ?? NaN);
  if (Number.isNaN(limit)) throw new Fault('takes a whole number as its count');
  let found = 0;
  let end = 0;
  for (let at = whole.indexOf(from); at >= 0 && found !== limit; at = whole.indexOf(from, end)) {
    found += 1;
    end = at + from.length;
  }
  checkLength(whole.length + found * (to.length - from.length));
  // With an expression and without a function, as this one takes least memory.
  const all = new RegExp(from.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), 'g');
  return text(whole.slice(0, end).replace(all, to.replaceAll('$', '$$$$')) + whole.slice(end));
}

/** Python's `strip` of the sides that are asked for: of blanks, or of these characters. */
function trimming({ left = false, right = false }): JinjaFilter {
  return taking('chars', (operand, characters) => {
    const whole = textOf(operand);
    const given = characters === undefined || isNone(characters) ? undefined : textOf(characters);
    const goes = new Set(given ?? BLANKS);
    const start = left ? leading(whole, goes) : 0;
    const end = right ? trailing(whole, goes) : whole.length;
    return sameMarkup(operand, whole.slice(start, Math.max(start, end)));
  });
}

/** Where the first character stands that is none of these. */
function leading(whole: string, goes: ReadonlySet<string>): number {
  let start = 0;
  while (start < whole.length) {
    const character = String.fromCodePoint(whole.codePointAt(start)!);
    if (!goes.has(character)) break;
    start += character.length;
  }
  return start;
}

/** Behind the last one. */
function trailing(whole: string, goes: ReadonlySet<string>): number {
  let end = whole.length;
  while (end > 0) {
    const character = /.$/su.exec(whole.slice(Math.max(0, end - 2), end))![0];
    if (!goes.has(character)) break;
    end -= character.length;
  }
  return end;
}

function urlencoded(operand: JinjaValue): string {
  if (isMap(operand))
    return [...operand.value].map(([key, value]) => `${quoted(key)}=${quoted(textOf(value))}`).join('&');
  if (!isList(operand)) return percentEncoded(textOf(operand)).replaceAll('%2F', '/');
  const pairs = operand.value.map((pair) => {
    if (!isList(pair) || pair.value.length !== 2) throw new Fault('takes a list of pairs only');
    return pair.value.map((item) => quoted(textOf(item))).join('=');
  });
  return pairs.join('&');
}

function quoted(plain: string): string {
  return percentEncoded(plain).replaceAll('%20', '+');
}

function percentEncoded(plain: string): string {
  const rest = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(plain).replace(/[!*'()]/g, rest);
}
