/** A value of the engine, as far as filters look at it. */
export interface JinjaValue {
  type: string;
  value: unknown;
  toString(): string;
}

/** What a filter is given: what stands before it, and its arguments by place and by name. */
export type JinjaFilter = (
  operand: JinjaValue,
  args: readonly JinjaValue[],
  named: ReadonlyMap<string, JinjaValue>,
) => JinjaValue | string | undefined;

/** What is wrong, in words that may follow "the filter NAME"; holds no value. */
export class FilterFault extends Error {
  override readonly name = 'FilterFault';
}

const MAX_WIDTH = 10_000;

/** The filters of Jinja2 that the engine has not, or not for all that Jinja2 has them for. */
export const FILTERS: ReadonlyMap<string, JinjaFilter> = new Map<string, JinjaFilter>([
  ['escape', escape],
  ['e', escape],
  ['forceescape', escape],
  ['first', (operand) => endOf(operand, (items) => items[0], 0)],
  ['last', (operand) => endOf(operand, (items) => items.at(-1), -1)],
  ['urlencode', urlencode],
  ['format', format],
]);

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};

function escape(operand: JinjaValue): string {
  return textOf(operand).replace(/[&<>'"]/g, (character) => ESCAPES[character]!);
}

/** The first or last of a list, of the keys of a map, or of the characters of a text. */
function endOf(
  operand: JinjaValue,
  pick: (items: readonly (JinjaValue | string)[]) => JinjaValue | string | undefined,
  at: 0 | -1,
): JinjaValue | string | undefined {
  const { value } = operand;
  if (isList(operand)) return pick(operand.value);
  if (isMap(operand)) return pick([...operand.value.keys()]);
  if (typeof value === 'string') {
    // A character may be two units long: more of the text need not be taken apart.
    return pick([...(at === 0 ? value.slice(0, 2) : value.slice(-2))]);
  }
  if (operand.type === 'UndefinedValue') return undefined;
  throw new FilterFault(`does not take ${kindOf(operand)}`);
}

function urlencode(operand: JinjaValue): string {
  if (isMap(operand))
    return [...operand.value].map(([key, value]) => `${quoted(key)}=${quoted(textOf(value))}`).join('&');
  if (!isList(operand)) return percentEncoded(textOf(operand)).replaceAll('%2F', '/');
  const pairs = operand.value.map((pair) => {
    if (!isList(pair) || pair.value.length !== 2) throw new FilterFault('takes a list of pairs only');
    return pair.value.map((item) => quoted(textOf(item))).join('=');
  });
  return pairs.join('&');
}

function quoted(text: string): string {
  return percentEncoded(text).replaceAll('%20', '+');
}

function percentEncoded(text: string): string {
  const rest = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!*'()]/g, rest);
}

const CONVERSION = /%(?:\((\w+)\))?([-+ 0]*)(\d*)(?:\.(\d+))?(.|$)/gs;

/** Python's `%`: `%s`, `%d`, `%i`, `%x`, `%X`, `%o` with flags, width and precision; arguments by place or by name. */
function format(operand: JinjaValue, args: readonly JinjaValue[], named: ReadonlyMap<string, JinjaValue>): string {
  if (args.length > 0 && named.size > 0) throw new FilterFault('takes arguments by place or by name, not both');
  let used = 0;
  const made = textOf(operand).replace(
    CONVERSION,
    (
      whole: string,
      name: string | undefined,
      flags: string,
      width: string,
      precision: string | undefined,
      kind: string,
    ) => {
      if (whole === '%%') return '%';
      const what = `%${kind}`;
      // What else stands there may be part of a value.
      if (!/^[sdixXo]$/.test(kind))
        throw new FilterFault(/^[a-zA-Z]$/.test(kind) ? `does not know ${what}` : 'finds a lone %');
      if (Math.max(Number(width), Number(precision ?? 0)) > MAX_WIDTH) {
        throw new FilterFault(`makes at most ${MAX_WIDTH} characters of one value`);
      }
      const value = name === undefined ? args[used++] : named.get(name);
      const text = value === undefined ? undefined : converted(value, kind, flags, precision);
      if (text === undefined) throw new FilterFault(`has not what ${what} asks for`);
      return padded(text, kind, flags, Number(width));
    },
  );
  if (used < args.length) throw new FilterFault('is given more than is used');
  return made;
}

/** Undefined for a value that is none for this conversion. */
function converted(value: JinjaValue, kind: string, flags: string, precision: string | undefined): string | undefined {
  if (kind === 's') {
    const text = textOf(value);
    return precision === undefined ? text : [...text].slice(0, Number(precision)).join('');
  }
  const isWhole = value.type === 'IntegerValue' || value.type === 'BooleanValue';
  if (!isWhole && (value.type !== 'FloatValue' || !/[di]/.test(kind))) return undefined;
  const number = Math.trunc(Number(value.value));
  if (!Number.isFinite(number)) return undefined;
  const base = { x: 16, X: 16, o: 8 }[kind] ?? 10;
  const digits = BigInt(Math.abs(number))
    .toString(base)
    .padStart(Number(precision ?? 0), '0');
  const sign = number < 0 ? '-' : (/[+]/.exec(flags) ?? / /.exec(flags) ?? [''])[0];
  return `${sign}${kind === 'X' ? digits.toUpperCase() : digits}`;
}

function padded(text: string, kind: string, flags: string, width: number): string {
  const missing = Math.max(0, width - [...text].length);
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (kind === 's' || !flags.includes('0')) return ' '.repeat(missing) + text;
  return text.replace(/^[-+ ]?/, (sign) => sign + '0'.repeat(missing));
}

/** As Python's `str` writes it, but for lists and maps, which the engine prints as JSON. */
function textOf(operand: JinjaValue): string {
  switch (operand.type) {
    case 'NullValue':
      return 'None';
    case 'UndefinedValue':
      return '';
    case 'BooleanValue':
      return operand.value === true ? 'True' : 'False';
    default:
      return operand.toString();
  }
}

/** What kind of value it is, in words. */
export function kindOf({ type }: JinjaValue): string {
  const kinds: Readonly<Record<string, string>> = {
    StringValue: 'a text',
    IntegerValue: 'a number',
    FloatValue: 'a number',
    BooleanValue: 'true or false',
    NullValue: 'none',
    UndefinedValue: 'what is not defined',
    ArrayValue: 'a list',
    TupleValue: 'a list',
    ObjectValue: 'a map',
  };
  return kinds[type] ?? 'such a value';
}

function isList(value: JinjaValue): value is JinjaValue & { value: readonly JinjaValue[] } {
  return Array.isArray(value.value);
}

function isMap(value: JinjaValue): value is JinjaValue & { value: ReadonlyMap<string, JinjaValue> } {
  return value.value instanceof Map;
}
