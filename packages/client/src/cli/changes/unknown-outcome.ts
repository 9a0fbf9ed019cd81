import { isDeepStrictEqual } from 'node:util';
import { ConfidantError } from '../../sdk/errors.js';
import { CommandError } from '../arguments/errors.js';
import type { Given } from '../arguments/options.js';

/** What the server shows of a thing that can be updated. */
type Shown = { revision: number } & Readonly<Record<string, unknown>>;

/** Whether somebody else changed the thing since it was read, or the request itself did and its answer was lost. */
export function isConflict(error: unknown): error is ConfidantError {
  return error instanceof ConfidantError && error.code === 'write_conflict';
}

/** What may be refused at the second time and not at the first: rights end, gateways come in between, limits are reached. */
const MAY_COME_LATER = [401, 403, 404, 429];

/**
 * What `send`, which sends one change, answers. Rejects with {@link UnknownOutcome} where an answer may have been lost
 * before such a refusal: that tells nothing of the change.
 */
export async function sendingChange<Answer>(send: () => Promise<Answer>): Promise<Answer> {
  try {
    return await send();
  } catch (error) {
    const isLate = error instanceof ConfidantError && error.attempts > 1 && MAY_COME_LATER.includes(error.status ?? 0);
    throw isLate ? await asUnknown(error) : error;
  }
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
  if (mayBeDone) throw otherRevision(current);
  throw new CommandError(
    `--expected-revision ${expected}: the current revision is ${current}, and nothing was changed`,
  );
}

/**
 * What `change` answers. When it expected a revision and is refused after an answer was lost, it may have been carried
 * out: answers what `read` finds if that is the revision after the expected one, and done by `isDone`, else throws
 * {@link UnknownOutcome}, as {@link sendingChange} does.
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
    return await sendingChange(change);
  } catch (error) {
    if (!isConflict(error) || error.attempts === 1) throw error;
    if (expected === undefined) throw await asUnknown(error);
    const now = await lookingUp(read);
    if (now.revision === expected + 1 && (await lookingUp(() => isDone(now)))) return now;
    throw otherRevision(now.revision);
  }
}

/** What `look` finds of a change that may have been made. Rejects with {@link UnknownOutcome} where it fails. */
export async function lookingUp<Found>(look: () => Found | Promise<Found>): Promise<Found> {
  try {
    return await look();
  } catch (error) {
    throw await asUnknown(error);
  }
}

/** What is told instead of a failure that came after a change that may have been made: the failure is its cause. */
export async function asUnknown(error: unknown): Promise<UnknownOutcome> {
  if (error instanceof UnknownOutcome) return error;
  // Loaded only now: most commands fail seldom.
  const { describeError } = await import('../failures/describe-error.js');
  // Of this request alone it would say that nothing was changed.
  const reason = isConflict(error) ? error.message : describeError(error);
  return new UnknownOutcome(`and then ${reason}`, { cause: error });
}

function otherRevision(current: number): UnknownOutcome {
  return new UnknownOutcome(`and the current revision is ${current}`);
}

/** A change was sent more than once, and whether it was made can not be found out. */
export class UnknownOutcome extends CommandError {
  constructor(found: string, options?: ErrorOptions) {
    super(
      `nobody knows whether the change was made: an answer of the server may have been lost, ${found}; see history`,
      options,
    );
  }
}
