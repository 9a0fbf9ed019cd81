import { isDeepStrictEqual } from 'node:util';
import type { BlindCredentialBody, BodyOf, JsonObject, Scalar } from '@confidant/contract';
import { shellQuote } from '../../text/variables.js';
import { encryptBlind, type EncryptionContext } from '@confidant/kmsauth';
import { beginAgain, type Attempt } from '../changes/retry-on-conflict.js';
import type { Context } from '../context.js';
import { contextsOf, openBlindCredential } from '../../sdk/blind-credentials.js';
import type { Connection } from '../../sdk/connect.js';
import type { Given } from '../arguments/options.js';
import { findingItDone, holds, refuseOtherRevision, sendingChange } from '../changes/unknown-outcome.js';
import { idOf } from '../changes/resolve-names.js';
import { oneValue, success, type Handler, type OpenedBlindCredential } from '../output/outcome.js';
import { keepsOldPairs, mergePairs, readPairs, warnOfGone } from '../changes/pairs.js';
import { UsageError, CommandError } from '../arguments/errors.js';
import { idOrName } from './credentials.js';
import { revertTo } from './history.js';

export const handlers: Record<string, Handler> = {
  async create_blind_credential(context, given) {
    const connection = await context.connections.current();
    const keys = textMap(given, 'blind-keys')!;
    const contexts = givenContexts(given, Object.keys(keys))!;
    const body = {
      ...(await seal(connection, given, (await readPairs(given))!, keys, contexts)),
      name: given.needed('name'),
      metadata: { ...given.json('metadata'), context: contexts },
      enabled: given.enabled ?? true,
      ...documentationOf(given),
    };
    return success({ blind_credential: await connection.client.createBlindCredential(body) });
  },

  async update_blind_credential(context, given) {
    const keepsOld = keepsOldPairs(given);
    const changesPairs = keepsOld || given.text('credential-pairs') !== undefined || given.list('prompt').length > 0;
    const keys = textMap(given, 'blind-keys');
    if (changesPairs && keys === undefined) throw new UsageError('new credential pairs need --blind-keys');
    const isContextGiven = given.text('group-context') !== undefined || given.text('blind-contexts') !== undefined;
    if (isContextGiven && !changesPairs) {
      throw new UsageError('another context needs new --credential-pairs: the context is bound to what is encrypted');
    }
    const id = await idOf(context, given, 'blind-credential', 'id');
    let typed: ReturnType<typeof readPairs> | undefined;
    const change: BlindChange = { readPairs: () => (typed ??= readPairs(given)), changesPairs, keys, isContextGiven };
    const credential = keepsOld
      ? await beginAgain(context.log, (attempt) => updateBlind(context, given, id, change, attempt))
      : await updateBlind(context, given, id, change);
    return success({ blind_credential: credential });
  },

  async get_blind_credential(context, given) {
    const key = given.text('key');
    if (key !== undefined && !given.flag('decrypt-blind')) throw new UsageError('--key needs --decrypt-blind');
    const { client, region, kmsFor } = await context.connections.current();
    const id = await idOrName(context, given, 'blind-credential');
    const credential: OpenedBlindCredential = await client.getBlindCredential(id);
    if (given.flag('decrypt-blind')) {
      const pairs = await openBlindCredential(credential, await region(), kmsFor);
      if (key !== undefined) return oneValue(`blind credential ${credential.name} (${id})`, pairs, key);
      credential.decrypted_credential_pairs = pairs;
    }
    return success({ blind_credential: credential });
  },

  async list_blind_credentials(context) {
    const { blind_credentials: credentials } = await (await context.connections.client()).listBlindCredentials();
    return success({ blind_credentials: credentials });
  },

  async revert_blind_credential(context, given) {
    const client = await context.connections.client();
    const id = await idOf(context, given, 'blind-credential', 'id');
    const blind_credential = await revertTo(context, given, 'blind-credential', id, {
      revert: (revision, expecting) => client.revertBlindCredential(id, revision, expecting),
      read: () => client.getBlindCredential(id),
    });
    return success({ blind_credential });
  },
};

interface BlindChange {
  /** Asks once. */
  readPairs: () => Promise<Record<string, Scalar> | undefined>;
  changesPairs: boolean;
  keys: Record<string, string> | undefined;
  isContextGiven: boolean;
}

/** With `merging` the old pairs are opened here, and stay but for what is set and unset. */
async function updateBlind(
  context: Context,
  given: Given,
  id: string,
  { readPairs: read, changesPairs, keys, isContextGiven }: BlindChange,
  merging?: Attempt,
): Promise<BlindCredentialBody> {
  const connection = await context.connections.current();
  // One that nobody has is told before a person types values.
  const stored = await connection.client.getBlindCredential(id);
  const { isFirst, mayBeDone } = merging ?? { isFirst: true, mayBeDone: false };
  if (!mayBeDone) refuseOtherRevision(given, stored.revision, { mayBeDone });
  const storedContexts = contextsOf(stored.metadata);
  const contexts = keys === undefined ? undefined : (givenContexts(given, Object.keys(keys)) ?? storedContexts);
  const lost = keys === undefined ? [] : Object.keys(stored.data_key).filter((each) => !Object.hasOwn(keys, each));
  if (changesPairs && lost.length > 0 && isFirst) {
    context.log.warning(`it can not be decrypted in ${lost.join(', ')} any more: --blind-keys has no key for it`);
  }
  const metadata = given.json('metadata');
  const name = given.text('name');
  const { enabled } = given;
  const fields: BodyOf<'updateBlindCredential'> = {
    ...(metadata === undefined && !isContextGiven
      ? {}
      : {
          metadata: {
            ...(metadata ?? stored.metadata),
            context: isContextGiven ? contexts : stored.metadata['context'],
          },
        }),
    ...(name === undefined ? {} : { name }),
    ...(enabled === undefined ? {} : { enabled }),
    ...documentationOf(given),
  };
  const set = await read();
  let pairs = set;
  if (merging !== undefined) {
    const old: Record<string, Scalar> = await openBlindCredential(stored, await connection.region(), connection.kmsFor);
    const merged = mergePairs(old, { set, unset: given.list('unset'), isFirst });
    const hasRegions = isDeepStrictEqual(Object.keys(keys!).toSorted(), Object.keys(stored.data_key).toSorted());
    if (!isFirst && merged === undefined && hasRegions && holds(stored, fields)) return stored;
    // Encrypted also when they stay the same: the keys may be new.
    pairs = merged ?? old;
  }
  refuseOtherRevision(given, stored.revision, { mayBeDone });
  const expected = merging === undefined ? given.number('expected-revision') : stored.revision;
  const body: BodyOf<'updateBlindCredential'> = {
    ...fields,
    ...(pairs === undefined ? {} : await seal(connection, given, pairs, keys!, contexts!)),
    ...(expected === undefined ? {} : { expected_revision: expected }),
  };
  // Names of keys that were kept from the server stay so.
  if (merging && stored.credential_keys?.length === 0) body.credential_keys = [];
  const update = (): Promise<BlindCredentialBody> => connection.client.updateBlindCredential(id, body);
  if (merging !== undefined) return sendingChange(update);
  const credential = await findingItDone(expected, {
    change: update,
    read: () => connection.client.getBlindCredential(id),
    isDone: (now) => holds(now, body),
  });
  if (pairs !== undefined) {
    const revert = `revert_blind_credential --id ${shellQuote(id)}`;
    warnOfGone(context, stored.credential_keys ?? [], Object.keys(pairs), revert);
  }
  return credential;
}

/** The pairs, encrypted, and what the server stores about them. */
async function seal(
  { kmsFor }: Connection,
  given: Given,
  pairs: Record<string, Scalar>,
  keys: Record<string, string>,
  contexts: Record<string, EncryptionContext>,
): Promise<Omit<BodyOf<'createBlindCredential'>, 'name'>> {
  for (const [key, value] of Object.entries(pairs)) {
    const isScalar = value === null || ['string', 'number', 'boolean'].includes(typeof value);
    if (!isScalar) throw new UsageError(`the value of ${key} must be text, or a number JavaScript can hold`);
  }
  const without = Object.keys(keys).filter((region) => !Object.hasOwn(contexts, region));
  if (without.length > 0) throw new CommandError(`there is no encryption context for ${without.join(', ')}`);
  if (given.number('cipher-version') !== 2) throw new UsageError('--cipher-version can only be 2');
  return {
    // compat: other scalars than text are stored as JSON has them, as the original's client does.
    ...(await encryptBlind({ pairs: pairs as Record<string, string>, keys, contexts, kmsFor })),
    credential_keys: given.flag('store-keys') ? Object.keys(pairs) : [],
    cipher_type: given.needed('cipher-type'),
    cipher_version: 2,
  };
}

/** `--group-context` for every region, or `--blind-contexts` region by region; undefined when neither was given. */
function givenContexts(given: Given, regions: readonly string[]): Record<string, EncryptionContext> | undefined {
  const group = textMap(given, 'group-context');
  if (group !== undefined) return Object.fromEntries(regions.map((region) => [region, group]));
  const byRegion = given.json('blind-contexts');
  if (byRegion === undefined) return undefined;
  const contexts = contextsOf({ context: byRegion });
  if (Object.keys(contexts).length < Object.keys(byRegion).length) {
    throw new UsageError('--blind-contexts must map each region to an encryption context: names and texts');
  }
  return contexts;
}

function textMap(given: Given, name: string): Record<string, string> | undefined {
  const map: JsonObject | undefined = given.json(name);
  if (map === undefined) return undefined;
  if (Object.keys(map).length === 0 || !Object.values(map).every((value) => typeof value === 'string')) {
    throw new UsageError(`--${name} must map names to texts`);
  }
  return map as Record<string, string>;
}

function documentationOf(given: Given): { documentation?: string } {
  const documentation = given.text('documentation');
  return documentation === undefined ? {} : { documentation };
}
