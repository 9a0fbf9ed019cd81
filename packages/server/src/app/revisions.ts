import { randomInt } from 'node:crypto';
import type { Kind, Records } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import type { App } from './app.js';

/** A write gives up with 409 after losing this many races in a row. */
const MAX_ATTEMPTS = 8;
/**
 * Occupied rows of later revisions, leftovers of a crashed original or services like `foo-7`, are skipped one by one up to
 * this number, and then at random in ranges that double: nobody can occupy all rows that a write may try.
 */
const SKIPPED_IN_ORDER = 8;
/** A write gives up with 409 after finding this many occupied rows in a row; the last is tried some 500,000 further on. */
const MAX_OCCUPIED = 24;

/** The revision that a revert goes back to, and the one that must be current then; undefined allows any. */
export interface Revert {
  revision: number;
  expected?: number | undefined;
}

type NamedKind = 'credential' | 'blind-credential';

/**
 * Writes the first revision under a new id. Its number and date are set here.
 *
 * @throws Refusal `name_taken` when the name is another's
 */
export async function createRevision<K extends Kind>(app: App, kind: K, first: Records[K]): Promise<Records[K]> {
  const { next } = await updateRevision(
    app,
    kind,
    () => Promise.resolve(undefined),
    () => Promise.resolve({ next: first }),
  );
  return next;
}

/**
 * Writes the next revision: reads the current one, builds the next, writes it in one transaction, and starts over when
 * another writer was faster. `change` validates too, so that every attempt is judged by what it really replaces.
 *
 * @param read the current row; undefined where the first revision may be written as well
 * @param change returns the next row, whose number and date are set here, beside whatever else the caller wants back
 * @returns what the last `change` returned, with `next` as it was written
 * @throws Refusal `write_conflict` after {@link MAX_ATTEMPTS} lost races or when the rows stay contended, `name_taken` when the name is another's, and
 *   whatever `read` and `change` throw
 */
export async function updateRevision<K extends Kind, Current extends Records[K] | undefined, Change extends object>(
  app: App,
  kind: K,
  read: () => Promise<Current>,
  change: (current: Current) => Promise<{ next: Records[K] } & Change>,
): Promise<{ next: Records[K] } & Change> {
  let occupied = 0;
  let skipped = 0;
  let takeFrom: string | undefined;
  for (let attempt = 0; attempt < MAX_ATTEMPTS && occupied < MAX_OCCUPIED; attempt++) {
    const current = await read();
    const changed = await change(current);
    const revision = (current?.revision ?? 0) + 1 + skipped;
    const next = { ...changed.next, revision, modifiedDate: app.clock.now() };
    const nameChange = kind === 'service' ? undefined : nameChangeOf(kind, current, next);
    if (nameChange !== undefined) await refuseTakenName(app, nameChange.kind, nameChange.claim, next.id);
    const outcome = await app.store.putRevision<K>({
      kind,
      next,
      expected: current?.revision ?? null,
      ...(current !== undefined && 'lastDecryptedDate' in current && { decrypted: current.lastDecryptedDate }),
      ...(nameChange !== undefined && {
        name: {
          claim: nameChange.claim,
          ...(nameChange.release !== undefined && { release: nameChange.release }),
          ...(takeFrom !== undefined && { takeFrom }),
        },
      }),
    });
    if (outcome.status === 'ok') return { ...changed, next };
    if (outcome.status === 'contended') break;
    if (outcome.status === 'revision-exists') {
      // An occupied row is not a lost race: the next number is tried at once.
      occupied += 1;
      skipped = distanceAfter(occupied);
      attempt -= 1;
    } else if (outcome.status === 'name-taken') {
      if (nameChange !== undefined) await refuseIfNameHeld(app, nameChange.kind, nameChange.claim, outcome.holder);
      takeFrom = outcome.holder;
    } else {
      occupied = 0;
      skipped = 0;
    }
  }
  throw new Refusal('write_conflict');
}

/** How many numbers to skip after so many occupied rows. */
function distanceAfter(occupied: number): number {
  if (occupied <= SKIPPED_IN_ORDER) return occupied;
  const start = SKIPPED_IN_ORDER * 2 ** (occupied - SKIPPED_IN_ORDER - 1);
  return randomInt(start, 2 * start);
}

/**
 * For the `change` of {@link updateRevision}, after the caller's rights were checked.
 *
 * @throws Refusal `write_conflict` when the change was made for another revision than the current one
 */
export function refuseUnexpected(current: { revision: number } | undefined, expected: number | undefined): void {
  if (expected === undefined || expected === (current?.revision ?? 0)) return;
  const now = current === undefined ? 'there is none' : `the current revision is ${current.revision}`;
  throw new Refusal('write_conflict', `expected_revision: ${now}. Read it again and repeat.`);
}

/** @throws Refusal `invalid_request` when ENFORCE_DOCUMENTATION is set and there is no documentation */
export function refuseUndocumented(
  { enforceDocumentation }: Pick<App, 'enforceDocumentation'>,
  documentation: string | null | undefined,
): void {
  if (enforceDocumentation && !documentation) {
    throw new Refusal('invalid_request', 'documentation is a required field');
  }
}

/** The name that a write claims, and the one that it releases; undefined when the name stays. */
function nameChangeOf(
  kind: NamedKind,
  current: Records[Kind] | undefined,
  next: Records[Kind],
): { kind: NamedKind; claim: string; release: string | undefined } | undefined {
  const release = current === undefined ? undefined : nameOf(current);
  const claim = nameOf(next);
  return claim === undefined || claim === release ? undefined : { kind, claim, release };
}

function nameOf(row: Records[Kind]): string | undefined {
  return 'name' in row ? row.name : undefined;
}

/**
 * Refuses names that servers of the original have given to others. Among servers of this program, the claim in the
 * store decides.
 *
 * @throws Refusal `name_taken`
 */
export async function refuseTakenName(
  app: Pick<App, 'names' | 'store'>,
  kind: NamedKind,
  name: string,
  id: string,
): Promise<void> {
  for (const holder of await app.names.withName(kind, name)) {
    if (holder !== id) await refuseIfNameHeld(app, kind, name, holder);
  }
}

/**
 * Checks the row that holds a claim, or that an index named.
 *
 * @throws Refusal `name_taken` if the row really has the name
 */
export async function refuseIfNameHeld(
  app: Pick<App, 'store'>,
  kind: NamedKind,
  name: string,
  holder: string,
): Promise<void> {
  const row = await app.store.get<NamedKind>(kind, holder);
  if (row !== 'absent' && row !== 'other-kind' && row.name === name) {
    // compat: the text carries the id too, because old clients show only the text.
    throw new Refusal('name_taken', `Name already exists. See id: ${holder}`, { reference: holder });
  }
}
