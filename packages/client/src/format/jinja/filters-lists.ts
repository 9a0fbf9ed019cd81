import { Fault } from './numbers.js';
import { taking, type JinjaFilter } from './parameters.js';
import { TESTS } from './predicates.js';
import {
  checkLength,
  compare,
  isList,
  isMap,
  isText,
  isTrue,
  itemsOf,
  kindOf,
  Namespace,
  numberOf,
  sameMarkup,
  textOf,
  type JinjaValue,
} from './values.js';

export const LIST_FILTERS: readonly (readonly [string, JinjaFilter])[] = [
  ['count', taking('', length)],
  ['dictsort', taking('case_sensitive by reverse', dictsort)],
  ['first', taking('', (operand) => endOf(operand, 0))],
  ['items', taking('', (operand) => (operand === undefined ? [] : pairsOf(operand)))],
  ['join', taking('d attribute', join)],
  ['last', taking('', (operand) => endOf(operand, -1))],
  ['length', taking('', length)],
  ['list', taking('', itemsOf)],
  ['rejectattr', (operand, args) => selectByAttribute(operand, args, false)],
  ['reverse', taking('', reverse)],
  ['selectattr', (operand, args) => selectByAttribute(operand, args, true)],
  ['sort', taking('reverse case_sensitive attribute', sort)],
  ['unique', taking('case_sensitive attribute', unique)],
];

function length(operand: JinjaValue): JinjaValue {
  if (!isText(operand)) return BigInt(itemsOf(operand).length);
  // Characters outside the Basic Multilingual Plane are two UTF-16 units long.
  const text = textOf(operand);
  return BigInt(text.length - (text.match(/[\u{10000}-\u{10ffff}]/gu)?.length ?? 0));
}

/** Returns the first or last item of a list, key of a map, or character of a text. */
function endOf(operand: JinjaValue, at: 0 | -1): JinjaValue {
  // A character may be two units long; the rest of the text need not be taken apart.
  return itemsOf(isText(operand) ? textOf(operand).slice(...(at === 0 ? [0, 2] : [-2])) : operand).at(at);
}

function join(operand: JinjaValue, between?: JinjaValue, attribute?: JinjaValue): JinjaValue {
  const get = getter(attribute);
  const separator = textOf(between);
  let size = 0;
  const parts = itemsOf(operand).map((item, index) => {
    const part = textOf(get(item));
    checkLength((size += part.length + (index === 0 ? 0 : separator.length)));
    return part;
  });
  return parts.join(separator);
}

function reverse(operand: JinjaValue): JinjaValue {
  const turned = itemsOf(operand).toReversed();
  return isText(operand) ? sameMarkup(operand, turned.map(textOf).join('')) : turned;
}

function sort(operand: JinjaValue, reversed?: JinjaValue, exactCase?: JinjaValue, attribute?: JinjaValue): JinjaValue {
  const getters = isText(attribute) ? textOf(attribute).split(',').map(getter) : [getter(attribute)];
  return sorted(itemsOf(operand), reversed, (item) => getters.map((get) => foldedUnless(exactCase, get(item))));
}

function sorted(
  items: readonly JinjaValue[],
  reversed: JinjaValue,
  keyOf: (item: JinjaValue) => JinjaValue,
): JinjaValue {
  const sign = isTrue(reversed) ? -1 : 1;
  const keyed = items.map((item) => ({ item, key: keyOf(item) }));
  return keyed.sort((a, b) => sign * compare(a.key, b.key)).map(({ item }) => item);
}

/** Returns texts in lower case, unless their case counts. */
function foldedUnless(exactCase: JinjaValue, value: JinjaValue): JinjaValue {
  return isText(value) && !isTrue(exactCase) ? textOf(value).toLowerCase() : value;
}

function dictsort(operand: JinjaValue, exactCase?: JinjaValue, by: JinjaValue = 'key', reversed?: JinjaValue) {
  const order = textOf(by);
  if (order !== 'key' && order !== 'value') throw new Fault('sorts only by key or value');
  return sorted(pairsOf(operand), reversed, (pair) => foldedUnless(exactCase, itemsOf(pair)[order === 'key' ? 0 : 1]));
}

function pairsOf(operand: JinjaValue): readonly JinjaValue[] {
  if (!isMap(operand)) throw new Fault(`does not take ${kindOf(operand)}`);
  return [...operand];
}

function unique(operand: JinjaValue, exactCase?: JinjaValue, attribute?: JinjaValue): JinjaValue {
  const get = getter(attribute);
  const seen = new Set<unknown>();
  return itemsOf(operand).filter((item) => {
    const key = foldedUnless(exactCase, get(item));
    if (isList(key) || isMap(key)) throw new Fault('cannot compare lists and maps');
    // As in Python, true, 1 and 1.0 are equal.
    const number = typeof key === 'bigint' ? key : numberOf(key);
    const known = isText(key) ? textOf(key) : Number.isInteger(number) ? BigInt(number!) : (number ?? key);
    const isNew = !seen.has(known);
    seen.add(known);
    return isNew;
  });
}

/** Gets what is at a path like `a.0.b`, or at a number, and at each step `fallback` where there is nothing. */
function getter(path: JinjaValue, fallback?: JinjaValue): (item: JinjaValue) => JinjaValue {
  if (path === undefined || path === null) return (item) => item;
  const steps = textOf(path).split('.');
  return (item) =>
    steps.reduce((at: JinjaValue, step) => {
      if (at === undefined) throw new Fault('finds no value for the attribute');
      if (isList(at)) return (/^\d+$/.test(step) ? at[Number(step)] : undefined) ?? fallback;
      const fields = at instanceof Namespace ? at.variables : at;
      return (isMap(fields) ? fields.get(step) : undefined) ?? fallback;
    }, item);
}

/** Makes the filter that maps each item to its attribute, or by the filter that the first argument names. */
export function mapBy(filters: () => ReadonlyMap<string, JinjaFilter>): JinjaFilter {
  return (operand, args, named) => {
    const [name, ...rest] = args;
    const items = itemsOf(operand);
    if (args.length > 0) {
      const filter = filters().get(textOf(name));
      // The message does not repeat the name, which may be a value.
      if (filter === undefined) throw new Fault('needs the name of an existing filter');
      return items.map((item) => filter(item, rest, named));
    }
    const isKnown = [...named.keys()].every((key) => key === 'attribute' || key === 'default');
    if (!named.has('attribute') || !isKnown) throw new Fault('needs an attribute or the name of a filter');
    return items.map(getter(named.get('attribute'), named.get('default')));
  };
}

/** Selects the items whose attribute is true, or passes the test that is named; or those whose attribute does not. */
function selectByAttribute(operand: JinjaValue, args: readonly JinjaValue[], isWanted: boolean): JinjaValue {
  const [path, name, ...rest] = args;
  if (args.length === 0) throw new Fault('needs an attribute');
  const get = getter(path);
  const test = args.length === 1 ? isTrue : TESTS.get(textOf(name));
  if (test === undefined) throw new Fault('needs the name of an existing test');
  return itemsOf(operand).filter((item) => test(get(item), ...rest) === isWanted);
}
