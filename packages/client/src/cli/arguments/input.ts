import { readFileSync, statSync } from 'node:fs';
import type { JsonObject } from '@confidant/contract';
import { isPlainObject, parseJson } from '@confidant/contract/wire';
import { describeJsonError, inspectJson } from '../../text/json-syntax.js';
import { shownName } from '../../text/variables.js';
import { UsageError } from './errors.js';

/** Many times the secrets of one credential; a file that was named by mistake is often larger. */
const MAX_INPUT_BYTES = 4 * 1024 * 1024;

/** The value of a JSON option, which is read only when a command needs it. */
export class JsonInput {
  readonly #value: string;
  readonly #option: string;

  /** `value` is the JSON text itself, `@file`, or `-` for standard input; `option` is the long name of the option. */
  constructor(value: string, option: string) {
    this.#value = value;
    this.#option = option;
  }

  /**
   * The object. With `uniqueKeys` no key may occur twice in it; otherwise the last one counts. Throws {@link UsageError}
   * when it cannot be read or is not such an object; the message says where, and quotes none of it but a key.
   */
  read({ uniqueKeys = false }: { uniqueKeys?: boolean } = {}): JsonObject {
    const value = this.#value;
    const isArgument = value !== '-' && !value.startsWith('@');
    const text = isArgument ? value : readInput(value === '-' ? 0 : value.slice(1), this.#option);
    const { object, fault } = parseObject(text, uniqueKeys);
    if (object !== undefined) return object;
    if (!isArgument) throw new UsageError(`--${this.#option}: ${value === '-' ? 'standard input' : value} ${fault}`);
    // The name of an existing file is not a secret.
    if (isFile(value))
      throw new UsageError(`--${this.#option} must be a JSON object, @file or -; did you mean @${value}?`);
    throw new UsageError(`--${this.#option} ${fault}. Example: '{"key": "value"}', @file, or - for standard input`);
  }
}

/** Parses JSON text, or says what is wrong with it. */
function parseObject(text: string, uniqueKeys: boolean): { object?: JsonObject; fault?: string } {
  if (text.trim() === '') return { fault: 'is empty' };
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    return { fault: describeJsonError(text) };
  }
  if (!isPlainObject(value)) return { fault: 'is JSON, but not an object' };
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

/**
 * The text of a file, or of standard input for 0; `name` is the option that names it. Throws {@link UsageError} when it
 * cannot be read, is larger than 4 MiB, or is not UTF-8.
 */
export function readInput(source: string | 0, name: string): string {
  let content: Buffer;
  try {
    content = readFileSync(source);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
    throw new UsageError(`--${name}: cannot read ${source === 0 ? 'standard input' : source} (${reason})`);
  }
  if (content.length > MAX_INPUT_BYTES) throw new UsageError(`--${name}: more than ${MAX_INPUT_BYTES} bytes`);
  try {
    // Drops a byte order mark, and refuses damaged text, which would be stored as it is otherwise.
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw new UsageError(`--${name}: ${source === 0 ? 'standard input' : source} is not UTF-8 text`);
  }
}
