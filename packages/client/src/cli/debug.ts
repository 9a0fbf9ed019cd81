import type { AttemptEvent, RetryEvent } from '../sdk/route-caller.js';
import { RetryLater } from '../sdk/response.js';
import { expandHome, type ClientSettings, type LoadedProfile } from '../sdk/config/profile.js';
import { isServerUrl } from '../sdk/config/server-url.js';
import { ConfidantError } from '../sdk/errors.js';
import type { LoginSession } from '../sdk/session-transport.js';
import { proxyOf } from '../sdk/proxy.js';
import type { Log } from './terminal/log.js';
import { loginFile } from './login/store.js';

/** Confidant's servers use shorter ids. */
const MAX_REQUEST_ID_LENGTH = 128;

/** Values that cannot be secrets: choices and small numbers. */
const PLAIN_VALUE = /^(?:True|False|\d{1,6})$/;

/** An address without the parts that may be secret: user, password and query. */
function shownAddress(url: string): string {
  if (!URL.canParse(url)) return 'an invalid address';
  const { origin, pathname, protocol } = new URL(url);
  if (protocol !== 'https:' && protocol !== 'http:') return 'an address that is neither http nor https';
  return origin + pathname.replace(/\/$/, '');
}

/** Logs which configuration is used, and where the server's address comes from. */
export function logConfiguration(
  log: Log,
  { file, absentFiles, known }: LoadedProfile,
  chosen: {
    files: readonly string[];
    profile: string;
    profileSource: string;
    url: string | undefined;
    urlSource: string;
  },
): void {
  for (const absent of absentFiles) log.debug(`configuration: ${absent} does not exist`);
  if (file !== undefined) log.debug(`configuration: ${file} is read`);
  for (const other of chosen.files.map(expandHome).slice(absentFiles.length + (file === undefined ? 0 : 1))) {
    log.debug(`configuration: ${other} is ignored, since an earlier one exists`);
  }
  const isThere = file === undefined ? '' : known.includes(chosen.profile) ? '' : ', which the file does not have';
  log.debug(`profile: ${chosen.profile} (${chosen.profileSource})${isThere}`);
  log.debug(chosen.url ? `server: ${shownAddress(chosen.url)} (${chosen.urlSource})` : 'server: no address');
}

/** Logs with what a command makes its KMS tokens. `region` is the one that is used, wherever it comes from. */
export async function logKmsAuthentication(
  log: Log,
  { authKey, authContext, assumeRole, tokenLifetimeMinutes, tokenVersion, region: configured, url }: ClientSettings,
  region: string,
): Promise<void> {
  const { from, to, userType } = authContext;
  log.debug(
    `authentication: KMS tokens under ${authKey} in ${region} (${regionSource(configured)}), ` +
      `from ${from ?? 'the name that IAM knows'}, to ${to}, user_type ${userType}, token_version ${tokenVersion}, ` +
      `token_lifetime ${tokenLifetimeMinutes}${assumeRole ? `, assume_role ${assumeRole}` : ''}`,
  );
  const endpoint = process.env['AWS_ENDPOINT_URL_KMS'] || process.env['AWS_ENDPOINT_URL'];
  if (endpoint) log.debug(`KMS: at ${shownAddress(endpoint)} (AWS_ENDPOINT_URL_KMS or AWS_ENDPOINT_URL)`);
  await logProxy(log, url);
  const kms = endpoint || `https://kms.${region}.amazonaws.com`;
  if (isServerUrl(kms)) await logProxy(log, kms);
}

export async function logLoginAuthentication(
  log: Log,
  url: string,
  { email, endsAt }: LoginSession,
  why: string,
): Promise<void> {
  const end = endsAt === undefined ? '' : `, which ends ${endsAt} unless it is used`;
  log.debug(`authentication: the login of ${email} in ${loginFile(url)} (${why})${end}`);
  await logProxy(log, url);
}

export function logToken(
  log: Log,
  from: 'cache' | 'kms',
  { tokenCacheFile }: ClientSettings,
  region: string | undefined,
): void {
  log.debug(from === 'cache' ? `token: kept in ${tokenCacheFile}` : `token: made by KMS in ${region}`);
}

/** `GET /v1/services/web?metadata_only=False, attempt 1: 200 after 12 ms, request ID`. */
export function logAttempt(
  log: Log,
  { method, url, attempt, sent, durationMs, status, requestId, error }: AttemptEvent,
): void {
  const query = [...url.searchParams].map(([name, value]) => `${name}=${PLAIN_VALUE.test(value) ? value : '…'}`);
  const what = `${method} ${url.pathname}${query.length === 0 ? '' : `?${query.join('&')}`}, attempt ${attempt}`;
  const again = sent > 1 ? ' (sent again at once: a kept connection was closed)' : '';
  const id = requestId === undefined ? '' : `, request ${requestId.slice(0, MAX_REQUEST_ID_LENGTH)}`;
  const end = status === undefined ? `no response, ${describeNoAnswer(error)},` : String(status);
  log.debug(`${what}${again}: ${end} after ${Math.round(durationMs)} ms${id}`);
}

/** The error's code; its message would repeat method and path. */
function describeNoAnswer(error: unknown): string {
  if (!(error instanceof ConfidantError)) return error instanceof Error ? error.name : 'unexpected failure';
  if (error.code === 'aborted') return 'aborted: the deadline passed, or the caller stopped it';
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return typeof code === 'string' ? `${error.code} (${code})` : error.code;
}

export function logRetry(log: Log, { attempt, retries, delayMs, error }: RetryEvent): void {
  const reason = error.status === undefined ? error.code : `status ${error.status}`;
  const asked = error instanceof RetryLater ? `, whose Retry-After is ${error.retryAfterMs / 1000} s` : '';
  log.debug(`retry: ${attempt} of ${retries} follows after ${Math.round(delayMs)} ms, because of ${reason}${asked}`);
}

async function logProxy(log: Log, url: string): Promise<void> {
  const proxy = await proxyOf(url);
  if (proxy !== undefined) log.debug(`proxy: ${proxy} for ${shownAddress(url)}`);
}

function regionSource(configured: string | undefined): string {
  if (configured) return 'the configuration or --region';
  const variable = ['AWS_REGION', 'AWS_DEFAULT_REGION'].find((name) => process.env[name]);
  return variable ?? "AWS's own files";
}
