import type { BodyOf, CredentialBody, Scalar } from '@confidant/contract';
import { CommandError, success } from '../outcome.js';
import type { Handler } from '../outcome.js';
import type { Given } from '../given.js';
import { idOf, idsOfNames } from '../names.js';
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
    return success({ credential: withoutValues(await (await context.client()).createCredential(body)) });
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
    const gone = before?.credential_keys.filter((key) => !credential.credential_keys.includes(key)) ?? [];
    if (gone.length > 0) {
      context.log.warning(
        `gone with the old pairs: ${gone.join(', ')} (revert_credential --id ${id} takes it all back)`,
      );
    }
    return success({ credential });
  },

  async get_credential(context, given) {
    const client = await context.client();
    const name = given.text('name');
    const id =
      name === undefined
        ? await idOf(context, given, 'credential', 'id')
        : (await idsOfNames(client, 'credential', [name]))[0]!;
    const options = { metadataOnly: given.flag('metadata-only') };
    return success({ credential: await client.getCredential(id, options) });
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
    ...(tags.length === 0 ? {} : { tags: [...tags] }),
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
