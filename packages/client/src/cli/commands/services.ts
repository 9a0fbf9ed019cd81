import { compareCodePoints } from '@confidant/contract/wire';
import type { BodyOf, ServiceBody } from '@confidant/contract';
import { KmsUnavailable } from '@confidant/kmsauth/sender';
import { AwsSessionError } from '../../sdk/aws-session.js';
import { BlindCredentialError, openBlindCredential } from '../../sdk/blind-credentials.js';
import type { Connection } from '../../sdk/connect.js';
import { ConfidantError, ConfigError } from '../../sdk/errors.js';
import { beginAgain, type Attempt } from '../changes/retry-on-conflict.js';
import type { Context } from '../context.js';
import { describeError } from '../failures/describe-error.js';
import type { Given } from '../arguments/options.js';
import { sendingChange } from '../changes/unknown-outcome.js';
import { idOf, idsOfNames } from '../changes/resolve-names.js';
import { fetchService } from '../offline-copy.js';
import { CommandError } from '../arguments/errors.js';
import { failure, success, type Handler, type OpenedBlindCredential, type Outcome } from '../output/outcome.js';
import { adviseUnauthorized } from '../failures/advise-unauthorized.js';
import { NO_CHANGES, pageOf } from './credentials.js';
import { revertTo } from './history.js';

export const handlers: Record<string, Handler> = {
  async get_service(context, given) {
    const connection = await context.connections.current();
    const id = given.needed('service');
    try {
      if (given.flag('metadata-only')) {
        return success({ service: await connection.client.getService(id, { metadataOnly: true }) });
      }
      const { service, offline } = await fetchService(context, id);
      if (given.flag('decrypt-blind')) await decryptBlind(service, connection).catch(offerToLeaveBlind);
      return success({ service, ...(offline === undefined ? {} : { offline_copy: offline }) });
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

  async list_services(context, given) {
    const client = await context.connections.client();
    const isGiven = (option: string): boolean => given.text(option) !== undefined;
    if (isGiven('credential') || isGiven('credential-name')) {
      const id = await idOf(context, given, 'credential', 'credential');
      const found = await client.getCredentialServices(id);
      if (found.services.length === 0 && isGiven('credential'))
        await mustBeThere(client.getCredential(id, { metadataOnly: true }));
      return success(found);
    }
    if (isGiven('blind-credential') || isGiven('blind-credential-name')) {
      const id = await idOf(context, given, 'blind-credential', 'blind-credential');
      const found = await client.getBlindCredentialServices(id);
      if (found.services.length === 0 && isGiven('blind-credential')) await mustBeThere(client.getBlindCredential(id));
      return success(found);
    }
    return success(await client.listServices(pageOf(given)));
  },

  async map(context, given) {
    const { enabled } = given;
    const account = given.text('account');
    const added = await givenIds(context, given);
    return changeService(context, given.needed('service'), {
      mayCreate: true,
      credentials: (ids) => [...ids, ...added.credentials],
      blindCredentials: (ids) => [...ids, ...added.blindCredentials],
      ...(enabled === undefined ? {} : { enabled }),
      ...(account === undefined ? {} : { account: account === '' ? null : account }),
    });
  },

  // compat: answers without the service, unless its id is asked for. One that does not exist is made, as by `map`.
  async add_creds(context, given) {
    const added = await neededIds(context, given);
    const outcome = await changeService(context, given.needed('service-id'), {
      mayCreate: true,
      credentials: (ids) => [...ids, ...added.credentials],
      blindCredentials: (ids) => [...ids, ...added.blindCredentials],
    });
    return context.globals.text('output') === 'id' ? outcome : success();
  },

  async remove_creds(context, given) {
    const without = (removed: readonly string[]) => (ids: readonly string[]) =>
      ids.filter((id) => !removed.includes(id));
    const removed = await neededIds(context, given);
    const id = given.needed('service-id');
    const outcome = await changeService(context, id, {
      mayCreate: false,
      credentials: without(removed.credentials),
      blindCredentials: without(removed.blindCredentials),
      // What is to be gone is gone; a mistyped id shows here.
      whenUnchanged: () => context.log.warning(`nothing to take away: none of these is mapped to ${id}`),
    });
    return context.globals.text('output') === 'id' ? outcome : success();
  },

  async revert_service(context, given) {
    const client = await context.connections.client();
    const id = given.needed('id');
    const service = await revertTo(context, given, 'service', id, {
      revert: (revision, expecting) => client.revertService(id, revision, expecting),
      read: () => client.getService(id, { metadataOnly: true }),
    });
    return success({ service });
  },
};

/**
 * For the server, what nothing uses and what is not there are the same; whoever means to change it has to know. Rejects
 * with the ConfidantError of a 404; who may not read it is told nothing more.
 */
async function mustBeThere(reading: Promise<unknown>): Promise<void> {
  await reading.catch((error: unknown) => {
    if (error instanceof ConfidantError && error.status === 404) throw error;
  });
}

/** What `map`, `add_creds` and `remove_creds` are about, by id and by name. */
async function givenIds(
  context: Context,
  given: Given,
): Promise<{ credentials: readonly string[]; blindCredentials: readonly string[] }> {
  const client = await context.connections.client();
  const [named, namedBlind] = await Promise.all([
    idsOfNames(client, 'credential', given.list('cred-names'), '--blind-cred-names'),
    idsOfNames(client, 'blind-credential', given.list('blind-cred-names'), '--cred-names'),
  ]);
  return {
    credentials: [...given.list('cred-ids'), ...named],
    blindCredentials: [...given.list('blind-cred-ids'), ...namedBlind],
  };
}

/**
 * compat: without any id there is nothing to do, which is a failure. Ids that change nothing are no failure, so that a
 * command may be run again.
 */
async function neededIds(context: Context, given: Given): ReturnType<typeof givenIds> {
  const ids = await givenIds(context, given);
  if (ids.credentials.length + ids.blindCredentials.length === 0) throw new CommandError(NO_CHANGES);
  return ids;
}

/** Adds `decrypted_credential_pairs` to the blind credentials of a service. */
export async function decryptBlind(service: ServiceBody, { region, kmsFor }: Connection): Promise<void> {
  if (service.blind_credentials.length === 0) return;
  const here = await region();
  await Promise.all(
    service.blind_credentials.map(async (credential) => {
      const opened = await openBlindCredential(credential, here, kmsFor);
      (credential as unknown as OpenedBlindCredential).decrypted_credential_pairs = opened;
    }),
  );
}

/** Opening takes more than the rest does (AWS credentials, a region, a right), and the rest can be had without. */
function offerToLeaveBlind(error: unknown): never {
  const isBlind = error instanceof BlindCredentialError;
  const isMissing = [ConfigError, KmsUnavailable, AwsSessionError].some((kind) => error instanceof kind);
  if (!isBlind && !isMissing) throw error;
  const what = isBlind ? '' : 'the blind credentials can not be opened: ';
  const advice = '--no-decrypt-blind reads the service without opening them';
  throw new CommandError(`${what}${describeError(error)}; ${advice}`, { cause: error });
}

interface ServiceChange {
  /** What a service that does not exist becomes: new, or an error. */
  mayCreate: boolean;
  credentials(ids: readonly string[]): readonly string[];
  blindCredentials(ids: readonly string[]): readonly string[];
  enabled?: boolean;
  account?: string | null;
  /** Called when the service was like that before. */
  whenUnchanged?(): void;
}

/** What the server takes for a new service. Checked here, because some proxies take a slash in a name for a path. */
const SERVICE_NAME = /^[\w+=,.@:-]+$/;

/**
 * Reads a service and writes it changed; writes nothing when it stays the same. One that it creates is told. What others
 * map to it at the same time stays.
 */
function changeService(context: Context, id: string, change: ServiceChange): Promise<Outcome> {
  const known: { wasThere?: boolean } = {};
  return beginAgain(context.log, (attempt) => changeServiceOnce(context, id, change, attempt, known));
}

async function changeServiceOnce(
  context: Context,
  id: string,
  change: ServiceChange,
  { isFirst, mayBeDone }: Attempt,
  /** Kept over the attempts: whether the first found the service. */
  known: { wasThere?: boolean },
): Promise<Outcome> {
  const client = await context.connections.client();
  const service = await client.getService(id, { metadataOnly: true }).catch((error: unknown) => {
    if (error instanceof ConfidantError && error.status === 404 && !error.foreign && change.mayCreate) return undefined;
    throw error;
  });
  known.wasThere ??= service !== undefined;
  if (service === undefined && !SERVICE_NAME.test(id)) {
    throw new CommandError(`${id} is no name of a service: it is named like an IAM role, letters, digits and +=,.@:_-`);
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
    if (mayBeDone && !known.wasThere) tellCreated(context, id);
    return success({ service });
  }
  const body = { ...after, expected_revision: service?.revision ?? 0 };
  const written = await sendingChange(() => client.putService(id, body));
  if (!known.wasThere && (mayBeDone || written.revision === 1)) tellCreated(context, id);
  return success({ service: written });
}

/** It may be a slip of the pen, which nothing else would tell. */
function tellCreated({ log }: Context, id: string): void {
  log.info(`created the service ${id}`);
}

/** compat: the original sends ids sorted. */
function sortedIds(ids: readonly string[]): string[] {
  return [...new Set(ids)].sort(compareCodePoints);
}
