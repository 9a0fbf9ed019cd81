import type { BodyOf, CredentialBody, Scalar } from '@confidant/contract';
import { fitsVariable, shellQuote, shownName } from '../../text/variables.js';
import { CommandError } from '../arguments/errors.js';
import type { JsonInput } from '../arguments/input.js';
import { pageOf } from '../arguments/page.js';
import { enabledOf } from '../changes/enabled.js';
import { NoChanges } from '../changes/no-changes.js';
import { keepsOtherPairs, mergePairs, readPairs, warnOfRemovedKeys, withLowerCaseKeys } from '../changes/pairs.js';
import { resolveId } from '../changes/resolve-names.js';
import { retryOnConflict } from '../changes/retry-on-conflict.js';
import { revertToRevision } from '../changes/revert.js';
import { assertExpectedRevision, isApplied, sendChange, sendOrConfirm } from '../changes/unknown-outcome.js';
import type { Context } from '../context.js';
import { oneValue } from '../output/one-value.js';
import { success } from '../output/outcome.js';
import type { Log } from '../terminal/log.js';
import type { CommandOptions, Handlers } from './handler.js';

export const handlers: Handlers<'credentials'> = {
  async create_credential(context, options) {
    const body: BodyOf<'createCredential'> = {
      ...fieldsOf(options),
      name: options.name,
      credential_pairs: (await readPairs(options))!,
      enabled: enabledOf(options) ?? true,
    };
    const client = await context.connections.client();
    const credential = withoutValues(await client.createCredential(body));
    logStored(context.log, credential, body.credential_pairs);
    return success({ credential });
  },

  async update_credential(context, options) {
    const client = await context.connections.client();
    const keepsOthers = keepsOtherPairs(options);
    // Resolved first, so that a name that does not exist is reported before a person types values.
    const id = await resolveId(client, 'credential', { id: options.id, name: options.credentialName });
    const pairs = await readPairs(options);
    const name = options.name;
    const enabled = enabledOf(options);
    const expected = options.expectedRevision;
    const body: BodyOf<'updateCredential'> = {
      ...fieldsOf(options),
      ...(name !== undefined && { name }),
      ...(enabled !== undefined && { enabled }),
      ...(expected !== undefined && { expected_revision: expected }),
    };
    if (keepsOthers) return success({ credential: await updateMerged(context, options, id, body, pairs) });
    if (pairs !== undefined) body.credential_pairs = pairs;
    if (!changesAnything(body)) throw new NoChanges();
    // Read only for the warning: a caller who may not read it may still write it.
    const before = pairs && (await client.getCredential(id, { metadataOnly: true }).catch(() => undefined));
    const credential = withoutValues(
      await sendOrConfirm(expected, {
        change: () => client.updateCredential(id, body),
        read: () => client.getCredential(id, { metadataOnly: pairs === undefined }),
        isDone: (now) => isApplied(now, { ...body, ...(pairs && { credential_pairs: withLowerCaseKeys(pairs) }) }),
      }),
    );
    const revert = `revert_credential --id ${shellQuote(id)}`;
    warnOfRemovedKeys(context.log, before?.credential_keys ?? [], credential.credential_keys, revert);
    if (pairs !== undefined) logStored(context.log, credential, pairs);
    return success({ credential });
  },

  async get_credential(context, options) {
    const client = await context.connections.client();
    const name = options.name ?? options.credentialName;
    const id = await resolveId(client, 'credential', { id: options.id, name });
    const credential = await client.getCredential(id, { metadataOnly: options.metadataOnly });
    const key = options.key;
    if (key !== undefined) return oneValue(`credential ${credential.name} (${id})`, credential.credential_pairs, key);
    return success({ credential });
  },

  async list_credentials(context, options) {
    const client = await context.connections.client();
    return success(await client.listCredentials(pageOf(options)));
  },

  async revert_credential(context, options) {
    const client = await context.connections.client();
    const id = await resolveId(client, 'credential', { id: options.id, name: options.credentialName });
    const credential = await revertToRevision({ client, log: context.log }, options, 'credential', id, {
      revert: (revision, expecting) => client.revertCredential(id, revision, expecting),
      read: () => client.getCredential(id, { metadataOnly: true }),
    });
    return success({ credential });
  },
};

/**
 * Updates a credential but keeps the pairs that are neither set nor unset, with what others change at the same time.
 * Writes nothing if nothing would change. Rejects with {@link CommandError} when the caller may not read the values.
 */
async function updateMerged(
  context: Context,
  options: CommandOptions<'update_credential'>,
  id: string,
  body: BodyOf<'updateCredential'>,
  pairs: Record<string, Scalar> | undefined,
): Promise<CredentialBody> {
  const unset = options.unset.map((key) => key.toLowerCase());
  const set = pairs && withLowerCaseKeys(pairs);
  const client = await context.connections.client();
  return retryOnConflict(context.log, async ({ isFirst, mayBeApplied }) => {
    const old = await client.getCredential(id);
    if (old.credential_keys.length > Object.keys(old.credential_pairs).length) {
      throw new CommandError(`the server does not show you the values of ${id}, so --merge cannot keep them`);
    }
    const merged = mergePairs(old.credential_pairs, { set, unset, isFirst });
    const change = { ...body, ...(merged !== undefined && { credential_pairs: merged }) };
    // If an earlier attempt may have been applied, this very change may have made the unexpected revision.
    if (!mayBeApplied) assertExpectedRevision(options, old.revision, { mayBeApplied });
    if (isApplied(old, change)) {
      // In a repetition, an earlier attempt may have stored it.
      if (isFirst) context.log.info(`nothing to change: revision ${old.revision} is still the current one`);
      else logStored(context.log, old, pairs);
      return withoutValues(old);
    }
    assertExpectedRevision(options, old.revision, { mayBeApplied });
    const credential = await sendChange(() =>
      client.updateCredential(id, { ...change, expected_revision: old.revision }),
    );
    logStored(context.log, credential, pairs);
    return withoutValues(credential);
  });
}

/**
 * Logs the keys as the server stored them, since the output shows no values and a mistyped key is seen here, and warns
 * of values that `env` and `run` would fail for.
 */
function logStored(
  log: Log,
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

/** Values that were typed without echo, or read from a file, are not printed to the terminal. */
function withoutValues(credential: CredentialBody): CredentialBody {
  return { ...credential, credential_pairs: {} };
}

function fieldsOf(options: {
  documentation: string | undefined;
  metadata: JsonInput | undefined;
  tags: readonly string[];
}): Pick<BodyOf<'updateCredential'>, 'documentation' | 'metadata' | 'tags'> {
  const documentation = options.documentation;
  const metadata = options.metadata?.read();
  const tags = options.tags;
  return {
    ...(documentation !== undefined && { documentation }),
    ...(metadata !== undefined && { metadata }),
    // `--tags ''` removes all tags: a tag is never empty.
    ...(tags.length > 0 && { tags: tags.filter((tag) => tag !== '') }),
  };
}
