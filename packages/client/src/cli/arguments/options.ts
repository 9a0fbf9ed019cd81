import { readFileSync, statSync } from 'node:fs';
import { parseJson } from '@confidant/contract/wire';
import type { JsonObject } from '@confidant/contract';
import { shownName } from '../../text/variables.js';
import { describeJsonError, inspectJson } from '../../text/json-syntax.js';
import { UsageError } from './errors.js';

/** Secrets of one credential fit many times; a mistaken file does not. */
const MAX_INPUT_BYTES = 4 * 1024 * 1024;

/** The options of one command as they were given. Names are the long ones, `cred-ids`. */
export class Given {
  readonly #values: Readonly<Record<string, unknown>>;

  /** `values` by commander's attribute names: `credIds`. */
  constructor(
    values: Readonly<Record<string, unknown>>,
    /** The words that are no options. */
    readonly words: readonly string[] = [],
  ) {
    this.#values = values;
  }

  /** The same without one of them. */
  without(name: string): Given {
    const { [attributeOf(name)]: _, ...others } = this.#values;
    return new Given(others, this.words);
  }

  text(name: string): string | undefined {
    return this.#get(name) as string | undefined;
  }

  /** For options that are required or have a default. */
  needed(name: string): string {
    return this.#get(name) as string;
  }

  number(name: string): number | undefined {
    return this.#get(name) as number | undefined;
  }

  list(name: string): readonly string[] {
    return (this.#get(name) as string[] | undefined) ?? [];
  }

  /** Whether a flag was given; for `--no-x` ask for `x`, which is true without it. */
  flag(name: string): boolean {
    return this.#get(name) === true;
  }

  /** What `--enabled` and `--disabled` say together. */
  get enabled(): boolean | undefined {
    return this.flag('enabled') ? true : this.flag('disabled') ? false : undefined;
  }

  /**
   * The object of a JSON option: the text itself, `@file`, or `-` for standard input. With `uniqueKeys` no key may stand
   * in it twice; else the last one counts. Throws {@link UsageError} when it can not be read or is no such object; the
   * message says where, and holds none of it but a key.
   */
  json(name: string, { uniqueKeys = false }: { uniqueKeys?: boolean } = {}): JsonObject | undefined {
    const given = this.text(name);
    if (given === undefined) return undefined;
    const isArgument = given !== '-' && !given.startsWith('@');
    const text = isArgument ? given : readInput(given === '-' ? 0 : given.slice(1), name);
    const { object, fault } = parseObject(text, uniqueKeys);
    if (object !== undefined) return object;
    if (!isArgument) throw new UsageError(`--${name}: ${given === '-' ? 'standard input' : given} ${fault}`);
    // The name of a file that is there is no secret.
    const advice = isFile(given) ? `; did you mean @${given}?` : `: what was given ${fault}`;
    throw new UsageError(`--${name} must be a JSON object, @file or -${advice}`);
  }

  #get(name: string): unknown {
    return this.#values[attributeOf(name)];
  }
}

function attributeOf(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The object that a text is, or what is the matter with it. */
function parseObject(text: string, uniqueKeys: boolean): { object?: JsonObject; fault?: string } {
  if (text.trim() === '') return { fault: 'is empty' };
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    return { fault: describeJsonError(text) };
  }
  const isObject = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  if (!isObject) return { fault: 'is JSON, but no object' };
  const { duplicateKey } = uniqueKeys ? inspectJson(text) : {};
  return duplicateKey === undefined
    ? { object: value as JsonObject }
    : { fault: `has the key ${shownName(duplicateKey)} twice` };
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The text of a file, or of standard input for 0. Throws {@link UsageError} when it can not be read, is too large or no UTF-8. */
export function readInput(source: string | 0, name: string): string {
  let content: Buffer;
  try {
    content = readFileSync(source);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
    throw new UsageError(`--${name}: can not read ${source === 0 ? 'standard input' : source} (${reason})`);
  }
  if (content.length > MAX_INPUT_BYTES) throw new UsageError(`--${name}: more than ${MAX_INPUT_BYTES} bytes`);
  try {
    // Takes away the mark that some editors put in front; what is damaged would otherwise be stored so.
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw new UsageError(`--${name}: ${source === 0 ? 'standard input' : source} is no UTF-8 text`);
  }
}
