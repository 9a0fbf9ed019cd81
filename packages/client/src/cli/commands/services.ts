import { compareCodePoints } from '@confidant/contract/wire';
import type { BodyOf } from '@confidant/contract';
import { KmsUnavailable } from '@confidant/kmsauth/sender';
import { AwsSessionError } from '../../sdk/aws-session.js';
import { BlindCredentialError } from '../../sdk/blind-credentials.js';
import { ConfidantError, ConfigError } from '../../sdk/errors.js';
import { CommandError } from '../arguments/errors.js';
import { pageOf } from '../arguments/page.js';
import { enabledOf } from '../changes/enabled.js';
import { NoChanges } from '../changes/no-changes.js';
import { resolveId, resolveNames } from '../changes/resolve-names.js';
import { retryOnConflict, type Attempt } from '../changes/retry-on-conflict.js';
import { revertToRevision } from '../changes/revert.js';
import { sendChange } from '../changes/unknown-outcome.js';
import type { Context } from '../context.js';
import { decryptBlind } from '../decrypt-service.js';
import { adviseUnauthorized } from '../failures/advise-unauthorized.js';
import { describeError } from '../failures/describe-error.js';
import { fetchService } from '../offline-copy.js';
import { failure, success, type Outcome } from '../output/outcome.js';
import type { Log } from '../terminal/log.js';
import type { Handlers } from './handler.js';

export const handlers: Handlers<'services'> = {
  async get_service(context, options) {
    const connection = await context.connections.current();
    const id = options.service;
    try {
      if (options.metadataOnly) {
        return success({ service: await connection.client.getService(id, { metadataOnly: true }) });
      }
      const { service, offline } = await fetchService(context, id);
      if (options.decryptBlind) await decryptBlind(service, connection).catch(suggestNoDecryptBlind);
      return success({ service, ...(offline !== undefined && { offline_copy: offline }) });
    } catch (error) {
      const status = error instanceof ConfidantError && !error.foreign ? error.status : undefined;
      if (status === 404) {
        // compat: a service that does not exist is a success without `service`.
        context.log.warning(`there is no service ${id}`);
        return success();
      }
      if (status === 403) {
        context.log.error(describeError(error));
        await adviseUnauthorized(context, error);
        return failure((error as ConfidantError).body);
      }
      throw error;
    }
  },

  async list_services(context, options) {
    const client = await context.connections.client();
    const credential = { id: options.credential, name: options.credentialName };
    if (credential.id !== undefined || credential.name !== undefined) {
      const id = await resolveId(client, 'credential', credential);
      const found = await client.getCredentialServices(id);
      if (found.services.length === 0 && credential.id !== undefined)
        await assertExists(client.getCredential(id, { metadataOnly: true }));
      return success(found);
    }
    const blind = { id: options.blindCredential, name: options.blindCredentialName };
    if (blind.id !== undefined || blind.name !== undefined) {
      const id = await resolveId(client, 'blind-credential', blind);
      const found = await client.getBlindCredentialServices(id);
      if (found.services.length === 0 && blind.id !== undefined) await assertExists(client.getBlindCredential(id));
      return success(found);
    }
    return success(await client.listServices(pageOf(options)));
  },

  async map(context, options) {
    const enabled = enabledOf(options);
    const account = options.account;
    const added = await chosenIds(context, options);
    return changeService(context, options.service, {
      mayCreate: true,
      credentials: (ids) => [...ids, ...added.credentials],
      blindCredentials: (ids) => [...ids, ...added.blindCredentials],
      ...(enabled !== undefined && { enabled }),
      ...(account !== undefined && { account: account === '' ? null : account }),
    });
  },

  // compat: prints no service, unless its id is asked for. One that does not exist is created, as by `map`.
  async add_creds(context, options) {
    const added = await requiredIds(context, options);
    const outcome = await changeService(context, options.serviceId, {
      mayCreate: true,
      credentials: (ids) => [...ids, ...added.credentials],
      blindCredentials: (ids) => [...ids, ...added.blindCredentials],
    });
    return context.globals.output === 'id' ? outcome : success();
  },

  async remove_creds(context, options) {
    const without = (removed: readonly string[]) => (ids: readonly string[]) =>
      ids.filter((id) => !removed.includes(id));
    const removed = await requiredIds(context, options);
    const id = options.serviceId;
    const outcome = await changeService(context, id, {
      mayCreate: false,
      credentials: without(removed.credentials),
      blindCredentials: without(removed.blindCredentials),
      // This is a success, but shows a mistyped id.
      whenUnchanged: () => context.log.warning(`nothing to remove: none of these credentials is mapped to ${id}`),
    });
    return context.globals.output === 'id' ? outcome : success();
  },

  async revert_service(context, options) {
    const client = await context.connections.client();
    const id = options.id;
    const service = await revertToRevision({ client, log: context.log }, options, 'service', id, {
      revert: (revision, expecting) => client.revertService(id, revision, expecting),
      read: () => client.getService(id, { metadataOnly: true }),
    });
    return success({ service });
  },
};

/**
 * Rejects with the ConfidantError of a 404: the server answers an empty list both for what nothing uses and for what does
 * not exist. Other failures are ignored: a caller may be allowed to list and not to read.
 */
async function assertExists(reading: Promise<unknown>): Promise<void> {
  await reading.catch((error: unknown) => {
    if (error instanceof ConfidantError && error.status === 404) throw error;
  });
}

/** The options that name credentials of both kinds, by id and by name. */
type IdOptions = {
  credIds: readonly string[];
  credNames: readonly string[];
  blindCredIds: readonly string[];
  blindCredNames: readonly string[];
};

interface Ids {
  credentials: readonly string[];
  blindCredentials: readonly string[];
}

async function chosenIds(context: Context, options: IdOptions): Promise<Ids> {
  const client = await context.connections.client();
  const [named, namedBlind] = await Promise.all([
    resolveNames(client, 'credential', options.credNames, '--blind-cred-names'),
    resolveNames(client, 'blind-credential', options.blindCredNames, '--cred-names'),
  ]);
  return {
    credentials: [...options.credIds, ...named],
    blindCredentials: [...options.blindCredIds, ...namedBlind],
  };
}

/**
 * compat: a command without any id fails. Ids that change nothing are not a failure, so that a command may be run again.
 */
async function requiredIds(context: Context, options: IdOptions): Promise<Ids> {
  const ids = await chosenIds(context, options);
  if (ids.credentials.length + ids.blindCredentials.length === 0) throw new NoChanges();
  return ids;
}

/** Decryption needs AWS credentials, a region and a right; the rest of the service can be read without them. */
function suggestNoDecryptBlind(error: unknown): never {
  const isBlind = error instanceof BlindCredentialError;
  const isMissing = [ConfigError, KmsUnavailable, AwsSessionError].some((kind) => error instanceof kind);
  if (!isBlind && !isMissing) throw error;
  const what = isBlind ? '' : 'the blind credentials cannot be decrypted: ';
  const advice = '--no-decrypt-blind reads the service without decrypting them';
  throw new CommandError(`${what}${describeError(error)}; ${advice}`, { cause: error });
}

interface ServiceChange {
  /** Whether a service that does not exist is created; otherwise it is an error. */
  mayCreate: boolean;
  credentials(ids: readonly string[]): readonly string[];
  blindCredentials(ids: readonly string[]): readonly string[];
  enabled?: boolean;
  account?: string | null;
  /** Called when the service needs no change. */
  whenUnchanged?(): void;
}

/** The names that the server accepts for a new service. Checked here because some proxies treat a slash as a path. */
const SERVICE_NAME = /^[\w+=,.@:-]+$/;

/**
 * Reads a service and writes it with a change; writes nothing if nothing would change, and logs a service that it
 * creates. Keeps what others map to the service at the same time.
 */
function changeService(context: Context, id: string, change: ServiceChange): Promise<Outcome> {
  const known: { wasThere?: boolean } = {};
  return retryOnConflict(context.log, (attempt) => changeServiceOnce(context, id, change, attempt, known));
}

async function changeServiceOnce(
  context: Context,
  id: string,
  change: ServiceChange,
  { isFirst, mayBeApplied }: Attempt,
  /** Shared by the attempts: whether the first one found the service. */
  known: { wasThere?: boolean },
): Promise<Outcome> {
  const client = await context.connections.client();
  const service = await client.getService(id, { metadataOnly: true }).catch((error: unknown) => {
    if (error instanceof ConfidantError && error.status === 404 && !error.foreign && change.mayCreate) return undefined;
    throw error;
  });
  known.wasThere ??= service !== undefined;
  if (service === undefined && !SERVICE_NAME.test(id)) {
    throw new CommandError(
      `${id} is not a valid service name: use the name of its IAM role (letters, digits and +=,.@:_-)`,
    );
  }
  const before = {
    account: service?.account ?? null,
    enabled: service?.enabled ?? true,
    credentials: sortedIds(service?.credentials.map((credential) => credential.id) ?? []),
    blind_credentials: sortedIds(service?.blind_credentials.map((credential) => credential.id) ?? []),
  } satisfies BodyOf<'putService'>;
  const after = {
    account: change.account === undefined ? before.account : change.account,
    enabled: change.enabled ?? before.enabled,
    credentials: sortedIds(change.credentials(before.credentials)),
    blind_credentials: sortedIds(change.blindCredentials(before.blind_credentials)),
  } satisfies BodyOf<'putService'>;
  if (service !== undefined && JSON.stringify(before) === JSON.stringify(after)) {
    if (isFirst) change.whenUnchanged?.();
    if (mayBeApplied && !known.wasThere) logCreated(context.log, id);
    return success({ service });
  }
  const body = { ...after, expected_revision: service?.revision ?? 0 };
  const written = await sendChange(() => client.putService(id, body));
  if (!known.wasThere && (mayBeApplied || written.revision === 1)) logCreated(context.log, id);
  return success({ service: written });
}

/** A mistyped name creates a service: this line is the only sign of it. */
function logCreated(log: Log, id: string): void {
  log.info(`created the service ${id}`);
}

/** compat: the original sends ids sorted. */
function sortedIds(ids: readonly string[]): string[] {
  return [...new Set(ids)].sort(compareCodePoints);
}
