import { readFileSync, statSync } from 'node:fs';
import { parseJson } from '@confidant/contract/wire';
import type { JsonObject } from '@confidant/contract';
import { UsageError } from './usage-error.js';

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
   * The object of a JSON option: the text itself, `@file`, or `-` for standard input. Throws {@link UsageError} when it
   * can not be read or is no JSON object; the message holds none of it.
   */
  json(name: string): JsonObject | undefined {
    const given = this.text(name);
    if (given === undefined) return undefined;
    const text = given === '-' ? readInput(0, name) : given.startsWith('@') ? readInput(given.slice(1), name) : given;
    let value: unknown;
    try {
      value = parseJson(text);
    } catch {
      value = undefined;
    }
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
      // The name of a file that is there is no secret.
      const isPath = given !== '-' && !given.startsWith('@') && isFile(given);
      throw new UsageError(`--${name} must be a JSON object, @file or -${isPath ? `; did you mean @${given}?` : ''}`);
    }
    return value as JsonObject;
  }

  #get(name: string): unknown {
    return this.#values[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  }
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
