import type { Scalar } from '@confidant/contract';
import { valueText } from '../../text/variables.js';
import { CommandError } from '../arguments/errors.js';
import type { Outcome } from './outcome.js';

/**
 * One value as it is, for `$(...)`: a line end after it on a terminal only. Servers store the keys of credentials in
 * lower case: where no key is exactly the one asked for, the only one that differs in case alone is meant. Throws
 * {@link CommandError} with the names of the keys there are; `what` has them.
 */
export function oneValue(what: string, pairs: Readonly<Record<string, unknown>>, key: string): Outcome {
  const keys = Object.keys(pairs);
  const alike = keys.filter((each) => each.toLowerCase() === key.toLowerCase());
  const meant = Object.hasOwn(pairs, key) ? key : alike.length === 1 ? alike[0] : undefined;
  if (meant === undefined) throw new CommandError(`${what} has no key ${key}; it has ${keys.join(', ') || 'none'}`);
  return { exitCode: 0, text: `${valueText(pairs[meant] as Scalar)}${process.stdout.isTTY ? '\n' : ''}` };
}
