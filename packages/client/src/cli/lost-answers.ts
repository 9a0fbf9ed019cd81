import { isDeepStrictEqual } from 'node:util';
import { ConfidantError } from '../errors.js';
import { CommandError } from './command-error.js';
import type { Given } from './given.js';

/** What the server shows of a thing that can be updated. */
type Shown = { revision: number } & Readonly<Record<string, unknown>>;

/** Whether somebody else changed the thing since it was read, or the request itself did and its answer was lost. */
export function isConflict(error: unknown): error is ConfidantError {
  return error instanceof ConfidantError && error.code === 'write_conflict';
}

/** Whether what is there is what an update's body asks for. */
export function holds(now: Shown, asked: Readonly<Record<string, unknown>>): boolean {
  const plain = (field: string, value: unknown): unknown =>
    // The server sorts them.
    field === 'credential_keys' && Array.isArray(value) ? (value as string[]).toSorted() : value;
  return Object.entries(asked).every(
    ([field, value]) =>
      field === 'expected_revision' || isDeepStrictEqual(plain(field, value), plain(field, now[field])),
  );
}

/**
 * `--expected-revision`, when another one may be the current. Throws {@link CommandError}: that it is, and nothing was
 * changed, or where an answer may have been lost, that nobody knows.
 */
export function refuseOtherRevision(given: Given, current: number, { mayBeDone }: { mayBeDone: boolean }): void {
  const expected = given.number('expected-revision');
  if (expected === undefined || expected === current) return;
  if (mayBeDone) throw unknownOutcome(current);
  throw new CommandError(
    `--expected-revision ${expected}: the current revision is ${current}, and nothing was changed`,
  );
}

/**
 * What `change` answers. When it expected a revision and is refused after an answer was lost, it may have been carried
 * out: answers what `read` finds if that is the revision after the expected one, and done by `isDone`, else throws
 * {@link CommandError}.
 */
export async function findingItDone<Thing extends { revision: number }>(
  expected: number | undefined,
  {
    change,
    read,
    isDone,
  }: { change: () => Promise<Thing>; read: () => Promise<Thing>; isDone: (now: Thing) => boolean | Promise<boolean> },
): Promise<Thing> {
  try {
    return await change();
  } catch (error) {
    if (expected === undefined || !isConflict(error) || error.attempts === 1) throw error;
    const now = await read();
    if (now.revision === expected + 1 && (await isDone(now))) return now;
    throw unknownOutcome(now.revision);
  }
}

function unknownOutcome(current: number): CommandError {
  return new CommandError(
    `nobody knows whether the change was made: an answer of the server may have been lost; the current revision is ${current} (see history)`,
  );
}
