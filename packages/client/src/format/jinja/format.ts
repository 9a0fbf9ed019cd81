import { Fault, fixed } from './numbers.js';
import type { JinjaFilter } from './taking.js';
import { checkLength, isMarkup, numberOf, sameMarkup, textOf, wholeOf, type JinjaValue } from './values.js';

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};

/** A text for HTML. */
export function escaped(plain: string): string {
  return plain.replace(/[&<>'"]/g, (character) => ESCAPES[character]!);
}

const MAX_WIDTH = 10_000;
const CONVERSION = /%(?:\((\w+)\))?([-+ 0#]*)(\d*)(?:\.(\d*))?(.|$)/gsu;

interface Conversion {
  kind: string;
  flags: string;
  width: number;
  precision: number | undefined;
}

/** Python's `%`: `%s`, `%d`, `%i`, `%x`, `%X`, `%o`, `%f`, `%F` with flags, width and precision. */
export const format: JinjaFilter = (operand, args, named) => {
  if (args.length > 0 && named.size > 0) throw new Fault('takes arguments by place or by name, not both');
  let used = 0;
  let length = 0;
  const convert = (name: string | undefined, conversion: Conversion): string => {
    const value = name === undefined ? args[used++] : named.get(name);
    const made = value === undefined ? undefined : converted(value, conversion, isMarkup(operand));
    if (made === undefined) throw new Fault(`has not what %${conversion.kind} asks for`);
    const result = padded(made, conversion);
    checkLength((length += result.length));
    return result;
  };
  const made = textOf(operand).replace(
    CONVERSION,
    (
      whole: string,
      name: string | undefined,
      flags: string,
      width: string,
      precision: string | undefined,
      kind: string,
    ) =>
      whole === '%%'
        ? '%'
        : convert(
            name,
            checked({
              kind,
              flags,
              width: Number(width),
              precision: precision === undefined ? undefined : Number(precision),
            }),
          ),
  );
  if (used < args.length) throw new Fault('is given more than is used');
  return sameMarkup(operand, made);
};

function checked(conversion: Conversion): Conversion {
  const { kind, flags, width, precision } = conversion;
  // What else stands there may be part of a value.
  if (!/^[a-zA-Z]$/.test(kind)) throw new Fault('finds a lone %');
  if (!/^[sdixXofF]$/.test(kind)) throw new Fault(`does not know %${kind}`);
  if (flags.includes('#')) throw new Fault(`does not know %#${kind}`);
  if (Math.max(width, precision ?? 0) > MAX_WIDTH)
    throw new Fault(`makes at most ${MAX_WIDTH} characters of one value`);
  return conversion;
}

/** Undefined for a value that is none for this conversion. */
function converted(value: JinjaValue, { kind, flags, precision }: Conversion, isEscaped: boolean): string | undefined {
  if (kind === 's') {
    const plain = textOf(value);
    const whole = isEscaped && !isMarkup(value) ? escaped(plain) : plain;
    return precision === undefined ? whole : [...whole].slice(0, precision).join('');
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
  // A text of this many units has as many characters, whatever they are.
  if (made.length >= 2 * width) return made;
  const missing = Math.max(0, width - [...made].length);
  if (flags.includes('-')) return made + ' '.repeat(missing);
  if (kind === 's' || !flags.includes('0')) return ' '.repeat(missing) + made;
  return made.replace(/^[-+ ]?/, (sign) => sign + '0'.repeat(missing));
}
