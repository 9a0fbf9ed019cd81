import type { Credential } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import type { Archive } from '../ports/store.js';
import { audited, authorize } from './access.js';
import type { App, Caller } from './app.js';
import { refuseIfNameHeld, refuseTakenName } from './revisions.js';

/**
 * Moves a credential with all its revisions to the permanent archive; without `force` it only checks whether that would
 * work. Repeating it after an interruption completes the move.
 */
export async function archiveCredential(app: App, caller: Caller, id: string, force: boolean): Promise<void> {
  const resourceType = 'credential';
  await authorize(app, caller, { resourceType, action: 'archive', resourceId: id }, `archive credential ${id}`);
  await audited(
    app,
    caller,
    { action: force ? 'archive' : 'archive_dry_run', resourceType, resourceId: id },
    async (details) => {
      const { archive } = app;
      if (archive === undefined) {
        throw new Refusal('not_archivable', 'This server has no archive table: DYNAMODB_TABLE_ARCHIVE is not set.');
      }
      const found = await app.store.get('credential', id);
      if (found === 'other-kind') throw new Refusal('wrong_kind', 'id provided is not a credential.');
      if (found === 'absent') {
        if (force && (await archive.finish(id, app.clock.now()))) return;
        throw new Refusal('not_found', 'Credential not found.');
      }
      details.revision = found.revision;
      const obstacle = obstacleTo(found, await archive.mappings());
      if (obstacle === 'enabled') throw new Refusal('not_archivable', 'Credential still enabled');
      if (obstacle === 'mapped') throw new Refusal('not_archivable', 'Credential has mapped services');
      if (force) await moveToArchive(app, archive, found);
    },
  );
}

/** Why a credential may not be archived. compat: it may when it is disabled and no service maps it. */
export function obstacleTo(
  credential: Pick<Credential, 'id' | 'enabled'>,
  mappings: ReadonlyMap<string, readonly string[]>,
): 'enabled' | 'mapped' | undefined {
  if (credential.enabled) return 'enabled';
  return mappings.has(credential.id) ? 'mapped' : undefined;
}

/** @throws Refusal `write_conflict` when the credential was changed meanwhile; nothing was deleted then */
export async function moveToArchive(
  app: Pick<App, 'store' | 'clock' | 'metrics'>,
  archive: Archive,
  { id, revision }: Pick<Credential, 'id' | 'revision'>,
): Promise<void> {
  const count = (saved: boolean, deleted: boolean | undefined): void => {
    app.metrics.count(`archive.save.${saved ? 'success' : 'failure'}`);
    if (deleted !== undefined) app.metrics.count(`archive.delete.${deleted ? 'success' : 'failure'}`);
  };
  let outcome: 'ok' | 'conflict';
  try {
    outcome = await archive.move(id, revision, app.clock.now());
  } catch (error) {
    // The current row is deleted only after every copy was verified. If it is gone, only the deletion of the revisions
    // has failed.
    const isSaved = (await app.store.get('credential', id).catch(() => undefined)) === 'absent';
    count(isSaved, isSaved ? false : undefined);
    throw error;
  }
  count(true, outcome === 'ok');
  if (outcome === 'conflict') throw new Refusal('write_conflict');
}

/** @throws Refusal `wrong_kind` when a service or blind credential has the id of an archived credential */
export async function refuseOccupiedId({ store }: Pick<App, 'store'>, id: string): Promise<void> {
  if ((await store.get('credential', id)) !== 'other-kind') return;
  const text =
    'a service or blind credential has its id, so it cannot be restored; no server deletes that row by itself';
  throw new Refusal('wrong_kind', text);
}

/**
 * Puts an archived credential back; the archive keeps its copies.
 *
 * @throws Refusal `name_taken` when another credential has taken its name, `wrong_kind` when something else has its id
 */
export async function restoreFromArchive(
  app: Pick<App, 'names' | 'store' | 'metrics'>,
  archive: Archive,
  id: string,
): Promise<void> {
  try {
    await refuseOccupiedId(app, id);
    const name = (await archive.nameOf(id)) ?? '';
    await refuseTakenName(app, 'credential', name, id);
    let outcome = await archive.restore(id);
    if (outcome.status === 'name-taken') {
      await refuseIfNameHeld(app, 'credential', name, outcome.holder);
      outcome = await archive.restore(id, outcome.holder);
    }
    if (outcome.status === 'name-taken') throw new Refusal('write_conflict');
  } catch (error) {
    app.metrics.count('restore.save.failure');
    throw error;
  }
  app.metrics.count('restore.save.success');
}
