import { LIST_FILTERS, mapBy } from './filters-lists.js';
import { TEXT_FILTERS } from './filters-texts.js';
import { Fault, readFloat, readWhole } from './numbers.js';
import { taking, type JinjaFilter } from './taking.js';
import {
  float,
  isMarkup,
  isMissing,
  isText,
  isTrue,
  jsonText,
  kindOf,
  markupText,
  numberOf,
  text,
  textOf,
  whole,
  wholeOf,
  type JinjaValue,
} from './values.js';

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
  ['safe', taking('', (operand) => (isMarkup(operand) ? operand : markupText(textOf(operand))))],
  ['string', taking('', (operand) => (isText(operand) ? operand : text(textOf(operand))))],
  ['tojson', taking('indent', toJson)],
]);

function absolute(operand: JinjaValue): JinjaValue {
  const exact = wholeOf(operand);
  if (exact !== undefined) return whole(exact < 0n ? -exact : exact);
  const number = numberOf(operand);
  if (number === undefined) throw new Fault(`does not take ${kindOf(operand)}`);
  return float(Math.abs(number));
}

function orDefault(operand: JinjaValue, instead: JinjaValue = text(''), forFalse?: JinjaValue): JinjaValue {
  return isMissing(operand) || (isTrue(forFalse) && !isTrue(operand)) ? instead : operand;
}

function toFloat(operand: JinjaValue, instead: JinjaValue = float(0)): JinjaValue {
  refuseMissing(operand);
  const read = isText(operand) ? readFloat(operand.value.trim()) : numberOf(operand);
  if (!isText(operand)) refuseInfinite(read);
  return read === undefined ? instead : float(read);
}

/** As Python's `int`, and else the whole part of what `float` reads. */
function toWhole(operand: JinjaValue, instead: JinjaValue = whole(0n), base: JinjaValue = whole(10n)): JinjaValue {
  refuseMissing(operand);
  const exact = isText(operand) ? readWhole(operand.value.trim(), numberOf(base) ?? 10) : wholeOf(operand);
  if (exact !== undefined) return whole(exact);
  const read = isText(operand) ? readFloat(operand.value.trim()) : numberOf(operand);
  if (!isText(operand)) refuseInfinite(read);
  return read === undefined || !Number.isFinite(read) ? instead : whole(BigInt(Math.trunc(read)));
}

function refuseMissing(operand: JinjaValue): void {
  if (isMissing(operand)) throw new Fault(`does not take ${kindOf(operand)}`);
}

function refuseInfinite(number = 0): void {
  if (!Number.isFinite(number)) throw new Fault('does not take a number of this size');
}

const UNSAFE: Readonly<Record<string, string>> = { '<': '\\u003c', '>': '\\u003e', '&': '\\u0026', "'": '\\u0027' };

/** JSON that may stand in HTML. */
function toJson(operand: JinjaValue, indent?: JinjaValue): JinjaValue {
  const width = indent === undefined ? undefined : numberOf(indent);
  if (width !== undefined && !(width >= 0 && width <= MAX_INDENT)) throw new Fault(`indents by at most ${MAX_INDENT}`);
  const json = jsonText(operand, { isStrict: true, ...(width === undefined ? {} : { indent: width }) });
  return markupText(json.replace(/[<>&']/g, (character) => UNSAFE[character]!));
}
