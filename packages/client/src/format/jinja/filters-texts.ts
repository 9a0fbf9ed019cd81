import { format, markupOf } from './format.js';
import { Fault } from './numbers.js';
import { taking, type JinjaFilter } from './parameters.js';
import {
  checkLength,
  isList,
  isMap,
  isText,
  isTrue,
  kindOf,
  Markup,
  numberOf,
  sameMarkup,
  textOf,
  wholeOf,
  type JinjaValue,
} from './values.js';

/** What Python's `str.isspace` accepts. */
const BLANKS =
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a' +
  '\u2028\u2029\u202f\u205f\u3000';

export const TEXT_FILTERS: readonly (readonly [string, JinjaFilter])[] = [
  ['capitalize', changing(capitalized)],
  ['e', taking('', (operand) => new Markup(markupOf(operand)))],
  ['escape', taking('', (operand) => new Markup(markupOf(operand)))],
  ['forceescape', taking('', (operand) => new Markup(markupOf(textOf(operand))))],
  ['format', format],
  ['indent', taking('width first blank', indent)],
  ['lower', changing((text) => text.toLowerCase())],
  ['replace', taking('old! new! count', replace)],
  ['title', taking('', (operand) => textOf(operand).replace(/[^-\s({[<]+/gu, capitalized))],
  ['trim', trimming({ left: true, right: true })],
  ['upper', changing((text) => text.toUpperCase())],
  ['urlencode', taking('', urlencoded)],
];

/** Python's methods of texts that are here. */
export const TEXT_METHODS: ReadonlyMap<string, JinjaFilter> = new Map([
  ['capitalize', changing(capitalized)],
  ['endswith', taking('suffix!', (operand, suffix) => hasOneOf(suffix, (part) => textOf(operand).endsWith(part)))],
  ['lower', changing((text) => text.toLowerCase())],
  ['lstrip', trimming({ left: true })],
  ['replace', taking('old! new! count', replace)],
  ['rstrip', trimming({ right: true })],
  ['split', taking('sep maxsplit', split)],
  ['startswith', taking('prefix!', (operand, prefix) => hasOneOf(prefix, (part) => textOf(operand).startsWith(part)))],
  ['strip', trimming({ left: true, right: true })],
  ['title', changing((text) => text.replace(/\p{L}+/gu, capitalized))],
  ['upper', changing((text) => text.toUpperCase())],
]);

function changing(change: (text: string) => string): JinjaFilter {
  return taking('', (operand) => sameMarkup(operand, change(textOf(operand))));
}

function capitalized(word: string): string {
  const first = String.fromCodePoint(...(word === '' ? [] : [word.codePointAt(0)!]));
  return first.toUpperCase() + word.slice(first.length).toLowerCase();
}

/** Finds whether a text, or one of a list of texts, passes. */
function hasOneOf(parts: JinjaValue, passes: (part: string) => boolean): boolean {
  return (isList(parts) ? parts : [parts]).some((part) => {
    if (!isText(part)) throw new Fault(`does not take ${kindOf(part)}`);
    return passes(textOf(part));
  });
}

const LINE_BREAK = /\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/;

function indent(operand: JinjaValue, width: JinjaValue = 4n, first?: JinjaValue, blank?: JinjaValue): JinjaValue {
  if (!isText(operand)) throw new Fault(`does not take ${kindOf(operand)}`);
  const spaces = numberOf(width) ?? 0;
  if (!isText(width) && numberOf(width) === undefined) throw new Fault('takes a number or a text as its width');
  checkLength(spaces);
  const before = isText(width) ? textOf(width) : ' '.repeat(Math.max(0, Math.trunc(spaces)));
  const lines = textOf(operand).split(LINE_BREAK);
  checkLength(textOf(operand).length + lines.length * before.length);
  const made = lines.map((line, index) => {
    const isIndented = index === 0 ? isTrue(first) : line !== '' || isTrue(blank);
    return isIndented ? before + line : line;
  });
  return sameMarkup(operand, made.join('\n'));
}

function replace(operand: JinjaValue, old: JinjaValue, by: JinjaValue, count?: JinjaValue): JinjaValue {
  const [text, from, to] = [textOf(operand), textOf(old), textOf(by)];
  if (from === '') throw new Fault('cannot replace an empty text');
  const limit = limitOf(count);
  let found = 0;
  let end = 0;
  for (let at = text.indexOf(from); at >= 0 && found !== limit; at = text.indexOf(from, end)) {
    found += 1;
    end = at + from.length;
  }
  checkLength(text.length + found * (to.length - from.length));
  // An expression without a function takes the least memory.
  const all = new RegExp(from.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), 'g');
  return text.slice(0, end).replace(all, to.replaceAll('$', '$$$$')) + text.slice(end);
}

/** Reads how often something is done. -1, which is the default, is no limit. */
function limitOf(count: JinjaValue): number {
  const limit = wholeOf(count ?? -1n);
  if (limit === undefined) throw new Fault('takes a whole number as its limit');
  return Number(limit);
}

function split(operand: JinjaValue, separator?: JinjaValue, most?: JinjaValue): JinjaValue {
  const [text, limit] = [textOf(operand), limitOf(most)];
  if (isText(separator)) {
    if (textOf(separator) === '') throw new Fault('cannot split at an empty text');
    const parts = text.split(textOf(separator));
    if (limit >= 0 && parts.length > limit) parts.push(parts.splice(limit).join(textOf(separator)));
    return parts;
  }
  if (separator !== undefined && separator !== null) throw new Fault(`does not take ${kindOf(separator)}`);
  const words: string[] = [];
  for (const { 0: word, index } of text.matchAll(new RegExp(`[^${BLANKS}]+`, 'gu'))) {
    words.push(words.length === limit ? text.slice(index) : word);
    if (words.length === limit + 1) break;
  }
  return words;
}

/** Makes the filter that takes blanks, or the characters of its argument, from sides of a text. */
function trimming({ left = false, right = false }): JinjaFilter {
  return taking('chars', (operand, characters) => {
    const text = textOf(operand);
    const goes = new Set((characters ?? undefined) === undefined ? BLANKS : textOf(characters));
    const start = left ? leading(text, goes) : 0;
    const end = right ? trailing(text, goes) : text.length;
    return sameMarkup(operand, text.slice(start, Math.max(start, end)));
  });
}

/** Finds where the first other character begins. */
function leading(text: string, goes: ReadonlySet<string>): number {
  let start = 0;
  while (start < text.length) {
    const character = String.fromCodePoint(text.codePointAt(start)!);
    if (!goes.has(character)) break;
    start += character.length;
  }
  return start;
}

/** Finds where the last other character ends. */
function trailing(text: string, goes: ReadonlySet<string>): number {
  let end = text.length;
  while (end > 0) {
    const character = /.$/su.exec(text.slice(Math.max(0, end - 2), end))![0];
    if (!goes.has(character)) break;
    end -= character.length;
  }
  return end;
}

function urlencoded(operand: JinjaValue): JinjaValue {
  if (!isMap(operand) && !isList(operand)) return percentEncoded(textOf(operand)).replaceAll('%2F', '/');
  const pairs = [...operand].map((pair) => {
    if (!isList(pair) || pair.length !== 2) throw new Fault('takes a list of pairs only');
    return pair.map((item) => percentEncoded(textOf(item)).replaceAll('%20', '+')).join('=');
  });
  return pairs.join('&');
}

function percentEncoded(plain: string): string {
  const rest = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(plain).replace(/[!*'()]/g, rest);
}
