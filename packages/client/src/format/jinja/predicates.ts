import { Fault } from './numbers.js';
import {
  compare,
  contains,
  isEqual,
  isList,
  isMap,
  isMarkup,
  isMissing,
  isNone,
  isText,
  kindOf,
  numberOf,
  textOf,
  wholeOf,
  type JinjaValue,
} from './values.js';

type JinjaTest = (value: JinjaValue, other?: JinjaValue) => boolean;

const equal = comparing(isEqual);
const unequal = comparing((value, other) => !isEqual(value, other));
const less = comparing((value, other) => compare(value, other) < 0);
const lessOrEqual = comparing((value, other) => compare(value, other) <= 0);
const greater = comparing((value, other) => compare(value, other) > 0);
const greaterOrEqual = comparing((value, other) => compare(value, other) >= 0);

/** Jinja2's tests that are here. */
export const TESTS: ReadonlyMap<string, JinjaTest> = new Map<string, JinjaTest>([
  ['!=', unequal],
  ['<', less],
  ['<=', lessOrEqual],
  ['==', equal],
  ['>', greater],
  ['>=', greaterOrEqual],
  ['boolean', ({ type }) => type === 'BooleanValue'],
  ['callable', ({ type }) => type === 'FunctionValue'],
  ['defined', (value) => !isMissing(value)],
  ['divisibleby', comparing((value, other) => restOf(value, other) === 0n)],
  ['eq', equal],
  ['equalto', equal],
  ['escaped', (value) => isMarkup(value)],
  ['even', (value) => restOf(value) === 0n],
  ['false', ({ value }) => value === false],
  ['float', ({ type }) => type === 'FloatValue'],
  ['ge', greaterOrEqual],
  ['greaterthan', greater],
  ['gt', greater],
  ['in', comparing((value, other) => contains(other, value))],
  ['integer', ({ type }) => type === 'IntegerValue'],
  ['iterable', (value) => isText(value) || isList(value) || isMap(value) || isMissing(value)],
  ['le', lessOrEqual],
  ['lessthan', less],
  ['lower', (value) => isInCase(value, (whole) => whole.toLowerCase())],
  ['lt', less],
  ['mapping', (value) => isMap(value)],
  ['ne', unequal],
  ['none', (value) => isNone(value)],
  ['number', (value) => numberOf(value) !== undefined],
  ['odd', (value) => restOf(value) !== 0n],
  ['sequence', (value) => isText(value) || isList(value) || isMap(value) || isMissing(value)],
  ['string', (value) => isText(value)],
  ['true', ({ value }) => value === true],
  ['undefined', (value) => isMissing(value)],
  ['upper', (value) => isInCase(value, (whole) => whole.toUpperCase())],
]);

function comparing(test: (value: JinjaValue, other: JinjaValue) => boolean): JinjaTest {
  return (value, other) => {
    if (other === undefined) throw new Fault('needs what to compare with');
    return test(value, other);
  };
}

function restOf(value: JinjaValue, divisor?: JinjaValue): bigint {
  const [number, by] = [wholeOf(value), divisor === undefined ? 2n : wholeOf(divisor)];
  if (number === undefined || by === undefined || by === 0n) throw new Fault(`does not divide ${kindOf(value)}`);
  return number % by;
}

/** As Python's `islower` and `isupper`: there must be a letter that has a case. */
function isInCase(value: JinjaValue, change: (whole: string) => string): boolean {
  const whole = textOf(value);
  return change(whole) === whole && whole.toLowerCase() !== whole.toUpperCase();
}
