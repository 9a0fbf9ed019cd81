import { Refusal } from '../domain/refusal.js';
import type { Kind, Records } from '../domain/records.js';
import type { App } from './app.js';

/** Races lost in a row before the caller is told 409. */
const MAX_ATTEMPTS = 8;
/** Rows of later revisions that may stand in the way: leftovers of a crashed original, or services like `foo-7`. */
const MAX_OCCUPIED = 64;

/** Which revision a revert goes back to, and which one must be the current then; undefined: whichever is. */
export interface Revert {
  revision: number;
  expected?: number | undefined;
}

type Nameable = 'credential' | 'blind-credential';

/**
 * Writes one revision: reads, builds, writes in one transaction, and starts over when somebody else was faster.
 * `build` gets what is current ('absent' for a new thing) and returns the next revision, whose number and date are
 * set here; it validates, so that every attempt is judged by what it really replaces.
 *
 * Throws {@link Refusal} `write_conflict` after {@link MAX_ATTEMPTS} lost races, `name_taken` when the name is
 * another's, and whatever `build` throws.
 */
export async function writeRevision<K extends Kind>(
  app: App,
  kind: K,
  read: () => Promise<Records[K] | 'absent'>,
  build: (current: Records[K] | 'absent') => Promise<Records[K]>,
): Promise<Records[K]> {
  let occupied = 0;
  let takeFrom: string | undefined;
  for (let attempt = 0; attempt < MAX_ATTEMPTS && occupied < MAX_OCCUPIED; attempt++) {
    const current = await read();
    const draft = await build(current);
    const before = current === 'absent' ? 0 : current.revision;
    const next = { ...draft, revision: before + 1 + occupied, modifiedDate: app.clock.now() };
    const name = nameChange(kind, current, next);
    if (name !== undefined) await refuseTakenName(app, kind as Nameable, name.claim, next.id);
    const outcome = await app.store.putRevision<K>({
      kind,
      next,
      expected: current === 'absent' ? null : current.revision,
      ...(current !== 'absent' && 'lastDecryptedDate' in current && { decrypted: current.lastDecryptedDate }),
      ...(name && { name: { ...name, ...(takeFrom !== undefined && { takeFrom }) } }),
    });
    if (outcome.status === 'ok') return next;
    if (outcome.status === 'revision-exists') {
      // An occupied row is no lost race: the next number is tried at once.
      occupied += 1;
      attempt -= 1;
    } else if (outcome.status === 'name-taken') {
      await refuseIfCarried(app, kind as Nameable, name!.claim, outcome.holder);
      takeFrom = outcome.holder;
    } else {
      occupied = 0;
    }
  }
  throw new Refusal('write_conflict');
}

/**
 * For `build` of {@link writeRevision}, after the caller's rights were looked at. Throws {@link Refusal}
 * `write_conflict` when the change was made for another revision than the current one.
 */
export function refuseUnexpected(current: { revision: number } | 'absent', expected: number | undefined): void {
  const revision = current === 'absent' ? 0 : current.revision;
  if (expected === undefined || expected === revision) return;
  const now = current === 'absent' ? 'there is none' : `the current revision is ${revision}`;
  throw new Refusal('write_conflict', `expected_revision: ${now}. Read it again and repeat.`);
}

function nameChange<K extends Kind>(
  kind: K,
  current: Records[K] | 'absent',
  next: Records[K],
): { claim: string; release?: string } | undefined {
  if (kind === 'service') return undefined;
  const claim = (next as Records[Nameable]).name;
  const release = current === 'absent' ? undefined : (current as Records[Nameable]).name;
  if (claim === release) return undefined;
  return { claim, ...(release !== undefined && { release }) };
}

/** The claim in the store decides between our servers; this catches names that servers of the original gave. */
export async function refuseTakenName(
  app: Pick<App, 'names' | 'store'>,
  kind: Nameable,
  name: string,
  id: string,
): Promise<void> {
  for (const holder of await app.names.carriers(kind, name)) {
    if (holder !== id) await refuseIfCarried(app, kind, name, holder);
  }
}

/** For a holder of a claim, or a row an index named: throws {@link Refusal} `name_taken` if it really has the name. */
export async function refuseIfCarried(
  app: Pick<App, 'store'>,
  kind: Nameable,
  name: string,
  holder: string,
): Promise<void> {
  const row = await app.store.get<Nameable>(kind, holder);
  if (row !== 'absent' && row !== 'other-kind' && row.name === name) {
    // compat: the text carries the id too, because old clients show only the text.
    throw new Refusal('name_taken', `Name already exists. See id: ${holder}`, { reference: holder });
  }
}
