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
 * `--expected-revision`, when another one may be the current. Throws {@link CommandError}: that it is, or after the
 * first attempt, whose answer may be lost, that nobody knows whether the change was made.
 */
export function refuseOtherRevision(given: Given, current: number, isFirst: boolean): void {
  const expected = given.number('expected-revision');
  if (expected === undefined || expected === current) return;
  if (!isFirst) throw unknownOutcome(current);
  throw new CommandError(`--expected-revision ${expected}: the current revision is ${current}`);
}

/**
 * What `update` answers. When it expected a revision and is refused after an answer was lost, it may have been carried
 * out: answers what `read` finds if that is what `asked` says, else throws {@link CommandError}.
 */
export async function findingItDone<Thing extends Shown>(
  asked: Readonly<Record<string, unknown>> & { expected_revision?: number | undefined },
  { update, read }: { update: () => Promise<Thing>; read: () => Promise<Thing> },
): Promise<Thing> {
  const expected = asked.expected_revision;
  try {
    return await update();
  } catch (error) {
    if (expected === undefined || !isConflict(error) || error.attempts === 1) throw error;
    const now = await read();
    if (now.revision === expected + 1 && holds(now, asked)) return now;
    throw unknownOutcome(now.revision);
  }
}

function unknownOutcome(current: number): CommandError {
  return new CommandError(
    `nobody knows whether the change was made: an answer of the server may have been lost; the current revision is ${current} (see history)`,
  );
}
