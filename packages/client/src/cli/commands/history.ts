import type { BlindCredentialBody } from '@confidant/contract';
import { resolveId } from '../changes/resolve-names.js';
import {
  assertRevisionsExist,
  explainMissingRevision,
  revisionBefore,
  revisionsOf,
  type Kind,
  type Revision,
} from '../changes/revisions.js';
import type { Context } from '../context.js';
import { success } from '../output/outcome.js';
import type { CommandOptions, Handlers } from './handler.js';

export const handlers: Handlers<'history'> = {
  async history(context, options) {
    const { kind, id } = await subjectOf(context, options);
    return success({ revisions: await revisionsOf(await context.connections.client(), kind, id) });
  },

  async diff(context, options) {
    const client = await context.connections.client();
    const { kind, id } = await subjectOf(context, options);
    let known: Revision[] | undefined;
    const revisions = async (): Promise<Revision[]> => (known ??= await revisionsOf(client, kind, id));
    const newer = options.new ?? (await revisions())[0]!.revision;
    const older = options.old ?? revisionBefore(await revisions(), id, newer);
    const compare = {
      credential: () => client.diffCredential(id, older, newer),
      service: () => client.diffService(id, older, newer),
      'blind-credential': async () =>
        diffBlind(context, id, (await revisions()) as BlindCredentialBody[], older, newer),
    }[kind];
    const diff = await explainMissingRevision<Record<string, unknown>>(client, kind, id, [older, newer], compare);
    return success({ diff: older > newer ? swapSides(diff) : diff, old: older, new: newer });
  },
};

/** Swaps the sides of a diff: servers compare from the lower revision to the higher, in whichever order they are asked. */
function swapSides(diff: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(diff).map(([field, change]) => {
      const { added, removed, ...more } = change as Record<string, unknown>;
      const other = {
        ...(removed !== undefined && { added: removed }),
        ...(added !== undefined && { removed: added }),
      };
      return [field, { ...other, ...more }];
    }),
  );
}

async function subjectOf(context: Context, options: CommandOptions<'history'>): Promise<{ kind: Kind; id: string }> {
  const service = options.service;
  if (service !== undefined) return { kind: 'service', id: service };
  const client = await context.connections.client();
  const blind = { id: options.blindCredential, name: options.blindCredentialName };
  if (blind.id !== undefined || blind.name !== undefined) {
    return { kind: 'blind-credential', id: await resolveId(client, 'blind-credential', blind) };
  }
  const credential = { id: options.credential, name: options.credentialName };
  return { kind: 'credential', id: await resolveId(client, 'credential', credential) };
}

/** Compares revisions of a blind credential, which the server does not do. Nothing is decrypted. */
async function diffBlind(
  context: Context,
  id: string,
  revisions: readonly BlindCredentialBody[],
  older: number,
  newer: number,
): Promise<Record<string, unknown>> {
  assertRevisionsExist(revisions, 'blind-credential', id, [older, newer]);
  const numbered = (number: number): BlindCredentialBody => revisions.find(({ revision }) => revision === number)!;
  const pair = [numbered(Math.min(older, newer)), numbered(Math.max(older, newer))] as const;
  if (pair.some(({ credential_pairs: pairs }) => Object.keys(pairs).length === 0)) {
    context.log.warning('the regions are not compared: the server does not show you the ciphertext');
  }
  const { diffBlindRevisions } = await import('../changes/blind-diff.js');
  return diffBlindRevisions(...pair);
}
