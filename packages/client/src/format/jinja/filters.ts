import { LIST_FILTERS, mapBy } from './filters-lists.js';
import { TEXT_FILTERS } from './filters-texts.js';
import { Fault, readFloat, readWhole } from './numbers.js';
import { taking, type JinjaFilter } from './parameters.js';
import { isText, isTrue, jsonText, kindOf, Markup, numberOf, textOf, wholeOf, type JinjaValue } from './values.js';

const MAX_INDENT = 100;

/** Jinja2's filters that are here. */
export const FILTERS: ReadonlyMap<string, JinjaFilter> = new Map<string, JinjaFilter>([
  ...TEXT_FILTERS,
  ...LIST_FILTERS,
  ['abs', taking('', absolute)],
  ['d', taking('default_value boolean', orDefault)],
  ['default', taking('default_value boolean', orDefault)],
  ['float', taking('default', toFloat)],
  ['int', taking('default base', toWhole)],
  ['map', mapBy(() => FILTERS)],
  ['safe', taking('', (operand) => new Markup(textOf(operand)))],
  ['string', taking('', (operand) => (isText(operand) ? operand : textOf(operand)))],
  ['tojson', taking('indent', toJson)],
]);

function absolute(operand: JinjaValue): JinjaValue {
  const number = wholeOf(operand) ?? numberOf(operand);
  if (number === undefined) throw new Fault(`does not take ${kindOf(operand)}`);
  return typeof number === 'number' ? Math.abs(number) : number < 0n ? -number : number;
}

function orDefault(operand: JinjaValue, fallback: JinjaValue = '', forFalse?: JinjaValue): JinjaValue {
  return operand === undefined || (isTrue(forFalse) && !isTrue(operand)) ? fallback : operand;
}

function toFloat(operand: JinjaValue, fallback: JinjaValue = 0): JinjaValue {
  return readNumber(operand) ?? fallback;
}

/** Returns what Python's `int` returns, and else the whole part of what `float` reads. */
function toWhole(operand: JinjaValue, fallback: JinjaValue = 0n, base: JinjaValue = 10n): JinjaValue {
  const exact = isText(operand) ? readWhole(textOf(operand).trim(), numberOf(base) ?? 10) : wholeOf(operand);
  if (exact !== undefined) return exact;
  const read = readNumber(operand);
  return read === undefined || !Number.isFinite(read) ? fallback : BigInt(Math.trunc(read));
}

function readNumber(operand: JinjaValue): number | undefined {
  if (operand === undefined) throw new Fault(`does not take ${kindOf(operand)}`);
  if (isText(operand)) return readFloat(textOf(operand).trim());
  const number = numberOf(operand);
  if (!Number.isFinite(number ?? 0)) throw new Fault('does not take a number of this size');
  return number;
}

const UNSAFE: Readonly<Record<string, string>> = { '<': '\\u003c', '>': '\\u003e', '&': '\\u0026', "'": '\\u0027' };

/** Makes JSON that may stand in HTML. */
function toJson(operand: JinjaValue, width?: JinjaValue): JinjaValue {
  const indent = numberOf(width);
  if (indent !== undefined && !(indent >= 0 && indent <= MAX_INDENT)) {
    throw new Fault(`indents by at most ${MAX_INDENT}`);
  }
  const json = jsonText(operand, { isStrict: true, indent });
  return new Markup(json.replace(/[<>&']/g, (character) => UNSAFE[character]!));
}
