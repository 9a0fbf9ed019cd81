import type { BodyOf, CredentialBody, Scalar } from '@confidant/contract';
import { fitsVariable, shellQuote, shownName } from '../../text/variables.js';
import { beginAgain } from '../changes/retry-on-conflict.js';
import { CommandError } from '../arguments/errors.js';
import { oneValue, success, type Handler } from '../output/outcome.js';
import type { Context } from '../context.js';
import type { Given } from '../arguments/options.js';
import { findingItDone, holds, refuseOtherRevision, sendingChange } from '../changes/unknown-outcome.js';
import { idOf, idsOfNames, type Nameable } from '../changes/resolve-names.js';
import { inLowerCase, keepsOldPairs, mergePairs, readPairs, warnOfGone } from '../changes/pairs.js';
import { revertTo } from './history.js';

/** compat: the original's words. */
export const NO_CHANGES = 'No changes to make';

export const handlers: Record<string, Handler> = {
  async create_credential(context, given) {
    const body: BodyOf<'createCredential'> = {
      ...fieldsOf(given),
      name: given.needed('name'),
      credential_pairs: (await readPairs(given))!,
      enabled: given.enabled ?? true,
    };
    const credential = withoutValues(await (await context.connections.client()).createCredential(body));
    tellStored(context, credential, body.credential_pairs);
    return success({ credential });
  },

  async update_credential(context, given) {
    const name = given.text('name');
    const keepsOld = keepsOldPairs(given);
    // A name that nobody has is told before a person types values.
    const id = await idOf(context, given, 'credential', 'id');
    const pairs = await readPairs(given);
    const { enabled } = given;
    const expected = given.number('expected-revision');
    const body: BodyOf<'updateCredential'> = {
      ...fieldsOf(given),
      ...(name === undefined ? {} : { name }),
      ...(enabled === undefined ? {} : { enabled }),
      ...(expected === undefined ? {} : { expected_revision: expected }),
    };
    const client = await context.connections.client();
    if (keepsOld) {
      return success({ credential: await updateMerged(context, given, id, body, pairs) });
    }
    if (pairs !== undefined) body.credential_pairs = pairs;
    if (!changesAnything(body)) throw new CommandError(NO_CHANGES);
    // Only for the warning: who may not read it may still write.
    const before = pairs && (await client.getCredential(id, { metadataOnly: true }).catch(() => undefined));
    const credential = withoutValues(
      await findingItDone(expected, {
        change: () => client.updateCredential(id, body),
        read: () => client.getCredential(id, { metadataOnly: pairs === undefined }),
        isDone: (now) => holds(now, { ...body, ...(pairs && { credential_pairs: inLowerCase(pairs) }) }),
      }),
    );
    warnOfGone(
      context,
      before?.credential_keys ?? [],
      credential.credential_keys,
      `revert_credential --id ${shellQuote(id)}`,
    );
    if (pairs !== undefined) tellStored(context, credential, pairs);
    return success({ credential });
  },

  async get_credential(context, given) {
    const client = await context.connections.client();
    const id = await idOrName(context, given, 'credential');
    const credential = await client.getCredential(id, { metadataOnly: given.flag('metadata-only') });
    const key = given.text('key');
    if (key !== undefined) return oneValue(`credential ${credential.name} (${id})`, credential.credential_pairs, key);
    return success({ credential });
  },

  async list_credentials(context, given) {
    return success(await (await context.connections.client()).listCredentials(pageOf(given)));
  },

  async revert_credential(context, given) {
    const client = await context.connections.client();
    const id = await idOf(context, given, 'credential', 'id');
    const credential = await revertTo(context, given, 'credential', id, {
      revert: (revision, expecting) => client.revertCredential(id, revision, expecting),
      read: () => client.getCredential(id, { metadataOnly: true }),
    });
    return success({ credential });
  },
};

/** Where `--name` is no new name, it says which one too. Rejects as {@link idOf} does. */
export async function idOrName(context: Context, given: Given, kind: Nameable): Promise<string> {
  const name = given.text('name');
  if (name === undefined) return idOf(context, given, kind, 'id');
  return (await idsOfNames(await context.connections.client(), kind, [name]))[0]!;
}

/**
 * An update by which the old pairs stay but for those that are set and unset: what others change at the same time is
 * not lost. Nothing is written where all is as it is to be. Throws {@link CommandError} when the values are not shown to
 * the caller.
 */
async function updateMerged(
  context: Context,
  given: Given,
  id: string,
  body: BodyOf<'updateCredential'>,
  pairs: Record<string, Scalar> | undefined,
): Promise<CredentialBody> {
  const unset = given.list('unset').map((key) => key.toLowerCase());
  const set = pairs && inLowerCase(pairs);
  const client = await context.connections.client();
  return beginAgain(context.log, async ({ isFirst, mayBeDone }) => {
    const old = await client.getCredential(id);
    if (old.credential_keys.length > Object.keys(old.credential_pairs).length) {
      throw new CommandError(`the server does not show you the values of ${id}: they can not be kept by --merge`);
    }
    const merged = mergePairs(old.credential_pairs, { set, unset, isFirst });
    const change = { ...body, ...(merged === undefined ? {} : { credential_pairs: merged }) };
    // After an attempt whose answer was lost, it may be this very change that made the other revision.
    if (!mayBeDone) refuseOtherRevision(given, old.revision, { mayBeDone });
    if (holds(old, change)) {
      // Later on, what holds now may be this very change.
      if (isFirst) context.log.info(`nothing changes: revision ${old.revision} stays`);
      else tellStored(context, old, pairs);
      return withoutValues(old);
    }
    refuseOtherRevision(given, old.revision, { mayBeDone });
    const asked = { ...change, expected_revision: old.revision };
    const credential = await sendingChange(() => client.updateCredential(id, asked));
    tellStored(context, credential, pairs);
    return withoutValues(credential);
  });
}

/** The answer shows no values: a mistyped key is seen here, as the server stored it, and what `env` would fail for. */
function tellStored(
  { log }: Context,
  { credential_keys: keys }: CredentialBody,
  pairs: Readonly<Record<string, Scalar>> = {},
): void {
  log.info(`stored: ${keys.map(shownName).join(', ')}`);
  const unfit = Object.entries(pairs).filter(([key, value]) => !fitsVariable(key, value));
  if (unfit.length === 0) return;
  const names = unfit.map(([key]) => shownName(key.toLowerCase())).join(', ');
  log.warning(`no environment variable can hold ${names}: env and run will fail for services it is mapped to`);
}

function changesAnything(change: BodyOf<'updateCredential'>): boolean {
  return Object.keys(change).some((field) => field !== 'expected_revision');
}

/** What was typed without echo, or read from a file, is not shown on the terminal after all. */
function withoutValues(credential: CredentialBody): CredentialBody {
  return { ...credential, credential_pairs: {} };
}

function fieldsOf(given: Given): Pick<BodyOf<'updateCredential'>, 'documentation' | 'metadata' | 'tags'> {
  const documentation = given.text('documentation');
  const metadata = given.json('metadata');
  const tags = given.list('tags');
  return {
    ...(documentation === undefined ? {} : { documentation }),
    ...(metadata === undefined ? {} : { metadata }),
    // `--tags ''` takes all away: a tag is never empty.
    ...(tags.length === 0 ? {} : { tags: tags.filter((tag) => tag !== '') }),
  };
}

export function pageOf(given: Given): { limit?: number; page?: string } {
  const limit = given.number('limit');
  const page = given.text('page');
  return { ...(limit === undefined ? {} : { limit }), ...(page === undefined ? {} : { page }) };
}
