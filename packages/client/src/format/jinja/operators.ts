import { format, markupOf } from './format.js';
import { calculateFloat, calculateWhole, Fault } from './numbers.js';
import {
  checkLength,
  isList,
  isMap,
  isText,
  itemsOf,
  kindOf,
  Markup,
  MAX_ITEMS,
  numberOf,
  sameMarkup,
  textOf,
  TOO_MUCH,
  wholeOf,
  type JinjaValue,
} from './values.js';

/** Calculates what Python's operator makes of two values; `~` is Jinja2's. Throws {@link Fault}. */
export function calculate(operator: string, left: JinjaValue, right: JinjaValue): JinjaValue {
  if (operator === '~' || (operator === '+' && isText(left) && isText(right))) {
    const isMarkup = left instanceof Markup || right instanceof Markup;
    const joined = [left, right].map((part) => (isMarkup ? markupOf(part) : textOf(part))).join('');
    checkLength(joined.length);
    return isMarkup ? new Markup(joined) : joined;
  }
  if (operator === '+' && isList(left) && isList(right)) return [...left, ...right];
  if (operator === '%' && isText(left)) {
    return isMap(right) ? format(left, [], right) : format(left, isList(right) ? right : [right], new Map());
  }
  const [a, b] = [wholeOf(left), wholeOf(right)];
  if (operator === '*' && a !== undefined && !isNumber(right)) return repeated(right, a);
  if (operator === '*' && b !== undefined && !isNumber(left)) return repeated(left, b);
  if (a !== undefined && b !== undefined) return calculateWhole(operator, a, b);
  const [c, d] = [numberOf(left), numberOf(right)];
  if (c === undefined || d === undefined) throw new Fault(`does not take ${kindOf(left)} and ${kindOf(right)}`);
  return calculateFloat(operator, c, d);
}

function isNumber(value: JinjaValue): boolean {
  return numberOf(value) !== undefined;
}

function repeated(value: JinjaValue, times: bigint): JinjaValue {
  const count = Math.max(0, Number(times));
  if (isText(value)) {
    checkLength(textOf(value).length * count);
    return sameMarkup(value, textOf(value).repeat(textOf(value) === '' ? 0 : count));
  }
  if (!isList(value)) throw new Fault(`does not take ${kindOf(value)} and a number`);
  if (value.length * count > MAX_ITEMS) throw new Fault(TOO_MUCH);
  return value.length === 0 ? [] : Array.from({ length: count }, () => value).flat();
}

/** Returns what Python's slice returns, of a list or a text. Throws {@link Fault}. */
export function sliceOf(object: JinjaValue, bounds: readonly JinjaValue[]): JinjaValue {
  if (!isList(object) && !isText(object)) throw new Fault(`does not take ${kindOf(object)}`);
  const items = itemsOf(object);
  const [start, stop, step = 1] = bounds.map((bound) => {
    const whole = wholeOf(bound);
    if (whole === undefined && bound !== undefined && bound !== null) throw new Fault('takes whole numbers');
    return whole === undefined ? undefined : Number(whole);
  });
  if (step === 0) throw new Fault('does not take a step of zero');
  const [lowest, highest] = step > 0 ? [0, items.length] : [-1, items.length - 1];
  const placeOf = (bound: number): number =>
    Math.min(Math.max(bound < 0 ? bound + items.length : bound, lowest), highest);
  const first = start === undefined ? (step > 0 ? lowest : highest) : placeOf(start);
  const end = stop === undefined ? (step > 0 ? highest : lowest) : placeOf(stop);
  const length = Math.max(0, Math.ceil((end - first) / step));
  const made = Array.from({ length }, (_, index) => items[first + index * step]);
  return isText(object) ? sameMarkup(object, made.map(textOf).join('')) : made;
}
