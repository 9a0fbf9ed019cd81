import { isDeepStrictEqual } from 'node:util';
import type { Scalar } from '@confidant/contract';
import { shownName } from '../../text/variables.js';
import type { Context } from '../context.js';
import type { Given } from '../arguments/options.js';
import { askValue } from '../terminal/prompt.js';
import { UsageError, CommandError } from '../arguments/errors.js';

type Pairs<Value> = Readonly<Record<string, Value>>;

/**
 * The pairs as `--credential-pairs` gives them, or typed by a person for `--prompt`. Rejects with {@link UsageError} for
 * what is no JSON object, and for a key that it has twice: one of the values would be lost without a word.
 */
export async function readPairs(given: Given): Promise<Record<string, Scalar> | undefined> {
  const pairs = given.json('credential-pairs', { uniqueKeys: true }) as Record<string, Scalar> | undefined;
  if (pairs !== undefined) return pairs;
  const keys = given.list('prompt');
  if (keys.length === 0) return undefined;
  const asked: Record<string, Scalar> = {};
  for (const key of keys) asked[key] = await askValue(key);
  return asked;
}

/** New pairs replace all the old ones: tells the keys that are not among them. `revert` is the way back. */
export function warnOfGone(
  { log }: Context,
  before: readonly string[],
  after: readonly string[],
  revert: string,
): void {
  const gone = before.filter((key) => !after.includes(key));
  if (gone.length > 0)
    log.warning(`gone with the old pairs: ${gone.map(shownName).join(', ')} (${revert} takes it all back)`);
}

/** As servers store the keys of credentials. Throws {@link UsageError} for two that are the same to them. */
export function inLowerCase(pairs: Pairs<Scalar>): Record<string, Scalar> {
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

/** Whether `--merge` or `--unset` ask for the old pairs to stay. Throws {@link UsageError} for what fits no pairs. */
export function keepsOldPairs(given: Given): boolean {
  const setsPairs = given.text('credential-pairs') !== undefined || given.list('prompt').length > 0;
  if (given.flag('merge') && !setsPairs) throw new UsageError('--merge needs --credential-pairs or --prompt');
  return given.flag('merge') || given.list('unset').length > 0;
}

/**
 * The old pairs with what `--merge` sets and without what `--unset` takes away; undefined when nothing changes. Throws
 * {@link UsageError} for a key that is set and taken away, {@link CommandError} for one to take away that is not there,
 * and when no pair would stay. `isFirst`: at a repetition a key may have gone with the attempt before.
 */
export function mergePairs<Value>(
  old: Pairs<Value>,
  { set = {}, unset, isFirst }: { set?: Pairs<Value> | undefined; unset: readonly string[]; isFirst: boolean },
): Record<string, Value> | undefined {
  const both = unset.filter((key) => Object.hasOwn(set, key));
  if (both.length > 0) throw new UsageError(`${both.map(shownName).join(', ')}: set and unset at once`);
  const unknown = unset.filter((key) => !Object.hasOwn(old, key));
  if (isFirst && unknown.length > 0) throw new CommandError(`there is no key ${unknown.map(shownName).join(', ')}`);
  const merged = new Map([...Object.entries(old), ...Object.entries(set)]);
  for (const key of unset) merged.delete(key);
  if (merged.size === 0) throw new CommandError('no pair would stay: a credential has at least one');
  const isSame =
    merged.size === Object.keys(old).length && [...merged].every(([key, value]) => isDeepStrictEqual(old[key], value));
  return isSame ? undefined : Object.fromEntries(merged);
}
