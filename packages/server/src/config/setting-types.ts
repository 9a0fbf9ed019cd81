import { isPlainObject } from '@confidant/contract';

/** The value of a setting is invalid. The message says what is expected and never repeats the value. */
export class BadValue extends Error {}

/** An invalid setting, which prevents the start. */
export interface Fault {
  setting: string;
  /** The message says what is expected, and never repeats the value. */
  problem: string;
}

/** Environment variables; those that are not settings are ignored. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One setting: its parser, and its entry in the reference page. */
export interface Setting<Value> {
  /** Its meaning, in one or two sentences for the reference page. */
  doc: string;
  /** The form of its values, for the reference page. */
  expects: string;
  fallback: Value;
  /** Whether SECRETS_BOOTSTRAP may hold it; a value there overrides the variable. */
  bootstrap: boolean;
  /** Whether its value must never appear in a log or an error. */
  secret: boolean;
  /** Throws {@link BadValue} for a text that is not valid. */
  parse(text: string): Value;
}

type Options<Value> = { default: Value; bootstrap?: true; secret?: true };

function setting<Value>(
  doc: string,
  expects: string,
  options: Options<Value>,
  parse: (text: string) => Value,
): Setting<Value> {
  const { bootstrap = false, secret = false } = options;
  return { doc, expects, fallback: options.default, bootstrap, secret: secret || bootstrap, parse };
}

/** Any text; an empty one means the default. */
export function text(doc: string, options: Options<string> = { default: '' }): Setting<string> {
  return setting(doc, 'text', options, (value) => (value === '' ? options.default : value));
}

/** Any text; null if it is empty or not set. */
export function optionalText(doc: string): Setting<string | null> {
  return setting<string | null>(doc, 'text', { default: null }, (value) => (value === '' ? null : value));
}

/** A secret that SECRETS_BOOTSTRAP may hold. */
export function bootstrapText(doc: string): Setting<string> {
  return text(doc, { default: '', bootstrap: true });
}

/** A boolean. compat: `False`, `false`, `0` and empty are false, anything else is true. */
export function flag<Value extends boolean | null = boolean>(
  doc: string,
  options: Options<boolean | Value>,
): Setting<boolean | Value> {
  return setting<boolean | Value>(
    doc,
    '`true` or `false` (`False`, `0` and empty mean false, anything else true)',
    options,
    (value) => !['False', 'false', '0', ''].includes(value),
  );
}

/** A whole number within bounds. */
export function whole<Value extends number | null = number>(
  doc: string,
  options: Options<number | Value> & { min?: number; max?: number },
): Setting<number | Value> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = options;
  const expects = `a whole number, ${max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`}`;
  return setting<number | Value>(doc, expects, options, (value) => {
    if (value === '') return options.default;
    const number = /^-?\d{1,15}$/.test(value.trim()) ? Number(value) : NaN;
    if (!(number >= min && number <= max)) throw new BadValue(`expected ${expects}`);
    return number;
  });
}

/** A number, fractions allowed, in seconds. */
export function seconds(doc: string, options: Options<number> & { min?: number }): Setting<number> {
  const min = options.min ?? 0.001;
  const expects = `seconds, ${min} to 3600`;
  return setting(doc, expects, options, (value) => {
    if (value === '') return options.default;
    const number = /^\d{1,6}(\.\d{1,6})?$/.test(value.trim()) ? Number(value) : NaN;
    if (!(number >= min && number <= 3600)) throw new BadValue(`expected ${expects}`);
    return number;
  });
}

/** One of several words, in any case. */
export function oneOf<const Word extends string>(
  doc: string,
  words: readonly Word[],
  options: Options<Word>,
): Setting<Word> {
  return setting(doc, words.map((word) => `\`${word}\``).join(', '), options, (value) => {
    if (value === '') return options.default;
    const word = words.find((candidate) => candidate === value.toLowerCase());
    if (word === undefined) throw new BadValue(`expected one of ${words.join(', ')}`);
    return word;
  });
}

/** Words separated by commas; spaces around them and empty ones are dropped. */
export function list(doc: string, options: Options<readonly string[]>): Setting<readonly string[]> {
  return setting(doc, 'words, separated by commas', options, (value) =>
    value === ''
      ? options.default
      : value
          .split(',')
          .map((word) => word.trim())
          .filter((word) => word !== ''),
  );
}

/** An http or https URL. */
export function url(doc: string, options: Options<string> = { default: '' }): Setting<string> {
  return setting(doc, 'an http:// or https:// URL', options, (value) => {
    if (value === '') return options.default;
    if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
      throw new BadValue('expected an http:// or https:// URL');
    }
    return value;
  });
}

/** URLs separated by commas. compat: a comma does not end a URL unless another one follows. */
export function urls(doc: string): Setting<readonly string[]> {
  const { parse } = url(doc);
  return setting<readonly string[]>(doc, 'http:// or https:// URLs, separated by commas', { default: [] }, (value) =>
    value === '' ? [] : value.split(/,(?=\s*https?:\/\/)/).map((each) => parse(each.trim())),
  );
}

/** JSON text, checked by `check`, which throws {@link BadValue}. */
export function json<Value>(
  doc: string,
  expects: string,
  options: Options<Value>,
  check: (value: unknown) => Value,
): Setting<Value> {
  return setting(doc, expects, options, (text) => {
    if (text === '') return options.default;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // The message of JSON.parse would quote the value.
      throw new BadValue(`expected ${expects}; this is not JSON`);
    }
    return check(value);
  });
}

/** A JSON object with any content. */
export function jsonObject(doc: string): Setting<Record<string, unknown>> {
  return json(doc, 'a JSON object', { default: {} }, (value) => {
    if (!isPlainObject(value)) throw new BadValue('expected a JSON object');
    return value;
  });
}

/** A JSON object whose values are strings. */
export function jsonTextMap(doc: string, example: string): Setting<Readonly<Record<string, string>>> {
  return json(doc, `a JSON object of strings, like \`${example}\``, { default: {} }, (value) => {
    if (!isPlainObject(value) || Object.values(value).some((item) => typeof item !== 'string')) {
      throw new BadValue(`expected a JSON object of strings, like ${example}`);
    }
    return value as Record<string, string>;
  });
}

/** A JSON object whose values are whole numbers, 0 or more. */
export function jsonNumberMap(doc: string, example: string): Setting<Readonly<Record<string, number>>> {
  return json(doc, `a JSON object of whole numbers, like \`${example}\``, { default: {} }, (value) => {
    if (
      !isPlainObject(value) ||
      Object.values(value).some((item) => !Number.isSafeInteger(item) || (item as number) < 0)
    ) {
      throw new BadValue(`expected a JSON object of whole numbers, like ${example}`);
    }
    return value as Record<string, number>;
  });
}

/** A JSON list of strings. */
export function jsonTextList(doc: string): Setting<readonly string[]> {
  return json(doc, 'a JSON list of strings, like `["TAG"]`', { default: [] }, (value) => {
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) {
      throw new BadValue('expected a JSON list of strings, like ["TAG"]');
    }
    return value as string[];
  });
}
