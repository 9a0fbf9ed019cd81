import { ExactNumber, type Scalar, STEERING } from '@confidant/contract';
import { Refusal } from './refusal.js';

/** Keys (lower case) and values of a credential, in clear. Never stored, logged or listed. */
export type Pairs = Readonly<Record<string, Scalar>>;

/**
 * The pairs as they are kept: keys in lower case (compat). Throws {@link Refusal} `invalid_request` for keys with white
 * space, control or invisible characters, and for keys that differ only in case, which the original merged silently (bug 18).
 */
export function normalizePairs(pairs: Pairs): Pairs {
  const entries = Object.entries(pairs).map(([key, value]) => [key.toLowerCase(), value] as const);
  for (const [key] of entries) {
    if (/\s/.test(key)) {
      throw new Refusal('invalid_request', 'credential_pairs: credential key must not contain whitespace');
    }
    if (STEERING.test(key)) {
      throw new Refusal(
        'invalid_request',
        'credential_pairs: credential key must not contain control or invisible characters',
      );
    }
  }
  if (new Set(entries.map(([key]) => key)).size < entries.length) {
    throw new Refusal('invalid_request', 'credential_pairs: two keys differ only in upper and lower case');
  }
  return Object.fromEntries(entries);
}

/** Same keys and same values, in any order. */
export function samePairs(left: Pairs, right: Pairs): boolean {
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && sameScalar(left[key]!, right[key]!))
  );
}

/** Equal as JSON writes them. */
export function sameScalar(left: Scalar, right: Scalar): boolean {
  if (left instanceof ExactNumber) return right instanceof ExactNumber && left.text === right.text;
  return left === right;
}
