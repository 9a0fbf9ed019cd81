import { isDeepStrictEqual } from 'node:util';
import type { BlindCredentialBody, BodyOf, JsonObject, Scalar } from '@confidant/contract';
import { encryptBlind, type EncryptionContext } from '@confidant/kmsauth';
import { contextsOf, openBlindCredential } from '../../sdk/blind-credentials.js';
import type { Connection } from '../../sdk/connect.js';
import { shellQuote } from '../../text/variables.js';
import { CommandError, UsageError } from '../arguments/errors.js';
import type { JsonInput } from '../arguments/input.js';
import { enabledOf } from '../changes/enabled.js';
import { keepsOtherPairs, mergePairs, readPairs, setsPairs, warnOfRemovedKeys } from '../changes/pairs.js';
import { resolveId } from '../changes/resolve-names.js';
import { retryOnConflict, type Attempt } from '../changes/retry-on-conflict.js';
import { revertToRevision } from '../changes/revert.js';
import { assertExpectedRevision, isApplied, sendChange, sendOrConfirm } from '../changes/unknown-outcome.js';
import type { Context } from '../context.js';
import { oneValue } from '../output/one-value.js';
import { success, type OpenedBlindCredential } from '../output/outcome.js';
import type { CommandOptions, Handlers } from './handler.js';

export const handlers: Handlers<'blind'> = {
  async create_blind_credential(context, options) {
    const connection = await context.connections.current();
    const keys = textMap(options.blindKeys?.read(), 'blind-keys');
    const contexts = encryptionContexts(options, Object.keys(keys))!;
    const body = {
      ...(await seal(connection, options, (await readPairs(options))!, keys, contexts)),
      name: options.name,
      metadata: { ...options.metadata?.read(), context: contexts },
      enabled: enabledOf(options) ?? true,
      ...documentationOf(options),
    };
    return success({ blind_credential: await connection.client.createBlindCredential(body) });
  },

  async update_blind_credential(context, options) {
    const keepsOthers = keepsOtherPairs(options);
    const changesPairs = keepsOthers || setsPairs(options);
    const blindKeys = options.blindKeys?.read();
    const keys = blindKeys && textMap(blindKeys, 'blind-keys');
    if (changesPairs && keys === undefined) throw new UsageError('new credential pairs need --blind-keys');
    const changesContext = options.groupContext !== undefined || options.blindContexts !== undefined;
    if (changesContext && !changesPairs) {
      throw new UsageError('a new context needs new --credential-pairs, because values are encrypted for one context');
    }
    const name = options.blindCredentialName;
    const id = await resolveId(await context.connections.client(), 'blind-credential', {
      id: options.id,
      name,
    });
    let pairs: ReturnType<typeof readPairs> | undefined;
    const change: BlindChange = {
      readPairs: () => (pairs ??= readPairs(options)),
      changesPairs,
      keys,
      changesContext,
    };
    const credential = keepsOthers
      ? await retryOnConflict(context.log, (attempt) => updateBlind(context, options, id, change, attempt))
      : await updateBlind(context, options, id, change);
    return success({ blind_credential: credential });
  },

  async get_blind_credential(context, options) {
    const key = options.key;
    if (key !== undefined && !options.decryptBlind) throw new UsageError('--key needs --decrypt-blind');
    const { client, region, kmsFor } = await context.connections.current();
    const name = options.name ?? options.blindCredentialName;
    const id = await resolveId(client, 'blind-credential', { id: options.id, name });
    const credential: OpenedBlindCredential = await client.getBlindCredential(id);
    if (options.decryptBlind) {
      const pairs = await openBlindCredential(credential, await region(), kmsFor);
      if (key !== undefined) return oneValue(`blind credential ${credential.name} (${id})`, pairs, key);
      credential.decrypted_credential_pairs = pairs;
    }
    return success({ blind_credential: credential });
  },

  async list_blind_credentials(context) {
    const client = await context.connections.client();
    return success({ blind_credentials: (await client.listBlindCredentials()).blind_credentials });
  },

  async revert_blind_credential(context, options) {
    const client = await context.connections.client();
    const name = options.blindCredentialName;
    const id = await resolveId(client, 'blind-credential', { id: options.id, name });
    const blind_credential = await revertToRevision({ client, log: context.log }, options, 'blind-credential', id, {
      revert: (revision, expecting) => client.revertBlindCredential(id, revision, expecting),
      read: () => client.getBlindCredential(id),
    });
    return success({ blind_credential });
  },
};

interface BlindChange {
  /** Reads the new pairs, once for all attempts. */
  readPairs: () => Promise<Record<string, Scalar> | undefined>;
  changesPairs: boolean;
  keys: Record<string, string> | undefined;
  changesContext: boolean;
}

/** Writes a new revision. With `merging`, the old pairs are decrypted here and kept except those that are set and unset. */
async function updateBlind(
  context: Context,
  options: CommandOptions<'update_blind_credential'>,
  id: string,
  { readPairs: read, changesPairs, keys, changesContext }: BlindChange,
  merging?: Attempt,
): Promise<BlindCredentialBody> {
  const connection = await context.connections.current();
  // Read first, so that an id that does not exist is reported before a person types values.
  const stored = await connection.client.getBlindCredential(id);
  const { isFirst, mayBeApplied } = merging ?? { isFirst: true, mayBeApplied: false };
  if (!mayBeApplied) assertExpectedRevision(options, stored.revision, { mayBeApplied });
  const storedContexts = contextsOf(stored.metadata);
  const contexts = keys && (encryptionContexts(options, Object.keys(keys)) ?? storedContexts);
  const lost = keys === undefined ? [] : Object.keys(stored.data_key).filter((each) => !Object.hasOwn(keys, each));
  if (changesPairs && lost.length > 0 && isFirst) {
    context.log.warning(
      `the credential can no longer be decrypted in ${lost.join(', ')}, because --blind-keys has no key there`,
    );
  }
  const metadata = options.metadata?.read();
  const name = options.name;
  const enabled = enabledOf(options);
  const boundContext = changesContext ? contexts : stored.metadata['context'];
  const fields: BodyOf<'updateBlindCredential'> = {
    ...((metadata !== undefined || changesContext) && {
      metadata: { ...(metadata ?? stored.metadata), context: boundContext },
    }),
    ...(name !== undefined && { name }),
    ...(enabled !== undefined && { enabled }),
    ...documentationOf(options),
  };
  const set = await read();
  let pairs = set;
  if (merging !== undefined) {
    const old: Record<string, Scalar> = await openBlindCredential(stored, await connection.region(), connection.kmsFor);
    const merged = mergePairs(old, { set, unset: options.unset, isFirst });
    const hasRegions = isDeepStrictEqual(Object.keys(keys!).toSorted(), Object.keys(stored.data_key).toSorted());
    if (!isFirst && merged === undefined && hasRegions && isApplied(stored, fields)) return stored;
    // Pairs that stay the same are encrypted too: the keys may be new.
    pairs = merged ?? old;
  }
  assertExpectedRevision(options, stored.revision, { mayBeApplied });
  const expected = merging === undefined ? options.expectedRevision : stored.revision;
  const body: BodyOf<'updateBlindCredential'> = {
    ...fields,
    ...(pairs !== undefined && (await seal(connection, options, pairs, keys!, contexts!))),
    ...(expected !== undefined && { expected_revision: expected }),
  };
  // Names of keys that were kept from the server are not sent now.
  if (merging && stored.credential_keys?.length === 0) body.credential_keys = [];
  const update = (): Promise<BlindCredentialBody> => connection.client.updateBlindCredential(id, body);
  if (merging !== undefined) return sendChange(update);
  const credential = await sendOrConfirm(expected, {
    change: update,
    read: () => connection.client.getBlindCredential(id),
    isDone: (now) => isApplied(now, body),
  });
  if (pairs !== undefined) {
    const revert = `revert_blind_credential --id ${shellQuote(id)}`;
    warnOfRemovedKeys(context.log, stored.credential_keys ?? [], Object.keys(pairs), revert);
  }
  return credential;
}

/** The options that say how pairs are encrypted. */
type CipherOptions = { cipherType: string; cipherVersion: number; storeKeys: boolean };

/** Encrypts pairs for each region of `keys`. Answers them with what the server stores about them. */
async function seal(
  { kmsFor }: Connection,
  options: CipherOptions,
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
  if (options.cipherVersion !== 2) throw new UsageError('--cipher-version can only be 2');
  return {
    // compat: scalars other than text are stored in their JSON form, as the original's client does.
    ...(await encryptBlind({ pairs: pairs as Record<string, string>, keys, contexts, kmsFor })),
    credential_keys: options.storeKeys ? Object.keys(pairs) : [],
    cipher_type: options.cipherType,
    cipher_version: 2,
  };
}

/** The contexts of `--group-context` for every region, or of `--blind-contexts`; undefined if neither was given. */
function encryptionContexts(
  options: { groupContext: JsonInput | undefined; blindContexts: JsonInput | undefined },
  regions: readonly string[],
): Record<string, EncryptionContext> | undefined {
  const group = options.groupContext?.read();
  if (group !== undefined) {
    const context = textMap(group, 'group-context');
    return Object.fromEntries(regions.map((region) => [region, context]));
  }
  const byRegion = options.blindContexts?.read();
  if (byRegion === undefined) return undefined;
  const contexts = contextsOf({ context: byRegion });
  if (Object.keys(contexts).length < Object.keys(byRegion).length) {
    throw new UsageError('--blind-contexts must map each region to an encryption context, an object of texts');
  }
  return contexts;
}

function textMap(map: JsonObject, option: string): Record<string, string> {
  if (Object.keys(map).length === 0 || !Object.values(map).every((value) => typeof value === 'string')) {
    throw new UsageError(`--${option} must map names to texts`);
  }
  return map as Record<string, string>;
}

function documentationOf(options: { documentation: string | undefined }): { documentation?: string } {
  const documentation = options.documentation;
  return documentation === undefined ? {} : { documentation };
}
