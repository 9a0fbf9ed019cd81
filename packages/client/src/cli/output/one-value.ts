import type { Scalar } from '@confidant/contract';
import { valueText } from '../../text/variables.js';
import { CommandError } from '../arguments/errors.js';
import type { Outcome } from './outcome.js';

/**
 * Prints one value as it is, for `$(...)`, with a line end on a terminal only. If no key matches exactly, a single key
 * that differs only in case is used, since servers store the keys of credentials in lower case. Throws
 * {@link CommandError} that lists the keys of `what`.
 */
export function oneValue(what: string, pairs: Readonly<Record<string, unknown>>, key: string): Outcome {
  const keys = Object.keys(pairs);
  const alike = keys.filter((each) => each.toLowerCase() === key.toLowerCase());
  const meant = Object.hasOwn(pairs, key) ? key : alike.length === 1 ? alike[0] : undefined;
  if (meant === undefined) throw new CommandError(`${what} has no key ${key}; it has ${keys.join(', ') || 'none'}`);
  return { exitCode: 0, text: `${valueText(pairs[meant] as Scalar)}${process.stdout.isTTY ? '\n' : ''}` };
}
