import type { BlindCredentialBody } from '@confidant/contract';
import type { ConfidantClient } from '../../sdk/client.js';
import { ConfidantError } from '../../sdk/errors.js';
import { CommandError } from '../arguments/errors.js';
import type { Log } from '../terminal/log.js';
import { revisionBefore, revisionsOf, explainMissingRevision, type Kind } from './revisions.js';
import { sendOrConfirm, isConflict, lookUp } from './unknown-outcome.js';

/**
 * Goes back to `--revision`, by default the newest before the current one, and answers what `revert` answers. If the
 * response was lost and the repetition finds nothing to do, or a new revision that is like the old one, the revert was
 * made: answers what `read` finds then. Rejects as {@link explainMissingRevision} and {@link sendOrConfirm} do, and with
 * {@link CommandError} if nothing was changed because somebody else wrote since the current revision was looked up here.
 */
export async function revertToRevision<Answer extends { revision: number }>(
  { client, log }: { client: ConfidantClient; log: Log },
  options: { revision: number | undefined; expectedRevision: number | undefined },
  kind: Kind,
  id: string,
  {
    revert,
    read,
  }: {
    revert: (revision: number, expecting: { expectedRevision?: number | undefined }) => Promise<Answer>;
    read: () => Promise<Answer>;
  },
): Promise<Answer> {
  const known = options.revision !== undefined ? undefined : await revisionsOf(client, kind, id);
  const revision = options.revision ?? revisionBefore(known!, id);
  const newest = options.expectedRevision !== undefined ? undefined : known?.[0]!.revision;
  const expectedRevision = options.expectedRevision ?? newest;
  log.info(`reverting ${kind.replace('-', ' ')} ${id} to revision ${revision}`);
  try {
    return await sendOrConfirm(expectedRevision, {
      change: () => explainMissingRevision(client, kind, id, [revision], () => revert(revision, { expectedRevision })),
      read,
      isDone: (now) => areAlike(client, kind, id, [revision, now.revision]),
    });
  } catch (error) {
    if (!(error instanceof ConfidantError)) throw error;
    if (error.code === 'no_difference' && error.attempts > 1) return lookUp(read);
    if (newest === undefined || !isConflict(error)) throw error;
    const now = await read().catch(() => undefined);
    throw new CommandError(`nothing was changed: ${describeConflict(newest, now?.revision)}`, { cause: error });
  }
}

/** Why the newest revision of the history is not the current one. */
function describeConflict(newest: number, current = newest): string {
  // A server of the original that stops in the middle of a write leaves a revision that never became the current one.
  if (current < newest) {
    return `the current revision is ${current}, and the history goes on to ${newest}; choose one with --revision`;
  }
  return `somebody ${current > newest ? `wrote revision ${current}` : 'changed it'} in between; run the command again`;
}

/** Whether two revisions differ only in who made them and when. Rejects where they cannot be compared. */
async function areAlike(
  client: ConfidantClient,
  kind: Kind,
  id: string,
  [older, newer]: readonly [number, number],
): Promise<boolean> {
  const compare: Record<Kind, () => Promise<Record<string, unknown>>> = {
    credential: () => client.diffCredential(id, older, newer),
    service: () => client.diffService(id, older, newer),
    'blind-credential': async () => {
      const revisions = (await revisionsOf(client, kind, id)) as BlindCredentialBody[];
      const [old, now] = [older, newer].map((number) => revisions.find(({ revision }) => revision === number)!);
      // Without the ciphertext the diff cannot tell whether the values are the same.
      const areShown = [old!, now!].every(({ credential_pairs: pairs }) => Object.keys(pairs).length > 0);
      const { diffBlindRevisions } = await import('./blind-diff.js');
      return areShown ? diffBlindRevisions(old!, now!) : { unknown: true };
    },
  };
  if (older === newer) return false;
  const diff = await compare[kind]();
  return Object.keys(diff).every((field) => field === 'modified_by' || field === 'modified_date');
}
