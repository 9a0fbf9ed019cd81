import { Fault } from './numbers.js';
import { calculate } from './operators.js';
import * as values from './values.js';
import { compare, isEqual, isText, numberOf, textOf, type JinjaValue } from './values.js';

type JinjaTest = (value: JinjaValue, ...args: readonly JinjaValue[]) => boolean;

/** Tests that compare with one argument, by all their names. The signs are the operators. */
const COMPARISONS: readonly (readonly [names: string, test: (value: JinjaValue, other: JinjaValue) => boolean])[] = [
  ['== eq equalto', isEqual],
  ['!= ne', (value, other) => !isEqual(value, other)],
  ['< lt lessthan', (value, other) => compare(value, other) < 0],
  ['<= le', (value, other) => compare(value, other) <= 0],
  ['> gt greaterthan', (value, other) => compare(value, other) > 0],
  ['>= ge', (value, other) => compare(value, other) >= 0],
  ['in', (value, other) => values.contains(other, value)],
  ['divisibleby', (value, other) => isEqual(calculate('%', value, other), 0n)],
];

/** Jinja2's tests that are here. */
export const TESTS: ReadonlyMap<string, JinjaTest> = new Map<string, JinjaTest>([
  ...COMPARISONS.flatMap(([names, test]) => names.split(' ').map((name) => [name, comparing(test)] as const)),
  ['boolean', (value) => typeof value === 'boolean'],
  ['callable', (value) => value instanceof values.JinjaFunction],
  ['defined', (value) => value !== undefined],
  ['escaped', (value) => value instanceof values.Markup],
  ['even', (value) => isEqual(calculate('%', value, 2n), 0n)],
  ['false', (value) => value === false],
  ['float', values.isFloat],
  ['integer', (value) => typeof value === 'bigint'],
  ['iterable', hasItems],
  ['lower', (value) => isInCase(value, (text) => text.toLowerCase())],
  ['mapping', values.isMap],
  ['none', (value) => value === null],
  ['number', (value) => numberOf(value) !== undefined],
  ['odd', (value) => isEqual(calculate('%', value, 2n), 1n)],
  ['sequence', hasItems],
  ['string', isText],
  ['true', (value) => value === true],
  ['undefined', (value) => value === undefined],
  ['upper', (value) => isInCase(value, (text) => text.toUpperCase())],
]);

function comparing(test: (value: JinjaValue, other: JinjaValue) => boolean): JinjaTest {
  return (value, ...args) => {
    if (args.length !== 1) throw new Fault('needs a value to compare with');
    return test(value, args[0]);
  };
}

function hasItems(value: JinjaValue): boolean {
  return isText(value) || values.isList(value) || values.isMap(value) || value === undefined;
}

/** Returns what Python's `islower` and `isupper` return: one letter at least must have a case. */
function isInCase(value: JinjaValue, change: (text: string) => string): boolean {
  const text = textOf(value);
  return change(text) === text && text.toLowerCase() !== text.toUpperCase();
}
