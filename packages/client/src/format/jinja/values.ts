import type { Scalar } from '@confidant/contract';
import { compareCodePoints, ExactNumber } from '@confidant/contract/wire';
import { Fault, floatText } from './numbers.js';

/**
 * A value of a template: `bigint` is Python's `int`, `number` its `float`, and `undefined` is what is not defined. A
 * float of a credential is an `ExactNumber`, which prints as it was written there.
 */
export type JinjaValue =
  | JinjaText
  | bigint
  | number
  | ExactNumber
  | boolean
  | null
  | undefined
  | readonly JinjaValue[]
  | JinjaMap
  | Namespace
  | JinjaFunction;
type JinjaText = string | Markup;
export type JinjaMap = ReadonlyMap<string, JinjaValue>;

/** Text that is HTML already: `escape` leaves it as it is. */
export class Markup {
  constructor(readonly text: string) {}
}

/** The variables that `namespace()` keeps across the scopes of loops. */
export class Namespace {
  constructor(readonly variables: Map<string, JinjaValue>) {}
}

/** `name` stands before the message of a {@link Fault} that `call` throws. `caller` is the block of a `call` tag. */
export class JinjaFunction {
  constructor(
    readonly name: string,
    readonly call: (args: readonly JinjaValue[], named: JinjaMap, caller?: JinjaFunction) => JinjaValue,
  ) {}
}

/** Maximum length of a text, in UTF-16 units. */
export const MAX_TEXT = 8 * 1024 * 1024;
/** Maximum length of a list. */
export const MAX_ITEMS = 1_000_000;
export const TOO_MUCH = 'produces too much: lists and texts are limited';

/** A map of the pairs of credentials. */
export function mapOfPairs(pairs: Readonly<Record<string, Scalar>>): JinjaMap {
  return new Map(Object.entries(pairs).map(([key, value]) => [key, fromScalar(value)]));
}

function fromScalar(value: Scalar): JinjaValue {
  if (typeof value !== 'number' && !(value instanceof ExactNumber)) return value;
  const digits = value instanceof ExactNumber ? value.text : String(value);
  return /^-?\d+$/.test(digits) ? BigInt(digits) : new ExactNumber(digits);
}

export function isText(value: JinjaValue): value is JinjaText {
  return typeof value === 'string' || value instanceof Markup;
}

export function isList(value: JinjaValue): value is readonly JinjaValue[] {
  return Array.isArray(value);
}

export function isMap(value: JinjaValue): value is JinjaMap {
  return value instanceof Map;
}

export function isFloat(value: JinjaValue): value is number | ExactNumber {
  return typeof value === 'number' || value instanceof ExactNumber;
}

/** Returns `made` as markup if `from`, which it was made of, is markup. */
export function sameMarkup(from: JinjaValue, made: string): JinjaValue {
  return from instanceof Markup ? new Markup(made) : made;
}

/** The value of a whole number. As in Python, `true` is 1 and `false` is 0. */
export function wholeOf(value: JinjaValue): bigint | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return typeof value === 'bigint' ? value : undefined;
}

/** The value of any number, rounded if it is a whole number that is too large. */
export function numberOf(value: JinjaValue): number | undefined {
  if (value instanceof ExactNumber) return Number(value.text);
  if (typeof value === 'number') return value;
  const whole = wholeOf(value);
  return whole === undefined ? undefined : Number(whole);
}

/** Returns what Python's `bool` returns. */
export function isTrue(value: JinjaValue): boolean {
  if (isList(value)) return value.length > 0;
  if (isMap(value)) return value.size > 0;
  if (isText(value)) return textOf(value) !== '';
  return numberOf(value) !== 0 && value !== null && value !== undefined;
}

/** Returns what Python iterates over. Throws {@link Fault} for a value that has no items, or too many. */
export function itemsOf(value: JinjaValue): readonly JinjaValue[] {
  if (isList(value)) return value;
  if (isMap(value)) return [...value.keys()];
  if (value === undefined) return [];
  if (!isText(value)) throw new Fault(`does not take ${kindOf(value)}`);
  const text = textOf(value);
  if (text.length > MAX_ITEMS) throw new Fault(TOO_MUCH);
  return [...text];
}

/** Throws {@link Fault} for the length of a text that would be too long. */
export function checkLength(length: number): void {
  if (!(length <= MAX_TEXT)) throw new Fault(TOO_MUCH);
}

/** Returns what Python's `str` returns, but lists and maps as JSON. Throws {@link Fault}. */
export function textOf(value: JinjaValue): string {
  if (typeof value === 'string') return value;
  if (value instanceof Markup) return value.text;
  if (value === null) return 'None';
  if (value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return numberText(value) ?? jsonText(value, {});
}

/** Returns what `{{ }}` prints: JSON, but texts as they are, and nothing for null. Throws {@link Fault}. */
export function printed(value: JinjaValue): string {
  return typeof value === 'boolean' ? String(value) : textOf(value ?? undefined);
}

function numberText(value: JinjaValue): string | undefined {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof ExactNumber) return value.text;
  return typeof value === 'number' ? floatText(value) : undefined;
}

interface JsonForm {
  /** Spaces per level. Default: all in one line. */
  indent?: number | undefined;
  /** Writes as Python's `json.dumps` does: keys sorted, ASCII only, and `undefined` refused. */
  isStrict?: boolean;
}

/** Writes JSON. Throws {@link Fault} for functions and namespaces, and for what is too long. */
export function jsonText(value: JinjaValue, { indent, isStrict = false }: JsonForm): string {
  let json = '';
  const add = (part: string): void => {
    checkLength(json.length + part.length);
    json += part;
  };
  const breakLine = (level: number): void => {
    if (indent !== undefined) add(`\n${' '.repeat(indent * level)}`);
  };
  const quote = (plain: string): string => {
    const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    return isStrict ? JSON.stringify(plain).replace(/[\u007f-\uffff]/g, escape) : JSON.stringify(plain);
  };
  const write = (item: JinjaValue, level: number): void => {
    if (isText(item)) return add(quote(textOf(item)));
    if (isList(item)) return writeAll('[]', item, (child) => write(child, level + 1), level);
    if (isMap(item)) {
      const entries = [...item];
      if (isStrict) entries.sort(([a], [b]) => compareCodePoints(a, b));
      const writeEntry = ([key, child]: [string, JinjaValue]): void => {
        add(`${quote(key)}: `);
        write(child, level + 1);
      };
      return writeAll('{}', entries, writeEntry, level);
    }
    if (typeof item === 'boolean') return add(String(item));
    if (item === null || (item === undefined && !isStrict)) return add('null');
    const number = numberText(item);
    if (number === undefined) throw new Fault(`does not take ${kindOf(item)}`);
    add(number);
  };
  const writeAll = <T>(brackets: string, items: readonly T[], writeItem: (item: T) => void, level: number): void => {
    add(brackets[0]!);
    for (const [index, item] of items.entries()) {
      if (index > 0) add(indent === undefined ? ', ' : ',');
      breakLine(level + 1);
      writeItem(item);
    }
    if (items.length > 0) breakLine(level);
    add(brackets[1]!);
  };
  write(value, 0);
  return json;
}

/** Compares as Python's `==` does. */
export function isEqual(left: JinjaValue, right: JinjaValue): boolean {
  if (left === right) return true;
  if (isText(left) && isText(right)) return textOf(left) === textOf(right);
  if (numberOf(left) !== undefined && numberOf(right) !== undefined) return compare(left, right) === 0;
  if (isList(left) && isList(right)) {
    return left.length === right.length && left.every((item, index) => isEqual(item, right[index]));
  }
  if (!isMap(left) || !isMap(right) || left.size !== right.size) return false;
  return [...left].every(([key, item]) => right.has(key) && isEqual(item, right.get(key)));
}

/** Returns a negative number if `left` is first, as Python's `<`. Throws {@link Fault} for what has no order. */
export function compare(left: JinjaValue, right: JinjaValue): number {
  if (isText(left) && isText(right)) return compareCodePoints(textOf(left), textOf(right));
  if (isList(left) && isList(right)) {
    const at = left.findIndex((item, index) => index >= right.length || !isEqual(item, right[index]));
    return at < 0 || at >= right.length ? left.length - right.length : compare(left[at], right[at]);
  }
  const [a, b] = [left, right].map((value) => wholeOf(value) ?? numberOf(value));
  if (a === undefined || b === undefined) throw new Fault(`cannot compare ${kindOf(left)} with ${kindOf(right)}`);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Looks for `part` in a text, a list or the keys of a map, as Python's `in` does. Throws {@link Fault}. */
export function contains(container: JinjaValue, part: JinjaValue): boolean {
  if (isList(container)) return container.some((item) => isEqual(item, part));
  if (container === undefined) return false;
  if (isText(container) && isText(part)) return textOf(container).includes(textOf(part));
  if (isMap(container)) return isText(part) && container.has(textOf(part));
  throw new Fault(`cannot look for ${kindOf(part)} in ${kindOf(container)}`);
}

/** Describes what kind of value it is, for error messages. */
export function kindOf(value: JinjaValue): string {
  if (isText(value)) return 'a text';
  if (typeof value === 'boolean') return 'true or false';
  if (numberOf(value) !== undefined) return 'a number';
  if (value === null) return 'none';
  if (value === undefined) return 'an undefined value';
  if (isList(value)) return 'a list';
  if (isMap(value)) return 'a map';
  return value instanceof Namespace ? 'a namespace' : 'a function';
}
