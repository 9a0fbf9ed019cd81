import type { BlindCredentialBody, CredentialBody, ServiceBody } from '@confidant/contract';
import type { ConfidantClient } from '../../sdk/client.js';
import { ConfidantError } from '../../sdk/errors.js';
import { CommandError } from '../arguments/errors.js';

/** What has revisions. */
export type Kind = 'credential' | 'blind-credential' | 'service';
export type Revision = CredentialBody | BlindCredentialBody | ServiceBody;

/** All revisions of one thing, newest first. Rejects with {@link CommandError} when there is none. */
export async function revisionsOf(client: ConfidantClient, kind: Kind, id: string): Promise<Revision[]> {
  const { revisions } = await {
    credential: () => client.getCredentialHistory(id),
    'blind-credential': () => client.getBlindCredentialHistory(id),
    service: () => client.getServiceHistory(id),
  }[kind]();
  if (revisions.length === 0) throw new CommandError(`${id} has no revisions`);
  const sortable: readonly Revision[] = revisions;
  return [...sortable].sort((a, b) => b.revision - a.revision);
}

/**
 * The newest revision before `than`, by default before the newest of all. `revisions` are sorted, newest first. Throws
 * {@link CommandError} when there is none.
 */
export function revisionBefore(revisions: readonly Revision[], id: string, than = Infinity): number {
  const limit = Math.min(than, revisions[0]!.revision);
  const previous = revisions.find(({ revision }) => revision < limit);
  if (previous === undefined) throw new CommandError(`${id} has no revision before ${limit}`);
  return previous.revision;
}

/**
 * Answers what `work` answers. If the server answers 404 although the thing exists, rejects with {@link CommandError} that
 * names the missing revision: the server's own text does not say which of the two is missing.
 */
export async function explainMissingRevision<Answer>(
  client: ConfidantClient,
  kind: Kind,
  id: string,
  revisions: readonly number[],
  work: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConfidantError) || error.status !== 404) throw error;
    const known = await revisionsOf(client, kind, id).catch(() => undefined);
    if (known !== undefined) assertRevisionsExist(known, kind, id, revisions);
    throw error;
  }
}

/** Throws {@link CommandError} if one of `revisions` is not among `known`, all revisions of one thing. */
export function assertRevisionsExist(
  known: readonly Revision[],
  kind: Kind,
  id: string,
  revisions: readonly number[],
): void {
  const missing = [...new Set(revisions)].filter((number) => !known.some(({ revision }) => revision === number));
  if (missing.length === 0) return;
  const what = { credential: 'Credential', 'blind-credential': 'Blind credential', service: 'Service' }[kind];
  const newest = known[0]!.revision;
  throw new CommandError(`${what} ${id} has no revision ${missing.join(' or ')}. The newest is ${newest}.`);
}
