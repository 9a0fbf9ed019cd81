import { ExactNumber, type Scalar, STEERING } from '@confidant/contract';
import { Refusal } from './refusal.js';

/** Keys (lower case) and values of a credential, in clear. Never stored, logged or listed. */
export type Pairs = Readonly<Record<string, Scalar>>;

/** Maximum length of a key in a message. */
const MAX_SHOWN = 64;

/**
 * The pairs in the form they are stored in: keys in lower case (compat).
 *
 * @throws Refusal `invalid_request` for keys with white space, control or invisible characters, and for keys that differ
 *   only in case, which the original merged silently (bug 18); it names the keys
 */
export function normalizePairs(pairs: Pairs, field = 'credential_pairs'): Pairs {
  const written = new Map<string, string>();
  for (const key of Object.keys(pairs)) {
    // compat: the original's words.
    if (/\s/.test(key)) throw refusal(field, `credential key must not contain whitespace: ${quotedKey(key)}`);
    if (STEERING.test(key)) {
      throw refusal(field, `credential key must not contain control or invisible characters: ${quotedKey(key)}`);
    }
    const other = written.get(key.toLowerCase());
    if (other !== undefined) {
      throw refusal(field, `two keys differ only in upper and lower case: ${quotedKey(other)}, ${quotedKey(key)}`);
    }
    written.set(key.toLowerCase(), key);
  }
  return Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key.toLowerCase(), value]));
}

function refusal(field: string, text: string): Refusal {
  return new Refusal('invalid_request', `${field}: ${text}`);
}

/** A change of a credential's pairs: all of them anew, or some of them. Keys as they are stored. */
export type PairsChange = { all: Pairs } | { set: Pairs; unset: readonly string[] };

/**
 * Reads what the body of an update says about pairs; undefined if it says nothing.
 *
 * @throws Refusal `invalid_request` for what {@link normalizePairs} refuses, for both kinds of change at once, and for a
 *   key that is set and unset
 */
export function pairsChange(input: {
  credential_pairs?: Pairs | undefined;
  set?: Pairs | undefined;
  unset?: readonly string[] | undefined;
}): PairsChange | undefined {
  if (input.set === undefined && input.unset === undefined) {
    return input.credential_pairs && { all: normalizePairs(input.credential_pairs) };
  }
  if (input.credential_pairs !== undefined) {
    throw refusal('set', 'send either credential_pairs, which replaces all pairs, or set and unset');
  }
  const set = normalizePairs(input.set ?? {}, 'set');
  const unset = (input.unset ?? []).map((key) => key.toLowerCase());
  const both = unset.find((key) => Object.hasOwn(set, key));
  if (both !== undefined) throw refusal('unset', `the key ${quotedKey(both)} is set as well`);
  return { set, unset };
}

/**
 * The pairs after a change of the stored ones.
 *
 * @throws Refusal `invalid_request` for an unset key that is not there, and if no pair is left
 */
export function appliedPairs(stored: Pairs, change: PairsChange): Pairs {
  if ('all' in change) return change.all;
  const missing = change.unset.find((key) => !Object.hasOwn(stored, key));
  if (missing !== undefined) throw refusal('unset', `there is no key ${quotedKey(missing)}`);
  const kept = Object.entries(stored).filter(([key]) => !change.unset.includes(key));
  const pairs = Object.fromEntries([...kept, ...Object.entries(change.set)]);
  // compat: the original's words.
  if (Object.keys(pairs).length === 0) throw refusal('unset', 'Credential Pairs cannot be empty.');
  return pairs;
}

/** The keys whose values a change writes. */
export function writtenKeys(change: PairsChange): string[] {
  return Object.keys('all' in change ? change.all : change.set);
}

/** A key for a message: bounded, in quotes, and without characters that terminals obey. Keys are not secret. */
function quotedKey(key: string): string {
  const short = key.length > MAX_SHOWN ? `${key.slice(0, MAX_SHOWN)}…` : key;
  const steering = new RegExp(STEERING, 'g');
  return JSON.stringify(short).replace(steering, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Whether two credentials have the same keys and values, in any order. */
export function samePairs(left: Pairs, right: Pairs): boolean {
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && sameScalar(left[key]!, right[key]!))
  );
}

/** Whether two values have the same JSON text. */
export function sameScalar(left: Scalar, right: Scalar): boolean {
  if (left instanceof ExactNumber) return right instanceof ExactNumber && left.text === right.text;
  return left === right;
}
