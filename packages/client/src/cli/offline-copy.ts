import { createHash } from 'node:crypto';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson, stringifyJson } from '@confidant/contract/wire';
import type { JsonObject, ServiceBody } from '@confidant/contract';
import type { EncryptionContext } from '@confidant/kmsauth';
import { ConfidantError } from '../sdk/errors.js';
import type { Context } from './context.js';
import { CommandError } from './arguments/errors.js';
import { isService, notService } from './service-answer.js';

const DEFAULT_MAX_AGE_HOURS = 24;
const MAX_COPY_BYTES = 96 * 1024 * 1024;
const HOUR_MS = 3_600_000;
const DEFAULT_AFTER_MS = 8000;

/** The copy that was used instead of a response. */
export interface OfflineUse {
  saved_at: string;
  age_seconds: number;
}

/**
 * Reads a service with its values. If the configuration names a directory for copies, an encrypted copy of the response
 * is stored, and used when the server cannot be reached: never after a 4xx, and not when it is older than
 * `offline_copy_max_age`. With a copy the server gets `offline_copy_after` seconds to answer, so that a service starts
 * soon; all retries are made if the copy turns out to be unusable, and with `mayWait`, for a caller that can go on without
 * a response. Rejects with ConfidantError when there is no copy, and with CommandError when it cannot be used.
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
  // Made before the time starts: a person may have to type a code.
  if (isHurried) await (await context.connections.kms()).token();
  try {
    const deadlineMs = profile.offlineCopyAfterMs ?? DEFAULT_AFTER_MS;
    const service = await client.getService(id, {}, isHurried ? { deadlineMs } : {});
    if (!isService(service)) throw notService(id);
    await copy?.save(service).catch((error: unknown) => {
      context.log.warning(`the offline copy could not be stored: ${error instanceof Error ? error.message : 'failed'}`);
    });
    return { service };
  } catch (error) {
    if (copy === undefined || !(error instanceof ConfidantError)) throw error;
    if (!error.unreachable) {
      // Without the right to read the service, or without the service, there must be no copy either. The response of
      // something else, a gateway for example, says nothing about that.
      if (!error.foreign && (error.status === 403 || error.status === 404)) await copy.discard();
      throw error;
    }
    context.log.warning(error.message);
    try {
      const kept = await usable(copy, id, maxAgeMs);
      if (kept === undefined) throw error;
      const age = describeAge(kept.offline.age_seconds);
      context.log.warning(`the server cannot be reached: using the offline copy of ${id}, ${age} old`);
      return kept;
    } catch (unusable) {
      if (!isHurried || !(unusable instanceof CommandError)) throw unusable;
      context.log.warning(unusable.message);
      return fetchService(context, id, { mayWait: true });
    }
  }
}

/** Reads the copy. Rejects with {@link CommandError} when it cannot be decrypted or is too old. */
async function usable(
  copy: OfflineCopy,
  id: string,
  maxAgeMs: number,
): Promise<{ service: ServiceBody; offline: OfflineUse } | undefined> {
  const kept = await copy.load();
  if (kept === undefined) return undefined;
  const ageMs = Math.max(0, Date.now() - Date.parse(kept.savedAt));
  const ageSeconds = Math.round(ageMs / 1000);
  // Negated, so that an invalid time and a maximum of 0 hours count as too old.
  if (!(ageMs < maxAgeMs)) {
    throw new CommandError(
      `the offline copy of ${id} is ${describeAge(ageSeconds)} old, more than offline_copy_max_age allows (${maxAgeMs / HOUR_MS} h)`,
    );
  }
  return { service: kept.service, offline: { saved_at: kept.savedAt, age_seconds: ageSeconds } };
}

interface OfflineCopy {
  /** Whether there is a copy of that age, by its file alone: nothing is decrypted. */
  looksYoungerThan(ageMs: number): Promise<boolean>;
  save(service: ServiceBody): Promise<void>;
  load(): Promise<{ service: ServiceBody; savedAt: string } | undefined>;
  discard(): Promise<void>;
}

/**
 * The copy of one service for one caller; undefined if no copies are wanted. It is encrypted with a data key that KMS
 * wraps under the authentication key: decryption needs the same rights as a token, and ends with them. The encryption
 * context names the caller on both sides, so that the grants of services for their tokens cover it, and its purpose, so
 * that it never passes for a token.
 */
async function openCopy(context: Context, id: string): Promise<OfflineCopy | undefined> {
  const { log } = context;
  const directory = (await context.configuration.profile()).offlineCopyDirectory;
  if (!directory || !context.globals.offlineCopy) return undefined;
  // Decrypting a copy needs the right to a token, which a login does not give.
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
        throw new CommandError(`the offline copy of ${id} cannot be read: ${reason} (${path})`);
      });
      if (text === undefined) return undefined;
      try {
        const sealed = JSON.parse(text) as { data_key: string; content: string };
        const key = await keys.open(sealed.data_key, encryptionContext);
        const content = parseJson(Buffer.from(key.decrypt(sealed.content)).toString('utf8')) as JsonObject;
        const { identity: of, saved_at: savedAt, service } = content;
        if (of !== identity || typeof savedAt !== 'string') throw new Error('it belongs to something else');
        log.debug(`offline copy: ${path} of ${savedAt} is decrypted`);
        if (!isService(service)) throw new Error('it holds no service');
        return { service, savedAt };
      } catch (error) {
        const reason = error instanceof Error && error.name !== 'SyntaxError' ? error.message : 'it is damaged';
        throw new CommandError(`the offline copy of ${id} cannot be decrypted: ${reason}`, { cause: error });
      }
    },

    async discard() {
      await rm(path, { force: true }).catch(() => undefined);
      log.debug(`offline copy: ${path} is deleted`);
    },
  };
}

function describeAge(seconds: number): string {
  if (seconds < 120) return `${seconds} seconds`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} minutes`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} hours` : `${Math.floor(seconds / 86_400)} days`;
}
