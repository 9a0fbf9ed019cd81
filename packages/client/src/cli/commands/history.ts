import type { ConfidantClient } from '../../client.js';
import { CommandError, success } from '../outcome.js';
import type { Handler } from '../outcome.js';
import type { Given } from '../given.js';

export const handlers: Record<string, Handler> = {
  async history(context, given) {
    const { kind, id } = subjectOf(given);
    return success({ revisions: await revisionsOf(await context.client(), kind, id) });
  },

  async diff(context, given) {
    const client = await context.client();
    const { kind, id } = subjectOf(given);
    const newer = given.number('new') ?? (await revisionsOf(client, kind, id))[0]!.revision;
    const older = given.number('old') ?? (await previousRevision(client, kind, id, newer));
    const diff =
      kind === 'service' ? await client.diffService(id, older, newer) : await client.diffCredential(id, older, newer);
    return success({ diff, old: older, new: newer });
  },
};

type Kind = 'credential' | 'blind-credential' | 'service';

function subjectOf(given: Given): { kind: Kind; id: string } {
  const kinds: readonly Kind[] = ['credential', 'blind-credential', 'service'];
  const kind = kinds.find((name) => given.text(name) !== undefined)!;
  return { kind, id: given.needed(kind) };
}

/** All revisions of one thing, newest first. Throws {@link CommandError} when there is none. */
async function revisionsOf(
  client: ConfidantClient,
  kind: Kind,
  id: string,
): Promise<{ revision: number; [field: string]: unknown }[]> {
  const { revisions } = await {
    credential: () => client.getCredentialHistory(id),
    'blind-credential': () => client.getBlindCredentialHistory(id),
    service: () => client.getServiceHistory(id),
  }[kind]();
  if (revisions.length === 0) throw new CommandError(`${id} has no revisions`);
  const sortable: readonly { revision: number }[] = revisions;
  return [...sortable].sort((a, b) => b.revision - a.revision);
}

/** The newest revision before `than`, by default before the current. Numbers may have gaps. */
export async function previousRevision(
  client: ConfidantClient,
  kind: Kind,
  id: string,
  than = Infinity,
): Promise<number> {
  const revisions = await revisionsOf(client, kind, id);
  const limit = Math.min(than, revisions[0]!.revision);
  const previous = revisions.find(({ revision }) => revision < limit);
  if (previous === undefined) throw new CommandError(`${id} has no revision before ${limit}`);
  return previous.revision;
}
