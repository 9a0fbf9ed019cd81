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
export function normalizePairs(pairs: Pairs): Pairs {
  const written = new Map<string, string>();
  for (const key of Object.keys(pairs)) {
    // compat: the original's words.
    if (/\s/.test(key)) throw refusal(`credential key must not contain whitespace: ${quotedKey(key)}`);
    if (STEERING.test(key)) {
      throw refusal(`credential key must not contain control or invisible characters: ${quotedKey(key)}`);
    }
    const other = written.get(key.toLowerCase());
    if (other !== undefined) {
      throw refusal(`two keys differ only in upper and lower case: ${quotedKey(other)}, ${quotedKey(key)}`);
    }
    written.set(key.toLowerCase(), key);
  }
  return Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key.toLowerCase(), value]));
}

function refusal(text: string): Refusal {
  return new Refusal('invalid_request', `credential_pairs: ${text}`);
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
