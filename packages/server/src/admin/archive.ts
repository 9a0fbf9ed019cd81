import { moveToArchive, obstacleTo, refuseOccupiedId, restoreFromArchive } from '../app/archive.js';
import { addDays } from '../domain/instant.js';
import type { CredentialMetadata } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import { createTables } from '../compose/store.js';
import type { Archive } from '../ports/store.js';
import { type AdminApp, withBackends } from './backends.js';
import { type AdminContext, AdminError, commas, type CommandGroup } from './command.js';
import { adminSettings } from './settings.js';

interface ArchiveOptions {
  days?: number;
  ids?: string[];
  force?: true;
}

/** `archive_credentials`, `restore_credentials` and `create_dynamodb_tables`. */
export const archiveCommands: CommandGroup = (program, context) => {
  program
    .command('archive_credentials')
    .description('move disabled credentials that no service maps to the archive, with all revisions')
    .option('--days <n>', 'credentials that have not changed for more than n days', wholeDays)
    .option('--ids <a,b>', 'credentials with these ids', commas)
    .option('--force', 'make the changes; without this, only show them')
    .action(async (options: ArchiveOptions) => {
      // compat: these texts, and that 0 days counts as no --days.
      if (options.days && options.ids) throw new AdminError('--days and --ids options are mutually exclusive');
      if (!options.days && !options.ids) throw new AdminError('Either --days or --ids options are required');
      await withBackends(context, (app) => archiveSelected(app, archiveOf(app), options));
    });

  program
    .command('restore_credentials')
    .description('copy archived credentials back; existing rows are left alone, and the archive keeps its copies')
    .option('--ids <a,b>', 'credentials with these ids', commas)
    .option('--all', 'all archived credentials')
    .option('--force', 'make the changes; without this, only show them')
    .action(async (options: { ids?: string[]; all?: true; force?: true }) => {
      if (!options.ids && !options.all) throw new AdminError('Either --ids or --all argument must be provided');
      await withBackends(context, async (app) => {
        const archive = archiveOf(app);
        const ids = options.ids ?? (await archive.ids());
        if (ids.length === 0) context.err('Nothing to restore: no credential is archived.\n');
        for (const id of ids) {
          await attempt(context, id, () => restoreOne(app, archive, id, options.force === true));
        }
      });
    });

  program
    .command('create_dynamodb_tables')
    .description('create the tables DYNAMODB_TABLE and, if set, DYNAMODB_TABLE_ARCHIVE, unless they exist')
    .action(async () => {
      const settings = await adminSettings(context);
      if (settings.kind === 'embedded')
        throw new AdminError('DYNAMODB_TABLE is not set, and the embedded server needs no tables');
      await createTables(settings);
      const tables = [settings.DYNAMODB_TABLE, settings.DYNAMODB_TABLE_ARCHIVE].filter((name) => name !== '');
      for (const table of tables) context.out(`Table ${table} exists.\n`);
    });

  async function archiveSelected(app: AdminApp, archive: Archive, options: ArchiveOptions): Promise<void> {
    // The mappings are read once for all credentials, before anything is deleted.
    const mappings = await archive.mappings();
    const selected = await candidates(app, options);
    if (selected.length === 0) {
      context.err(
        `Nothing to archive: no disabled credential has been unchanged for more than ${options.days} days.\n`,
      );
    }
    for (const [id, credential] of selected) {
      await attempt(context, id, () => archiveOne(app, archive, id, credential, mappings, options.force === true));
    }
  }

  async function archiveOne(
    app: AdminApp,
    archive: Archive,
    id: string,
    credential: CredentialMetadata | undefined,
    mappings: ReadonlyMap<string, readonly string[]>,
    force: boolean,
  ): Promise<void> {
    if (credential === undefined) {
      if (force && (await archive.finish(id, app.clock.now()))) {
        context.out(`Finished archiving credential ${id}, which had been interrupted\n`);
        return;
      }
      throw new AdminError('the credential does not exist');
    }
    const obstacle = obstacleTo(credential, mappings);
    if (obstacle === 'enabled') return context.out(`Skipping enabled credential ${id}\n`);
    if (obstacle === 'mapped') {
      return context.out(`Skipping credential ${id}, mapped by ${mappings.get(id)!.join(', ')}\n`);
    }
    const revisions = await app.store.getRevisions('credential', id, credential.revision);
    const rows = [id, ...revisions.map(({ revision }) => `${id}-${revision}`)].join(', ');
    if (!force) return context.out(`Would have archived credential and revisions: ${rows}\n`);
    context.out(`Archiving credential and revisions: ${rows}\n`);
    await moveToArchive(app, archive, credential);
  }

  async function restoreOne(app: AdminApp, archive: Archive, id: string, force: boolean): Promise<void> {
    // The dry run says so too.
    await refuseOccupiedId(app, id);
    const rows = await archive.missing(id);
    if (rows.length === 0) {
      if ((await archive.nameOf(id)) === undefined) throw new AdminError('it is not in the archive');
      // compat: standard output does not mention credentials that exist.
      return context.err(`Credential ${id}: nothing to restore, it exists with all revisions\n`);
    }
    if (!force) return context.out(`Would have restored credential and revisions: ${rows.join(', ')}\n`);
    context.out(`Restoring credential and revisions: ${rows.join(', ')}\n`);
    await restoreFromArchive(app, archive, id);
  }
};

/** The credentials that the options select, by id; undefined for an id without a credential. */
async function candidates(
  app: AdminApp,
  { days, ids }: ArchiveOptions,
): Promise<(readonly [id: string, credential: CredentialMetadata | undefined])[]> {
  if (ids) {
    const found = await app.store.getMany('credential', ids);
    return [...new Set(ids)].map((id) => [id, found.get(id)] as const);
  }
  const oldest = addDays(app.clock.now(), -days!);
  const { rows } = await app.store.list('credential', { archived: false });
  return rows
    .filter((row) => !row.enabled && row.modifiedDate !== null && row.modifiedDate < oldest)
    .map((row) => [row.id, row] as const);
}

/** Reports a failure without stopping, so that the other credentials are done too. The command then exits with 1. */
async function attempt(context: AdminContext, id: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const reason = error instanceof Refusal || error instanceof AdminError ? error.message : withCause(error);
    context.err(`Credential ${id}: ${reason}\n`);
    context.exitCode = 1;
  }
}

function withCause(error: Error): string {
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.message}${cause}`;
}

function archiveOf(app: AdminApp): Archive {
  if (app.archive === undefined) throw new AdminError('DYNAMODB_TABLE_ARCHIVE is not set, so there is no archive');
  return app.archive;
}

function wholeDays(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new AdminError('--days: expected a whole number', 2);
  return Number(text);
}
