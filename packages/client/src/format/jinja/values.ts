import { Environment } from '@huggingface/jinja';
import { compareCodePoints, ExactNumber } from '@confidant/contract/wire';
import type { Scalar } from '@confidant/contract';
import { Fault, floatText } from './numbers.js';

/** A value of the engine. Numbers too large for a number are a bigint, so that they are exact or refused. */
export interface JinjaValue {
  type: string;
  value: unknown;
}
export type JinjaList = JinjaValue & { value: readonly JinjaValue[] };
export type JinjaMap = JinjaValue & { value: ReadonlyMap<string, JinjaValue> };

/** Variables, which become the engine's values. */
export interface Scope {
  set(name: string, value: unknown): JinjaValue;
  setVariable(name: string, value: JinjaValue): JinjaValue;
}
// Its own declarations have imports that this compiler does not follow.
export const NewScope = Environment as new () => Scope;

/** Characters of a text. */
export const MAX_TEXT = 8 * 1024 * 1024;
/** Of a list. */
export const MAX_ITEMS = 1_000_000;
export const TOO_MUCH = 'makes too much: lists and texts are bounded';

type Maker<T> = new (value: T) => JinjaValue;
const makerOf = <T>(sample: unknown): Maker<T> => new NewScope().set('sample', sample).constructor as Maker<T>;
const Text = makerOf<string>('');
const Whole = makerOf<number | bigint>(1);
const Float = makerOf<number>(0.5);
const Truth = makerOf<boolean>(true);
const List = makerOf<readonly JinjaValue[]>([]);
const Dict = makerOf<ReadonlyMap<string, JinjaValue>>({});
const None = makerOf<null>(null);
const Missing = makerOf<undefined>(undefined);

/** Texts that need no escaping any more. */
const markup = new WeakSet<JinjaValue>();
/** Numbers as they were written, where a number has more than one form. */
const written = new WeakMap<JinjaValue, string>();

export const text = (value: string): JinjaValue => new Text(value);
export const float = (value: number): JinjaValue => new Float(value);
export const truth = (value: boolean): JinjaValue => new Truth(value);
export const list = (value: readonly JinjaValue[]): JinjaValue => new List(value);
export const missing = (): JinjaValue => new Missing(undefined);

export function whole(value: bigint): JinjaValue {
  const small = Number(value);
  return new Whole(Number.isSafeInteger(small) ? small : value);
}

export function markupText(value: string): JinjaValue {
  const made = text(value);
  markup.add(made);
  return made;
}

export function isMarkup(value: JinjaValue): boolean {
  return markup.has(value);
}

/** Of `from`, which was escaped or not, in another form. */
export function sameMarkup(from: JinjaValue, value: string): JinjaValue {
  return isMarkup(from) ? markupText(value) : text(value);
}

/** A map of the pairs of credentials. */
export function mapOfPairs(pairs: Readonly<Record<string, Scalar>>): JinjaValue {
  return new Dict(new Map(Object.entries(pairs).map(([key, value]) => [key, fromScalar(value)])));
}

function fromScalar(value: Scalar): JinjaValue {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'boolean') return truth(value);
  if (value === null) return new None(value);
  const digits = value instanceof ExactNumber ? value.text : String(value);
  if (/^-?\d+$/.test(digits)) return whole(BigInt(digits));
  const made = float(Number(digits));
  written.set(made, digits);
  return made;
}

export function isText(value: JinjaValue | undefined): value is JinjaValue & { value: string } {
  return typeof value?.value === 'string';
}

export function isList(value: JinjaValue): value is JinjaList {
  return Array.isArray(value.value);
}

export function isMap(value: JinjaValue): value is JinjaMap {
  return value.value instanceof Map && value.type !== 'NamespaceValue';
}

export function isMissing(value: JinjaValue): boolean {
  return value.type === 'UndefinedValue';
}

export function isNone(value: JinjaValue): boolean {
  return value.type === 'NullValue';
}

/** The value of a whole number; as in Python, true is one and false is none. */
export function wholeOf({ type, value }: JinjaValue): bigint | undefined {
  return type === 'IntegerValue' || type === 'BooleanValue' ? BigInt(value as number | bigint | boolean) : undefined;
}

/** The same of any number; not exact for one that is too large. */
export function numberOf(value: JinjaValue): number | undefined {
  if (value.type === 'FloatValue') return value.value as number;
  const exact = wholeOf(value);
  return exact === undefined ? undefined : Number(exact);
}

export function isTrue(value: JinjaValue | undefined): boolean {
  if (value === undefined) return false;
  if (isList(value)) return value.value.length > 0;
  return isMap(value) ? value.value.size > 0 : Boolean(value.value);
}

/** What Python iterates over. Throws {@link Fault} for what has no parts, and for too many. */
export function itemsOf(value: JinjaValue): readonly JinjaValue[] {
  if (isList(value)) return value.value;
  if (isMap(value)) return [...value.value.keys()].map(text);
  if (isMissing(value)) return [];
  if (!isText(value)) throw new Fault(`does not take ${kindOf(value)}`);
  if (value.value.length > MAX_ITEMS) throw new Fault(TOO_MUCH);
  return [...value.value].map(text);
}

/** What a text is made of may not be longer than a text. Throws {@link Fault}. */
export function checkLength(length: number): void {
  if (!(length <= MAX_TEXT)) throw new Fault(TOO_MUCH);
}

/** As Python's `str` writes it, but for lists and maps, which are written as JSON. Throws {@link Fault}. */
export function textOf(value: JinjaValue): string {
  if (isText(value)) return value.value;
  switch (value.type) {
    case 'NullValue':
      return 'None';
    case 'UndefinedValue':
      return '';
    case 'BooleanValue':
      return value.value === true ? 'True' : 'False';
    default:
      return numberText(value) ?? jsonText(value, {});
  }
}

/** As a template prints it: as JSON, but for texts, and nothing for null. Throws {@link Fault}. */
export function printed(value: JinjaValue): string {
  if (isNone(value) || isMissing(value)) return '';
  return value.type === 'BooleanValue' ? String(value.value) : textOf(value);
}

function numberText(value: JinjaValue): string | undefined {
  if (value.type === 'IntegerValue') return String(value.value);
  return value.type === 'FloatValue' ? (written.get(value) ?? floatText(value.value as number)) : undefined;
}

interface JsonForm {
  indent?: number;
  /** As Python's `json.dumps` does it: keys sorted, ASCII only, nothing that is not defined. */
  isStrict?: boolean;
}

/** JSON text. Throws {@link Fault} for functions and namespaces, and for what is too long. */
export function jsonText(value: JinjaValue, form: JsonForm): string {
  const { indent, isStrict = false } = form;
  const parts: string[] = [];
  let length = 0;
  const add = (part: string): void => {
    checkLength((length += part.length));
    parts.push(part);
  };
  const breakLine = (level: number): void => {
    if (indent === undefined) return;
    checkLength(length + indent * level);
    add(`\n${' '.repeat(indent * level)}`);
  };
  const quote = (plain: string): string => {
    const quoted = JSON.stringify(plain);
    if (!isStrict) return quoted;
    return quoted.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  };
  const write = (item: JinjaValue, level: number): void => {
    if (isList(item)) return between('[]', item.value, (child) => write(child, level + 1), level);
    if (isMap(item)) {
      const entries = [...item.value];
      if (isStrict) entries.sort(([a], [b]) => compareCodePoints(a, b));
      const writeEntry = ([key, child]: [string, JinjaValue]): void => {
        add(`${quote(key)}: `);
        write(child, level + 1);
      };
      return between('{}', entries, writeEntry, level);
    }
    if (isText(item)) return add(quote(item.value));
    if (item.type === 'BooleanValue') return add(String(item.value));
    if (isNone(item) || (isMissing(item) && !isStrict)) return add('null');
    const number = numberText(item);
    if (number === undefined) throw new Fault(`does not take ${kindOf(item)}`);
    add(number);
  };
  const between = <T>(braces: string, items: readonly T[], writeItem: (item: T) => void, level: number): void => {
    add(braces[0]!);
    for (const [index, item] of items.entries()) {
      if (index > 0) add(indent === undefined ? ', ' : ',');
      breakLine(level + 1);
      writeItem(item);
    }
    if (items.length > 0) breakLine(level);
    add(braces[1]!);
  };
  write(value, 0);
  return parts.join('');
}

/** As Python's `==`. */
export function isEqual(left: JinjaValue, right: JinjaValue): boolean {
  if (left === right) return true;
  if (numberOf(left) !== undefined && numberOf(right) !== undefined) return compare(left, right) === 0;
  if (isList(left) && isList(right)) {
    const others = right.value;
    return left.value.length === others.length && left.value.every((item, index) => isEqual(item, others[index]!));
  }
  if (isMap(left) && isMap(right)) {
    if (left.value.size !== right.value.size) return false;
    for (const [key, item] of left.value) {
      const other = right.value.get(key);
      if (other === undefined || !isEqual(item, other)) return false;
    }
    return true;
  }
  return left.type === right.type && left.value === right.value;
}

/** Negative when `left` is first, as Python's `<`. Throws {@link Fault} for what has no order. */
export function compare(left: JinjaValue, right: JinjaValue): number {
  if (isText(left) && isText(right)) return compareCodePoints(left.value, right.value);
  if (isList(left) && isList(right)) {
    for (const [index, item] of left.value.entries()) {
      const other = right.value[index];
      if (other === undefined) return 1;
      if (!isEqual(item, other)) return compare(item, other);
    }
    return left.value.length - right.value.length;
  }
  const [a, b] = [left, right].map((value) => wholeOf(value) ?? numberOf(value));
  if (a === undefined || b === undefined) throw new Fault(`does not compare ${kindOf(left)} with ${kindOf(right)}`);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether `part` is in a text, a list or the keys of a map, as Python's `in`. Throws {@link Fault}. */
export function contains(container: JinjaValue, part: JinjaValue): boolean {
  if (isList(container)) return container.value.some((item) => isEqual(item, part));
  if (isMissing(container)) return false;
  if (isText(container) && isText(part)) return container.value.includes(part.value);
  if (isMap(container)) return isText(part) && container.value.has(part.value);
  throw new Fault(`does not look for ${kindOf(part)} in ${kindOf(container)}`);
}

/** What kind of value it is, in words. */
export function kindOf({ type }: JinjaValue): string {
  const kinds: Readonly<Record<string, string>> = {
    StringValue: 'a text',
    IntegerValue: 'a number',
    FloatValue: 'a number',
    BooleanValue: 'true or false',
    NullValue: 'none',
    UndefinedValue: 'what is not defined',
    ArrayValue: 'a list',
    TupleValue: 'a list',
    ObjectValue: 'a map',
    FunctionValue: 'a function',
    NamespaceValue: 'a namespace',
  };
  return kinds[type] ?? 'such a value';
}
