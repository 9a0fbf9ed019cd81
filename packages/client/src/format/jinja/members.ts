import { TEXT_METHODS } from './filters-texts.js';
import { Fault } from './numbers.js';
import { taking, type JinjaFilter } from './parameters.js';
import {
  isList,
  isMap,
  isText,
  itemsOf,
  JinjaFunction,
  Namespace,
  textOf,
  wholeOf,
  type JinjaMap,
  type JinjaValue,
} from './values.js';

/** Maximum length of a range, as in Jinja2's sandbox. */
const MAX_RANGE = 100_000;

const MAP_METHODS: ReadonlyMap<string, JinjaFilter> = new Map([
  ['get', taking('key! default', (map, key, fallback = null) => (map as JinjaMap).get(textOf(key)) ?? fallback)],
  ['items', taking('', (map) => [...(map as JinjaMap)])],
  ['keys', taking('', itemsOf)],
  ['values', taking('', (map) => [...(map as JinjaMap).values()])],
]);

/** The variables of every template beside `secrets`. */
export const GLOBALS: ReadonlyMap<string, JinjaValue> = new Map<string, JinjaValue>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
  ['dict', new JinjaFunction('dict()', (args, named) => variablesOf(args, named))],
  ['namespace', new JinjaFunction('namespace()', (args, named) => new Namespace(variablesOf(args, named)))],
  ['range', new JinjaFunction('range()', range)],
]);

/**
 * Returns the part of `object` at a key, or a method of that name; `undefined` if it has neither. There are no other
 * attributes: nothing of JavaScript can be reached from a template.
 */
export function memberOf(object: JinjaValue, key: JinjaValue): JinjaValue {
  const place = wholeOf(key);
  if (isList(object) || (isText(object) && place !== undefined)) {
    return place === undefined ? undefined : itemsOf(object).at(Number(place));
  }
  if (!isText(key)) return undefined;
  const name = textOf(key);
  if (object instanceof Namespace) return object.variables.get(name);
  if (isMap(object) && object.has(name)) return object.get(name);
  const method = (isMap(object) ? MAP_METHODS : isText(object) ? TEXT_METHODS : undefined)?.get(name);
  return method && new JinjaFunction(`the method ${name}`, (args, named) => method(object, args, named));
}

/** The variable `loop` at one of its items. */
export function loopAt(index: number, items: readonly JinjaValue[]): JinjaMap {
  const cycle = new JinjaFunction('loop.cycle()', (args) => {
    if (args.length === 0) throw new Fault('takes at least one argument');
    return args[index % args.length];
  });
  return new Map<string, JinjaValue>([
    ['index', BigInt(index + 1)],
    ['index0', BigInt(index)],
    ['revindex', BigInt(items.length - index)],
    ['revindex0', BigInt(items.length - index - 1)],
    ['first', index === 0],
    ['last', index === items.length - 1],
    ['length', BigInt(items.length)],
    ['previtem', index === 0 ? undefined : items[index - 1]],
    ['nextitem', items[index + 1]],
    ['cycle', cycle],
  ]);
}

/** Copies a map, or a list of pairs, and adds the arguments by name. */
function variablesOf([source, ...rest]: readonly JinjaValue[], named: JinjaMap): Map<string, JinjaValue> {
  const pairs = isMap(source) ? [...source] : itemsOf(source);
  const entries = pairs.map((pair): [string, JinjaValue] => {
    const [key, value] = isList(pair) && pair.length === 2 ? pair : [];
    if (!isText(key)) throw new Fault('takes a map, or a list of pairs of a text and a value');
    return [textOf(key), value];
  });
  if (rest.length > 0) throw new Fault('takes at most one positional argument');
  return new Map([...entries, ...named]);
}

/** Makes the list of the numbers of Python's `range`. Throws {@link Fault} for one that is too long. */
function range(args: readonly JinjaValue[], named: JinjaMap): JinjaValue {
  const numbers = args.map((value) => Number(wholeOf(value) ?? NaN));
  const [start, stop, step = 1] = numbers.length === 1 ? [0, ...numbers] : numbers;
  const isSafe = [start, stop, step].every(Number.isSafeInteger) && step !== 0;
  if (!isSafe || args.length > 3 || named.size > 0) throw new Fault('takes whole numbers');
  const length = Math.max(0, Math.ceil((stop! - start!) / step));
  if (length > MAX_RANGE) throw new Fault(`makes at most ${MAX_RANGE} numbers`);
  return Array.from({ length }, (_, index) => BigInt(start! + index * step));
}
