import { Fault, fixed } from './numbers.js';
import type { JinjaFilter } from './parameters.js';
import { checkLength, Markup, numberOf, sameMarkup, textOf, wholeOf, type JinjaValue } from './values.js';

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};

/** Returns a value's text with the signs of HTML escaped, unless it is markup already. */
export function markupOf(value: JinjaValue): string {
  return value instanceof Markup ? value.text : textOf(value).replace(/[&<>'"]/g, (sign) => ESCAPES[sign]!);
}

const MAX_WIDTH = 10_000;
const CONVERSION = /%(?:\((\w+)\))?([-+ 0#]*)(\d*)(?:\.(\d*))?(.|$)/gsu;

interface Conversion {
  kind: string;
  flags: string;
  width: number;
  precision: number | undefined;
}

/** Formats as Python's `%` does: `%s`, `%d`, `%i`, `%x`, `%X`, `%o`, `%f`, `%F` with flags, width and precision. */
export const format: JinjaFilter = (operand, args, named) => {
  if (args.length > 0 && named.size > 0) throw new Fault('takes positional or keyword arguments, not both');
  let used = 0;
  let length = 0;
  const convert = (name: string | undefined, conversion: Conversion): string => {
    const isGiven = name === undefined ? used < args.length : named.has(name);
    const value = name === undefined ? args[used++] : named.get(name);
    const made = isGiven ? converted(value, conversion, operand instanceof Markup) : undefined;
    if (made === undefined) throw new Fault(`has no fitting value for %${conversion.kind}`);
    const result = padded(made, conversion);
    checkLength((length += result.length));
    return result;
  };
  const made = textOf(operand).replace(
    CONVERSION,
    (
      found: string,
      name: string | undefined,
      flags: string,
      width: string,
      precision: string | undefined,
      kind: string,
    ) => (found === '%%' ? '%' : convert(name, checked(kind, flags, Number(width), precision))),
  );
  if (used < args.length) throw new Fault('gets more values than it uses');
  return sameMarkup(operand, made);
};

function checked(kind: string, flags: string, width: number, digits: string | undefined): Conversion {
  const precision = digits === undefined ? undefined : Number(digits);
  // The message does not repeat another character, which may be part of a value.
  if (!/^[a-zA-Z]$/.test(kind)) throw new Fault('has a % without a conversion');
  if (!/^[sdixXofF]$/.test(kind)) throw new Fault(`does not support %${kind}`);
  if (flags.includes('#')) throw new Fault(`does not support %#${kind}`);
  if (Math.max(width, precision ?? 0) > MAX_WIDTH) {
    throw new Fault(`makes at most ${MAX_WIDTH} characters of one value`);
  }
  return { kind, flags, width, precision };
}

/** Returns undefined for a value that this conversion does not take. */
function converted(value: JinjaValue, { kind, flags, precision }: Conversion, isEscaped: boolean): string | undefined {
  if (kind === 's') {
    const text = isEscaped ? markupOf(value) : textOf(value);
    return precision === undefined ? text : [...text].slice(0, precision).join('');
  }
  const digits = /[fF]/.test(kind) ? decimals(value, precision) : wholeDigits(value, kind, precision);
  if (digits === undefined || digits.startsWith('-')) return digits;
  return `${(/[+]/.exec(flags) ?? / /.exec(flags) ?? [''])[0]}${digits}`;
}

function decimals(value: JinjaValue, precision = 6): string | undefined {
  const number = numberOf(value);
  return number === undefined || !Number.isFinite(number) ? undefined : fixed(number, precision);
}

function wholeDigits(value: JinjaValue, kind: string, precision = 0): string | undefined {
  const number = numberOf(value) ?? NaN;
  const cut = Number.isFinite(number) && /[di]/.test(kind) ? BigInt(Math.trunc(number)) : undefined;
  const exact = wholeOf(value) ?? cut;
  if (exact === undefined) return undefined;
  const base = { x: 16, X: 16, o: 8 }[kind] ?? 10;
  const digits = (exact < 0n ? -exact : exact).toString(base).padStart(precision, '0');
  return `${exact < 0n ? '-' : ''}${kind === 'X' ? digits.toUpperCase() : digits}`;
}

function padded(made: string, { kind, flags, width }: Conversion): string {
  // A text of twice as many UTF-16 units has enough characters, whatever they are.
  if (made.length >= 2 * width) return made;
  const missing = Math.max(0, width - [...made].length);
  if (flags.includes('-')) return made + ' '.repeat(missing);
  if (kind === 's' || !flags.includes('0')) return ' '.repeat(missing) + made;
  return made.replace(/^[-+ ]?/, (sign) => sign + '0'.repeat(missing));
}
