import { isDeepStrictEqual } from 'node:util';
import { ConfidantError } from '../../sdk/errors.js';
import { CommandError } from '../arguments/errors.js';

/** What the server shows of something that can be updated. */
type Shown = { revision: number } & Readonly<Record<string, unknown>>;

/** Somebody else changed it since it was read, or the request itself did, and its response was lost. */
export function isConflict(error: unknown): error is ConfidantError {
  return error instanceof ConfidantError && error.code === 'write_conflict';
}

/** Statuses that a repetition may get although the first attempt was carried out: rights end, limits are reached. */
const LATE_REFUSALS = [401, 403, 404, 429];

/**
 * Sends one change and answers its response. Rejects with {@link UnknownOutcome} where a repetition was refused: the
 * response to an earlier attempt may have been lost, and the refusal says nothing about that attempt.
 */
export async function sendChange<Answer>(send: () => Promise<Answer>): Promise<Answer> {
  try {
    return await send();
  } catch (error) {
    const isLate = error instanceof ConfidantError && error.attempts > 1 && LATE_REFUSALS.includes(error.status ?? 0);
    throw isLate ? await toUnknownOutcome(error) : error;
  }
}

/** Whether what the server shows now is what the body of an update asked for. */
export function isApplied(now: Shown, asked: Readonly<Record<string, unknown>>): boolean {
  const sorted = (field: string, value: unknown): unknown =>
    // The server sorts them.
    field === 'credential_keys' && Array.isArray(value) ? (value as string[]).toSorted() : value;
  return Object.entries(asked).every(
    ([field, value]) =>
      field === 'expected_revision' || isDeepStrictEqual(sorted(field, value), sorted(field, now[field])),
  );
}

/**
 * Checks `--expected-revision` against the `current` one. Throws {@link CommandError} if they differ, and
 * {@link UnknownOutcome} if an earlier attempt may have been applied.
 */
export function assertExpectedRevision(
  options: { expectedRevision: number | undefined },
  current: number,
  { mayBeApplied }: { mayBeApplied: boolean },
): void {
  const expected = options.expectedRevision;
  if (expected === undefined || expected === current) return;
  if (mayBeApplied) throw unknownAtRevision(current);
  throw new CommandError(
    `--expected-revision ${expected}: the current revision is ${current}, and nothing was changed`,
  );
}

/**
 * Sends a change that expects a revision. When a repetition meets a conflict, an earlier attempt may have been applied:
 * answers what `read` finds if that is the revision after the expected one and `isDone` accepts it. Rejects with
 * {@link UnknownOutcome} if it is not, and as {@link sendChange} does.
 */
export async function sendOrConfirm<Thing extends { revision: number }>(
  expected: number | undefined,
  {
    change,
    read,
    isDone,
  }: { change: () => Promise<Thing>; read: () => Promise<Thing>; isDone: (now: Thing) => boolean | Promise<boolean> },
): Promise<Thing> {
  try {
    return await sendChange(change);
  } catch (error) {
    if (!isConflict(error) || error.attempts === 1) throw error;
    if (expected === undefined) throw await toUnknownOutcome(error);
    const now = await lookUp(read);
    if (now.revision === expected + 1 && (await lookUp(() => isDone(now)))) return now;
    throw unknownAtRevision(now.revision);
  }
}

/** Answers what `read` finds of a change that may have been applied. Rejects with {@link UnknownOutcome} where it fails. */
export async function lookUp<Found>(read: () => Found | Promise<Found>): Promise<Found> {
  try {
    return await read();
  } catch (error) {
    throw await toUnknownOutcome(error);
  }
}

/** The error to report when `error`, its cause, followed a change that may have been applied. */
export async function toUnknownOutcome(error: unknown): Promise<UnknownOutcome> {
  if (error instanceof UnknownOutcome) return error;
  // Loaded only now: most commands do not fail.
  const { describeError } = await import('../failures/describe-error.js');
  // The description of a conflict would say that nothing was changed.
  const reason = isConflict(error) ? error.message : describeError(error);
  return new UnknownOutcome(`and then ${reason}`, { cause: error });
}

function unknownAtRevision(current: number): UnknownOutcome {
  return new UnknownOutcome(`and the current revision is ${current}`);
}

/** A change was sent more than once, and the client cannot find out whether it was made. */
export class UnknownOutcome extends CommandError {
  constructor(found: string, options?: ErrorOptions) {
    super(
      `it is unknown whether the change was made: a response of the server may have been lost, ${found}; see history`,
      options,
    );
  }
}
