import { isDeepStrictEqual } from 'node:util';
import type { Scalar } from '@confidant/contract';
import { shownName } from '../../text/variables.js';
import { CommandError, UsageError } from '../arguments/errors.js';
import type { JsonInput } from '../arguments/input.js';
import type { Log } from '../terminal/log.js';
import { askValue } from '../terminal/prompt.js';

type Pairs<Value> = Readonly<Record<string, Value>>;

/** The options that give new pairs. */
type PairOptions = { credentialPairs: JsonInput | undefined; prompt: readonly string[] };

/**
 * The pairs of `--credential-pairs`, or those that a person types for `--prompt`. Rejects with {@link UsageError} for
 * what is not a JSON object, and for a key that occurs twice in it: one of its values would be lost silently.
 */
export async function readPairs(options: PairOptions): Promise<Record<string, Scalar> | undefined> {
  const pairs = options.credentialPairs?.read({ uniqueKeys: true }) as Record<string, Scalar> | undefined;
  if (pairs !== undefined) return pairs;
  const keys = options.prompt;
  if (keys.length === 0) return undefined;
  const asked: Record<string, Scalar> = {};
  for (const key of keys) asked[key] = await askValue(key);
  return asked;
}

/** Whether options give new pairs. */
export function setsPairs(options: PairOptions): boolean {
  return options.credentialPairs !== undefined || options.prompt.length > 0;
}

/** Warns of the keys that were lost because new pairs replace all old ones. `revert` is the command that undoes it. */
export function warnOfRemovedKeys(log: Log, before: readonly string[], after: readonly string[], revert: string): void {
  const removed = before.filter((key) => !after.includes(key));
  if (removed.length === 0) return;
  log.warning(`removed with the old pairs: ${removed.map(shownName).join(', ')} (${revert} undoes it)`);
}

/** The pairs as servers store them. Throws {@link UsageError} for two keys that are the same to a server. */
export function withLowerCaseKeys(pairs: Pairs<Scalar>): Record<string, Scalar> {
  const written = new Map<string, string>();
  for (const key of Object.keys(pairs)) {
    const other = written.get(key.toLowerCase());
    if (other !== undefined) {
      throw new UsageError(`two keys differ only in upper and lower case: ${shownName(other)}, ${shownName(key)}`);
    }
    written.set(key.toLowerCase(), key);
  }
  return Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key.toLowerCase(), value]));
}

/** Whether `--merge` or `--unset` keep the other pairs. Throws {@link UsageError} for `--merge` without new pairs. */
export function keepsOtherPairs(options: PairOptions & { merge: boolean; unset: readonly string[] }): boolean {
  if (options.merge && !setsPairs(options)) throw new UsageError('--merge needs --credential-pairs or --prompt');
  return options.merge || options.unset.length > 0;
}

/**
 * The old pairs with those of `set` and without the keys of `unset`; undefined when nothing changes. Throws
 * {@link UsageError} for a key that is both set and unset, and {@link CommandError} for a key to unset that does not
 * exist, or when no pair would remain. `isFirst`: in a repetition, an earlier attempt may have removed the key.
 */
export function mergePairs<Value>(
  old: Pairs<Value>,
  { set = {}, unset, isFirst }: { set?: Pairs<Value> | undefined; unset: readonly string[]; isFirst: boolean },
): Record<string, Value> | undefined {
  const both = unset.filter((key) => Object.hasOwn(set, key));
  if (both.length > 0) throw new UsageError(`the same key cannot be set and unset: ${both.map(shownName).join(', ')}`);
  const unknown = unset.filter((key) => !Object.hasOwn(old, key));
  if (isFirst && unknown.length > 0) throw new CommandError(`there is no key ${unknown.map(shownName).join(', ')}`);
  const merged = new Map([...Object.entries(old), ...Object.entries(set)]);
  for (const key of unset) merged.delete(key);
  if (merged.size === 0) throw new CommandError('no pair would remain, and a credential must have at least one');
  const isSame =
    merged.size === Object.keys(old).length && [...merged].every(([key, value]) => isDeepStrictEqual(old[key], value));
  return isSame ? undefined : Object.fromEntries(merged);
}
