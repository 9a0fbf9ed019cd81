import type { BodyOf, CredentialBody, Scalar } from '@confidant/contract';
import { shellQuote, shownName } from '../../format/variables.js';
import { CommandError } from '../command-error.js';
import { oneValue, success } from '../outcome.js';
import type { Context } from '../context.js';
import type { Handler } from '../outcome.js';
import type { Given } from '../given.js';
import { idOf, idsOfNames } from '../names.js';
import type { Nameable } from '../names.js';
import { askValue } from '../prompt.js';
import { previousRevision, tellingRevision } from './history.js';

export const handlers: Record<string, Handler> = {
  async create_credential(context, given) {
    const body: BodyOf<'createCredential'> = {
      ...fieldsOf(given),
      name: given.needed('name'),
      credential_pairs: (await readPairs(given))!,
      enabled: given.enabled ?? true,
    };
    const credential = withoutValues(await (await context.client()).createCredential(body));
    // The answer shows no values: a mistyped key is seen here.
    context.log.info(`stored: ${Object.keys(body.credential_pairs).join(', ')}`);
    return success({ credential });
  },

  async update_credential(context, given) {
    const name = given.text('name');
    // A name that nobody has is told before a person types values.
    const id = await idOf(context, given, 'credential', 'id');
    const pairs = await readPairs(given);
    const { enabled } = given;
    const body: BodyOf<'updateCredential'> = {
      ...fieldsOf(given),
      ...(name === undefined ? {} : { name }),
      ...(pairs === undefined ? {} : { credential_pairs: pairs }),
      ...(enabled === undefined ? {} : { enabled }),
    };
    if (Object.keys(body).length === 0) throw new CommandError('No changes to make');
    const client = await context.client();
    // Only for the warning: who may not read it may still write.
    const before = pairs && (await client.getCredential(id, { metadataOnly: true }).catch(() => undefined));
    const credential = withoutValues(await client.updateCredential(id, body));
    warnOfGone(
      context,
      before?.credential_keys ?? [],
      credential.credential_keys,
      `revert_credential --id ${shellQuote(id)}`,
    );
    return success({ credential });
  },

  async get_credential(context, given) {
    const client = await context.client();
    const id = await idOrName(context, given, 'credential');
    const credential = await client.getCredential(id, { metadataOnly: given.flag('metadata-only') });
    const key = given.text('key');
    if (key !== undefined) return oneValue(`credential ${credential.name} (${id})`, credential.credential_pairs, key);
    return success({ credential });
  },

  async list_credentials(context, given) {
    return success(await (await context.client()).listCredentials(pageOf(given)));
  },

  async revert_credential(context, given) {
    const client = await context.client();
    const id = await idOf(context, given, 'credential', 'id');
    const revision = given.number('revision') ?? (await previousRevision(client, 'credential', id));
    context.log.info(`reverting credential ${id} to revision ${revision}`);
    const revert = (): Promise<CredentialBody> => client.revertCredential(id, revision);
    return success({ credential: await tellingRevision(client, 'credential', id, [revision], revert) });
  },
};

/** Where `--name` is no new name, it says which one too. Rejects as {@link idOf} does. */
export async function idOrName(context: Context, given: Given, kind: Nameable): Promise<string> {
  const name = given.text('name');
  if (name === undefined) return idOf(context, given, kind, 'id');
  return (await idsOfNames(await context.client(), kind, [name]))[0]!;
}

/** New pairs replace all the old ones: tells the keys that are not among them. `revert` is the way back. */
export function warnOfGone(
  { log }: Context,
  before: readonly string[],
  after: readonly string[],
  revert: string,
): void {
  const gone = before.filter((key) => !after.includes(key));
  if (gone.length > 0)
    log.warning(`gone with the old pairs: ${gone.map(shownName).join(', ')} (${revert} takes it all back)`);
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

/** The pairs as `--credential-pairs` gives them, or typed by a person for `--prompt`. */
export async function readPairs(given: Given): Promise<Record<string, Scalar> | undefined> {
  const pairs = given.json('credential-pairs') as Record<string, Scalar> | undefined;
  if (pairs !== undefined) return pairs;
  const keys = given.list('prompt');
  if (keys.length === 0) return undefined;
  const asked: Record<string, Scalar> = {};
  for (const key of keys) asked[key] = await askValue(key);
  return asked;
}

export function pageOf(given: Given): { limit?: number; page?: string } {
  const limit = given.number('limit');
  const page = given.text('page');
  return { ...(limit === undefined ? {} : { limit }), ...(page === undefined ? {} : { page }) };
}
