import { Fault } from './numbers.js';
import { TESTS } from './predicates.js';
import { taking, type JinjaFilter } from './taking.js';
import {
  checkLength,
  compare,
  isList,
  isMap,
  isMissing,
  isNone,
  isText,
  isTrue,
  itemsOf,
  kindOf,
  list,
  missing,
  numberOf,
  sameMarkup,
  text,
  textOf,
  whole,
  type JinjaMap,
  type JinjaValue,
} from './values.js';

export const LIST_FILTERS: readonly (readonly [string, JinjaFilter])[] = [
  ['count', taking('', length)],
  ['dictsort', taking('case_sensitive by reverse', dictsort)],
  ['first', taking('', (operand) => endOf(operand, 0))],
  ['items', taking('', (operand) => (isMissing(operand) ? list([]) : list(pairsOf(operand))))],
  ['join', taking('d attribute', join)],
  ['last', taking('', (operand) => endOf(operand, -1))],
  ['length', taking('', length)],
  ['list', taking('', (operand) => list(itemsOf(operand)))],
  ['rejectattr', (operand, args) => selectByAttribute(operand, args, false)],
  ['reverse', taking('', reverse)],
  ['selectattr', (operand, args) => selectByAttribute(operand, args, true)],
  ['sort', taking('reverse case_sensitive attribute', sort)],
  ['unique', taking('case_sensitive attribute', unique)],
];

function length(operand: JinjaValue): JinjaValue {
  if (isMap(operand)) return whole(BigInt(operand.value.size));
  if (!isText(operand)) return whole(BigInt(itemsOf(operand).length));
  const { value } = operand;
  let units = 0;
  let characters = 0;
  for (; units < value.length; characters += 1) units += value.codePointAt(units)! > 0xffff ? 2 : 1;
  return whole(BigInt(characters));
}

/** The first or last of a list, of the keys of a map, or of the characters of a text. */
function endOf(operand: JinjaValue, at: 0 | -1): JinjaValue {
  // A character may be two units long: more of the text need not be taken apart.
  const near = isText(operand) ? text(at === 0 ? operand.value.slice(0, 2) : operand.value.slice(-2)) : operand;
  return itemsOf(near).at(at) ?? missing();
}

function join(operand: JinjaValue, between?: JinjaValue, attribute?: JinjaValue): JinjaValue {
  const get = getter(attribute);
  const separator = between === undefined ? '' : textOf(between);
  let size = 0;
  const parts = itemsOf(operand).map((item, index) => {
    const part = textOf(get(item));
    checkLength((size += part.length + (index === 0 ? 0 : separator.length)));
    return part;
  });
  return text(parts.join(separator));
}

function reverse(operand: JinjaValue): JinjaValue {
  const turned = itemsOf(operand).toReversed();
  return isText(operand) ? sameMarkup(operand, turned.map(textOf).join('')) : list(turned);
}

function sort(operand: JinjaValue, reversed?: JinjaValue, exactCase?: JinjaValue, attribute?: JinjaValue): JinjaValue {
  const paths = isText(attribute) ? attribute.value.split(',').map(text) : [attribute];
  const getters = paths.map((path) => getter(path));
  const keyed = itemsOf(operand).map((item) => ({
    item,
    key: list(getters.map((get) => foldedUnless(exactCase, get(item)))),
  }));
  return list(sorted(keyed, reversed).map(({ item }) => item));
}

function sorted<T extends { key: JinjaValue }>(keyed: T[], reversed: JinjaValue | undefined): T[] {
  const sign = isTrue(reversed) ? -1 : 1;
  return keyed.sort((a, b) => sign * compare(a.key, b.key));
}

/** In lower case, if cases count as the same. */
function foldedUnless(exactCase: JinjaValue | undefined, value: JinjaValue): JinjaValue {
  return isText(value) && !isTrue(exactCase) ? text(value.value.toLowerCase()) : value;
}

function dictsort(operand: JinjaValue, exactCase?: JinjaValue, by?: JinjaValue, reversed?: JinjaValue): JinjaValue {
  const order = by === undefined ? 'key' : textOf(by);
  if (order !== 'key' && order !== 'value') throw new Fault('sorts by key or value');
  const keyed = pairsOf(operand).map((pair) => {
    const key = itemsOf(pair)[order === 'key' ? 0 : 1]!;
    return { pair, key: foldedUnless(exactCase, key) };
  });
  return list(sorted(keyed, reversed).map(({ pair }) => pair));
}

function pairsOf(operand: JinjaValue): JinjaValue[] {
  if (!isMap(operand)) throw new Fault(`does not take ${kindOf(operand)}`);
  return [...operand.value].map(([key, value]) => list([text(key), value]));
}

function unique(operand: JinjaValue, exactCase?: JinjaValue, attribute?: JinjaValue): JinjaValue {
  const get = getter(attribute);
  const seen = new Set<unknown>();
  const made = itemsOf(operand).filter((item) => {
    const key = foldedUnless(exactCase, get(item));
    if (isList(key) || isMap(key)) throw new Fault('does not compare lists and maps');
    const number = numberOf(key);
    // Python's true is one; what is not defined is not none.
    const known = number === undefined || typeof key.value === 'bigint' ? key.value : number;
    if (seen.has(known)) return false;
    seen.add(known);
    return true;
  });
  return list(made);
}

/** What is at a path like `a.0.b`, or at a number; `instead` where there is nothing, at each step as in Jinja2. */
function getter(path: JinjaValue | undefined, instead?: JinjaValue): (item: JinjaValue) => JinjaValue {
  if (path === undefined || isNone(path)) return (item) => item;
  const steps = textOf(path).split('.');
  return (item) => {
    let at = item;
    for (const step of steps) {
      if (isMissing(at)) throw new Fault('finds nothing at this attribute');
      const found = isList(at) && /^\d+$/.test(step) ? at.value[Number(step)] : fieldOf(at, step);
      at = found === undefined || isMissing(found) ? (instead ?? missing()) : found;
    }
    return at;
  };
}

function fieldOf(value: JinjaValue, key: string): JinjaValue | undefined {
  return value.value instanceof Map ? (value as JinjaMap).value.get(key) : undefined;
}

/** Maps each item: by its attribute, or by the filter that the first argument names. */
export function mapBy(filters: () => ReadonlyMap<string, JinjaFilter>): JinjaFilter {
  return (operand, args, named) => {
    const [name, ...rest] = args;
    const items = itemsOf(operand);
    if (name !== undefined) {
      const filter = filters().get(textOf(name));
      // The name may be a value.
      if (filter === undefined) throw new Fault('is given the name of no filter');
      return list(items.map((item) => filter(item, rest, named)));
    }
    const attribute = named.get('attribute');
    const isKnown = [...named.keys()].every((key) => key === 'attribute' || key === 'default');
    if (attribute === undefined || !isKnown) throw new Fault('needs an attribute or the name of a filter');
    return list(items.map(getter(attribute, named.get('default'))));
  };
}

/** The items of which an attribute passes a test, which is being true by default; or those of which it does not. */
function selectByAttribute(operand: JinjaValue, args: readonly JinjaValue[], isWanted: boolean): JinjaValue {
  const [path, name, ...rest] = args;
  if (path === undefined) throw new Fault('needs an attribute');
  const get = getter(path);
  const test = name === undefined ? isTrue : TESTS.get(textOf(name));
  if (test === undefined) throw new Fault('is given the name of no test');
  return list(itemsOf(operand).filter((item) => test(get(item), ...rest) === isWanted));
}
