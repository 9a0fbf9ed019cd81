import type { BlindCredentialBody, CredentialBody, ServiceBody } from '@confidant/contract';
import type { ConfidantClient } from '../../sdk/client.js';
import { ConfidantError } from '../../sdk/errors.js';
import type { Context } from '../context.js';
import { findingItDone, isConflict, lookingUp } from '../changes/unknown-outcome.js';
import { idOf } from '../changes/resolve-names.js';
import { CommandError } from '../arguments/errors.js';
import { success, type Handler } from '../output/outcome.js';
import type { Given } from '../arguments/options.js';

export const handlers: Record<string, Handler> = {
  async history(context, given) {
    const { kind, id } = await subjectOf(context, given);
    return success({ revisions: await revisionsOf(await context.connections.client(), kind, id) });
  },

  async diff(context, given) {
    const client = await context.connections.client();
    const { kind, id } = await subjectOf(context, given);
    let known: Revision[] | undefined;
    const revisions = async (): Promise<Revision[]> => (known ??= await revisionsOf(client, kind, id));
    const newer = given.number('new') ?? (await revisions())[0]!.revision;
    const older = given.number('old') ?? revisionBefore(await revisions(), id, newer);
    const compare = {
      credential: () => client.diffCredential(id, older, newer),
      service: () => client.diffService(id, older, newer),
      'blind-credential': async () =>
        diffBlind(context, id, (await revisions()) as BlindCredentialBody[], older, newer),
    }[kind];
    const diff = await tellingRevision<Record<string, unknown>>(client, kind, id, [older, newer], compare);
    return success({ diff: older > newer ? turned(diff) : diff, old: older, new: newer });
  },
};

/** Servers compare from the lower revision to the higher, whichever they were asked for as the old one. */
function turned(diff: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(diff).map(([field, change]) => {
      const { added, removed, ...more } = change as Record<string, unknown>;
      const other = {
        ...(removed === undefined ? {} : { added: removed }),
        ...(added === undefined ? {} : { removed: added }),
      };
      return [field, { ...other, ...more }];
    }),
  );
}

type Kind = 'credential' | 'blind-credential' | 'service';
type Revision = CredentialBody | BlindCredentialBody | ServiceBody;

async function subjectOf(context: Context, given: Given): Promise<{ kind: Kind; id: string }> {
  const service = given.text('service');
  if (service !== undefined) return { kind: 'service', id: service };
  const isBlind = ['blind-credential', 'blind-credential-name'].some((option) => given.text(option) !== undefined);
  const kind = isBlind ? 'blind-credential' : 'credential';
  return { kind, id: await idOf(context, given, kind, kind) };
}

/** All revisions of one thing, newest first. Throws {@link CommandError} when there is none. */
async function revisionsOf(client: ConfidantClient, kind: Kind, id: string): Promise<Revision[]> {
  const { revisions } = await {
    credential: () => client.getCredentialHistory(id),
    'blind-credential': () => client.getBlindCredentialHistory(id),
    service: () => client.getServiceHistory(id),
  }[kind]();
  if (revisions.length === 0) throw new CommandError(`${id} has no revisions`);
  const sortable: readonly Revision[] = revisions;
  return [...sortable].sort((a, b) => b.revision - a.revision);
}

/** The newest of `revisions`, which come newest first, before `than`, by default before the newest of all. */
function revisionBefore(revisions: readonly Revision[], id: string, than = Infinity): number {
  const limit = Math.min(than, revisions[0]!.revision);
  const previous = revisions.find(({ revision }) => revision < limit);
  if (previous === undefined) throw new CommandError(`${id} has no revision before ${limit}`);
  return previous.revision;
}

/**
 * What `work` answers. Where the server says 404 though there is such a thing, rejects with {@link CommandError} that
 * tells which of the revisions is missing: the server's own words are the same for both.
 */
async function tellingRevision<Answer>(
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
    if (known !== undefined) refuseMissing(known, kind, id, revisions);
    throw error;
  }
}

/**
 * Goes back to `--revision`, by default the newest before the current one, which then must still be the current, and
 * answers what `revert` answers. When its answer was lost and the repetition finds nothing to do, or another revision
 * than the expected one that is as it was to be, it was done: answers what `read` finds then. Rejects as
 * {@link tellingRevision} and {@link findingItDone}, and with {@link CommandError} that nothing was changed because
 * somebody else wrote since the current revision was looked up here.
 */
export async function revertTo<Answer extends { revision: number }>(
  context: Context,
  given: Given,
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
  const client = await context.connections.client();
  const known = given.number('revision') === undefined ? await revisionsOf(client, kind, id) : undefined;
  const revision = given.number('revision') ?? revisionBefore(known!, id);
  const newest = given.number('expected-revision') === undefined ? known?.[0]!.revision : undefined;
  const expectedRevision = given.number('expected-revision') ?? newest;
  context.log.info(`reverting ${kind.replace('-', ' ')} ${id} to revision ${revision}`);
  try {
    return await findingItDone(expectedRevision, {
      change: () => tellingRevision(client, kind, id, [revision], () => revert(revision, { expectedRevision })),
      read,
      isDone: (now) => areAlike(client, kind, id, [revision, now.revision]),
    });
  } catch (error) {
    if (!(error instanceof ConfidantError)) throw error;
    if (error.code === 'no_difference' && error.attempts > 1) return lookingUp(read);
    if (newest === undefined || !isConflict(error)) throw error;
    const now = await read().catch(() => undefined);
    throw new CommandError(`nothing was changed: ${describeOther(newest, now?.revision)}`, { cause: error });
  }
}

/** Why the newest revision of a history was not the current one. */
function describeOther(newest: number, current = newest): string {
  // Servers of the original that ended amid a write leave a revision that never became the current one.
  if (current < newest) {
    return `the current revision is ${current}, and the history goes on to ${newest}; say with --revision which one is meant`;
  }
  return `somebody ${current > newest ? `wrote revision ${current}` : 'changed it'} in between; run it again`;
}

/** Whether two revisions differ in nothing but who made them and when. Rejects where they can not be compared. */
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
      // Else the diff leaves the ciphertext out.
      const areShown = [old!, now!].every(({ credential_pairs: pairs }) => Object.keys(pairs).length > 0);
      const { diffBlindRevisions } = await import('../changes/blind-diff.js');
      return areShown ? diffBlindRevisions(old!, now!) : { unknown: true };
    },
  };
  if (older === newer) return false;
  const diff = await compare[kind]();
  return Object.keys(diff).every((field) => field === 'modified_by' || field === 'modified_date');
}

function refuseMissing(known: readonly Revision[], kind: Kind, id: string, revisions: readonly number[]): void {
  const missing = [...new Set(revisions)].filter((number) => !known.some(({ revision }) => revision === number));
  if (missing.length === 0) return;
  const what = { credential: 'Credential', 'blind-credential': 'Blind credential', service: 'Service' }[kind];
  const newest = known[0]!.revision;
  throw new CommandError(`${what} ${id} has no revision ${missing.join(' or ')}. The newest is ${newest}.`);
}

/** The server compares no blind credentials: what changed is found here, out of all revisions. Nothing is decrypted. */
async function diffBlind(
  context: Context,
  id: string,
  revisions: readonly BlindCredentialBody[],
  older: number,
  newer: number,
): Promise<Record<string, unknown>> {
  refuseMissing(revisions, 'blind-credential', id, [older, newer]);
  const numbered = (number: number): BlindCredentialBody => revisions.find(({ revision }) => revision === number)!;
  const pair = [numbered(Math.min(older, newer)), numbered(Math.max(older, newer))] as const;
  if (pair.some(({ credential_pairs: pairs }) => Object.keys(pairs).length === 0)) {
    context.log.warning('the regions are not compared: the server does not show you the ciphertext');
  }
  const { diffBlindRevisions } = await import('../changes/blind-diff.js');
  return diffBlindRevisions(...pair);
}
