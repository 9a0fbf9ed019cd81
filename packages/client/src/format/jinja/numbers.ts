/** A fault in a template. The message may follow the name of a filter or operator, and repeats no value. */
export class Fault extends Error {
  override readonly name = 'Fault';
}

/** Maximum digits of a whole number, as in Python. */
const MAX_DIGITS = 4300;
const TOO_LARGE = 10n ** BigInt(MAX_DIGITS);
const TOO_MANY_DIGITS = 'produces a number with too many digits';
const PREFIXES: Readonly<Record<number, string>> = { 2: '0b', 8: '0o', 16: '0x' };

/** Writes a float as Python's `repr` does. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  if (Object.is(value, -0)) return '-0.0';
  const [digits, exponent] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 16) {
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** Reads what Python's `int(text, base)` reads, base 0 or 2 to 36; else returns undefined. Throws {@link Fault}. */
export function readWhole(written: string, base: number): bigint | undefined {
  const [, sign, unsigned] = /^([-+]?)(.*)$/s.exec(written.toLowerCase())!;
  const [prefixed] = Object.entries(PREFIXES).find(([, prefix]) => unsigned!.startsWith(prefix)) ?? ['10'];
  const radix = base === 0 ? Number(prefixed) : base;
  const hasPrefix = PREFIXES[radix] !== undefined && unsigned!.startsWith(PREFIXES[radix]);
  const digits = hasPrefix ? unsigned!.slice(2).replace(/^_/, '') : unsigned!;
  if (base === 0 && !hasPrefix && /^0[0_]*[1-9]/.test(digits)) return undefined;
  if (radix < 2 || radix > 36 || !/^[0-9a-z]+(?:_[0-9a-z]+)*$/.test(digits)) return undefined;
  const values = [...digits.replaceAll('_', '')].map((digit) => parseInt(digit, 36));
  if (values.some((value) => value >= radix)) return undefined;
  if (values.length > MAX_DIGITS) throw new Fault(TOO_MANY_DIGITS);
  const size = values.reduce((sum, value) => sum * BigInt(radix) + BigInt(value), 0n);
  return sign === '-' ? -size : size;
}

/** Reads what Python's `float(text)` reads; else returns undefined. */
export function readFloat(written: string): number | undefined {
  const digits = String.raw`\d+(?:_\d+)*`;
  const number = new RegExp(`^[-+]?(?:${digits}\\.?(?:${digits})?|\\.${digits})(?:e[-+]?${digits})?$`, 'i');
  if (number.test(written)) return Number(written.replaceAll('_', ''));
  const special = /^([-+]?)(?:(inf(?:inity)?)|nan)$/i.exec(written);
  if (special === null) return undefined;
  return special[2] === undefined ? NaN : special[1] === '-' ? -Infinity : Infinity;
}

const DIVISIONS = ['/', '//', '%'];

const WHOLE: Readonly<Record<string, (left: bigint, right: bigint) => bigint>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '//': (left, right) => (left - floorRest(left, right)) / right,
  '%': floorRest,
  '**': (left, right) => {
    if (right * BigInt(left.toString(2).length - 1) > 4n * BigInt(MAX_DIGITS)) throw new Fault(TOO_MANY_DIGITS);
    return left ** right;
  },
};

const FLOAT: Readonly<Record<string, (left: number, right: number) => number>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  // The difference is a multiple of the divisor, but for what rounding does to it.
  '//': (left, right) => Math.round((left - floorModulo(left, right)) / right),
  '%': floorModulo,
  '**': (left, right) => left ** right,
};

/** Calculates with whole numbers as Python does. Throws {@link Fault}. */
export function calculateWhole(operator: string, left: bigint, right: bigint): bigint | number {
  const calculate = WHOLE[operator];
  const isFloat = calculate === undefined || (operator === '**' && right < 0n);
  if (isFloat || (right === 0n && DIVISIONS.includes(operator))) {
    return calculateFloat(operator, Number(left), Number(right));
  }
  const made = calculate(left, right);
  if (made >= TOO_LARGE || made <= -TOO_LARGE) throw new Fault(TOO_MANY_DIGITS);
  return made;
}

/** Calculates with floats as Python does. Throws {@link Fault}. */
export function calculateFloat(operator: string, left: number, right: number): number {
  const divisor = operator === '**' && right < 0 ? left : DIVISIONS.includes(operator) ? right : 1;
  if (divisor === 0) throw new Fault('divides by zero');
  const made = FLOAT[operator]!(left, right);
  if (!Number.isFinite(made)) throw new Fault('produces a number that is not finite');
  return made;
}

function floorRest(left: bigint, right: bigint): bigint {
  const rest = left % right;
  return rest !== 0n && rest < 0n !== right < 0n ? rest + right : rest;
}

function floorModulo(left: number, right: number): number {
  const rest = left % right;
  if (rest === 0) return right < 0 ? -0 : 0;
  return rest < 0 !== right < 0 ? rest + right : rest;
}

/** Writes a finite number as Python's `%.Nf` does: rounded from the exact value, a half to the even digit. */
export function fixed(value: number, precision: number): string {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, Math.abs(value));
  const raw = bits.getBigUint64(0);
  const power = Number(raw >> 52n);
  const fraction = raw & ((1n << 52n) - 1n);
  const mantissa = power === 0 ? fraction : fraction | (1n << 52n);
  const exponent = BigInt(Math.max(power, 1) - 1075);
  let scaled = mantissa * 10n ** BigInt(precision);
  if (exponent >= 0n) scaled <<= exponent;
  else {
    const one = 1n << -exponent;
    const rest = scaled % one;
    scaled /= one;
    if (rest * 2n > one || (rest * 2n === one && scaled % 2n === 1n)) scaled += 1n;
  }
  const digits = scaled.toString().padStart(precision + 1, '0');
  const at = digits.length - precision;
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  return `${sign}${digits.slice(0, at)}${precision === 0 ? '' : `.${digits.slice(at)}`}`;
}
