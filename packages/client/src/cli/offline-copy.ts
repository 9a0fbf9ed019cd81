import { createHash } from 'node:crypto';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson, stringifyJson } from '@confidant/contract/wire';
import type { JsonObject, ServiceBody } from '@confidant/contract';
import type { EncryptionContext } from '@confidant/kmsauth';
import { ConfidantError } from '../sdk/errors.js';
import type { Context } from './context.js';
import { CommandError } from './arguments/errors.js';

const DEFAULT_MAX_AGE_HOURS = 24;
const MAX_COPY_BYTES = 96 * 1024 * 1024;
const HOUR_MS = 3_600_000;
const DEFAULT_AFTER_MS = 8000;

/** Which copy was used instead of an answer. */
export interface OfflineUse {
  saved_at: string;
  age_seconds: number;
}

/**
 * A service with its values, from the server. Where the configuration names a directory for them, an encrypted copy
 * of the answer is kept, and used when the server can not be reached: never after a 4xx, and not when it is older
 * than `offline_copy_max_age`. While there is such a copy the server has `offline_copy_after` seconds, so that a service
 * starts soon; when the copy proves to be of no use, and with `mayWait`, for who goes on without an answer, all
 * repetitions are made. Rejects with ConfidantError of the server when there is no copy, with CommandError when it can
 * not be used.
 */
export async function fetchService(
  context: Context,
  id: string,
  { mayWait = false }: { mayWait?: boolean } = {},
): Promise<{ service: ServiceBody; offline?: OfflineUse }> {
  const profile = await context.configuration.profile();
  const maxAgeMs = (profile.offlineCopyMaxAgeHours ?? DEFAULT_MAX_AGE_HOURS) * HOUR_MS;
  const copy = await openCopy(context, id);
  const client = await context.connections.client();
  const isHurried = !mayWait && copy !== undefined && (await copy.looksYoungerThan(maxAgeMs));
  // Made before the time counts: it may ask a person for a code.
  if (isHurried) await (await context.connections.kms()).token();
  try {
    const deadlineMs = profile.offlineCopyAfterMs ?? DEFAULT_AFTER_MS;
    const service = await client.getService(id, {}, isHurried ? { deadlineMs } : {});
    await copy?.save(service).catch((error: unknown) => {
      context.log.warning(`the offline copy could not be kept: ${error instanceof Error ? error.message : 'failed'}`);
    });
    return { service };
  } catch (error) {
    if (copy === undefined || !(error instanceof ConfidantError)) throw error;
    if (!error.unreachable) {
      // Who may not read the service any more, or whose service is gone, keeps no copy either.
      // What stands in the place of the server can not know that.
      if (!error.foreign && (error.status === 403 || error.status === 404)) await copy.discard();
      throw error;
    }
    context.log.warning(error.message);
    try {
      const kept = await usable(copy, id, maxAgeMs);
      if (kept === undefined) throw error;
      const age = describeAge(kept.offline.age_seconds);
      context.log.warning(`the server can not be reached: using the offline copy of ${id}, ${age} old`);
      return kept;
    } catch (unusable) {
      if (!isHurried || !(unusable instanceof CommandError)) throw unusable;
      context.log.warning(unusable.message);
      return fetchService(context, id, { mayWait: true });
    }
  }
}

/** Throws {@link CommandError} when it can not be opened or is too old. */
async function usable(
  copy: OfflineCopy,
  id: string,
  maxAgeMs: number,
): Promise<{ service: ServiceBody; offline: OfflineUse } | undefined> {
  const kept = await copy.load();
  if (kept === undefined) return undefined;
  const ageMs = Math.max(0, Date.now() - Date.parse(kept.savedAt));
  const ageSeconds = Math.round(ageMs / 1000);
  // Also for a time that is none, and for 0 hours.
  if (!(ageMs < maxAgeMs)) {
    throw new CommandError(
      `the offline copy of ${id} is ${describeAge(ageSeconds)} old, more than offline_copy_max_age allows (${maxAgeMs / HOUR_MS} h)`,
    );
  }
  return { service: kept.service, offline: { saved_at: kept.savedAt, age_seconds: ageSeconds } };
}

interface OfflineCopy {
  /** Whether there is one, by its file alone: nothing is opened. */
  looksYoungerThan(ageMs: number): Promise<boolean>;
  save(service: ServiceBody): Promise<void>;
  load(): Promise<{ service: ServiceBody; savedAt: string } | undefined>;
  discard(): Promise<void>;
}

/**
 * The copy of one service for one caller; undefined when none is wanted. It is sealed with a data key that KMS wraps
 * under the authentication key: who opens it needs the same rights as for a token, and taking them away closes it.
 * The context names the caller on both sides, so that the grants services have for their tokens cover it, and its
 * purpose, so that it never passes for a token.
 */
async function openCopy(context: Context, id: string): Promise<OfflineCopy | undefined> {
  const { log } = context;
  const directory = (await context.configuration.profile()).offlineCopyDirectory;
  if (!directory || !context.globals.offlineCopy) return undefined;
  // A copy is closed to who has no right to a token; a login gives none.
  if (await context.configuration.usesLogin()) return undefined;
  const { url, authKey, authContext } = await context.configuration.settings();
  const { region, kmsFor, token } = await context.connections.kms();
  const { DataKeys } = await import('@confidant/kmsauth');
  const { NotPrivate, readPrivateFile, replaceFile } = await import('@confidant/kmsauth/private-file');
  const keys = new DataKeys({ kms: kmsFor(await region()), masterKey: authKey, cacheSize: 0, cacheTtlMs: 0 });
  const caller = authContext.from ?? (await token()).username.split('/').at(-1)!;
  const encryptionContext: EncryptionContext = {
    from: caller,
    to: caller,
    user_type: authContext.userType,
    purpose: 'confidant-offline-copy',
  };
  const identity = JSON.stringify([url, authContext.userType, caller, id]);
  const path = join(directory, `${createHash('sha256').update(identity).digest('hex').slice(0, 40)}.json`);
  return {
    async looksYoungerThan(ageMs) {
      const found = await lstat(path).catch(() => undefined);
      const isThere = found?.isFile() === true;
      const state = isThere ? `${describeAge(Math.round((Date.now() - found.mtimeMs) / 1000))} old` : 'not there';
      log.debug(`offline copy: ${path} is ${state}`);
      return isThere && Date.now() - found.mtimeMs < ageMs;
    },

    async save(service) {
      const { key, wrapped } = await keys.create(encryptionContext);
      const content = stringifyJson({ identity, saved_at: new Date().toISOString(), service });
      const sealed = { version: 1, data_key: wrapped, content: key.encrypt(Buffer.from(content)) };
      await replaceFile(path, JSON.stringify(sealed));
      log.debug(`offline copy: ${path} is written`);
    },

    async load() {
      const text = await readPrivateFile(path, { maxBytes: MAX_COPY_BYTES }).catch((error: NodeJS.ErrnoException) => {
        const reason = error instanceof NotPrivate ? error.message : error.code;
        throw new CommandError(`the offline copy of ${id} can not be read: ${reason} (${path})`);
      });
      if (text === undefined) return undefined;
      try {
        const sealed = JSON.parse(text) as { data_key: string; content: string };
        const key = await keys.open(sealed.data_key, encryptionContext);
        const content = parseJson(Buffer.from(key.decrypt(sealed.content)).toString('utf8')) as JsonObject;
        const { identity: of, saved_at: savedAt, service } = content;
        if (of !== identity || typeof savedAt !== 'string') throw new Error('it belongs to something else');
        log.debug(`offline copy: ${path} is opened, of ${savedAt}`);
        return { service: service as unknown as ServiceBody, savedAt };
      } catch (error) {
        const reason = error instanceof Error && error.name !== 'SyntaxError' ? error.message : 'it is damaged';
        throw new CommandError(`the offline copy of ${id} can not be opened: ${reason}`, { cause: error });
      }
    },

    async discard() {
      await rm(path, { force: true }).catch(() => undefined);
      log.debug(`offline copy: ${path} is taken away`);
    },
  };
}

function describeAge(seconds: number): string {
  if (seconds < 120) return `${seconds} seconds`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} minutes`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} hours` : `${Math.floor(seconds / 86_400)} days`;
}
