import type { EncryptionContext } from './kms.js';
import { isPlainObject } from './plain-object.js';

/**
 * The version of a token: in version 1 the encryption context is `{from, to}`, in version 2 it also has the user type.
 */
export type TokenVersion = 1 | 2;

/** What a username claims. It proves nothing until the token has been decrypted with it. */
export interface TokenUsername {
  version: TokenVersion;
  userType: string;
  from: string;
}

const MAX_USERNAME_LENGTH = 512;
// Control and format characters, lone surrogates and separators do not belong in a name and can forge log lines.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/**
 * Parses `2/<user type>/<from>`, `1/<user type>/<from>` or the bare `<from>` of version 1, which is always a service.
 * Returns undefined for everything else: other versions, other numbers of parts, empty parts, unprintable characters,
 * more than 512 characters.
 */
export function parseUsername(text: string): TokenUsername | undefined {
  if (text.length === 0 || text.length > MAX_USERNAME_LENGTH || UNPRINTABLE.test(text)) return undefined;
  const parts = text.split('/');
  if (parts.length === 1) return { version: 1, userType: 'service', from: text };
  const [version, userType, from] = parts;
  if (parts.length !== 3 || !userType || !from) return undefined;
  if (version !== '1' && version !== '2') return undefined;
  return { version: version === '1' ? 1 : 2, userType, from };
}

/**
 * Formats the username that goes with a token. compat: for a service, version 1 uses the bare name.
 * Throws RangeError when no validator could parse it, for example for a name with a slash.
 */
export function formatUsername({ version, userType, from }: TokenUsername): string {
  const text = version === 1 && userType === 'service' ? from : `${version}/${userType}/${from}`;
  const parsed = parseUsername(text);
  if (parsed?.version !== version || parsed.userType !== userType || parsed.from !== from) {
    throw new RangeError('user types and names must be printable, not empty and without slashes');
  }
  return text;
}

/** The encryption context that KMS must have bound to the token: exactly these names. */
export function tokenContext({ version, userType, from }: TokenUsername, to: string): EncryptionContext {
  return version === 1 ? { from, to } : { from, to, user_type: userType };
}

/** When a token is valid, including both ends, in milliseconds since the epoch; tokens carry whole seconds. */
export interface TokenLifetime {
  notBefore: number;
  notAfter: number;
}

/** Encodes the plaintext of a token as the original does. Fractions of a second are cut off. */
export function encodePayload({ notBefore, notAfter }: TokenLifetime): Buffer {
  return Buffer.from(`{"not_before": "${formatTokenTime(notBefore)}", "not_after": "${formatTokenTime(notAfter)}"}`);
}

/**
 * Parses a token's plaintext: a JSON object in UTF-8 with both times as `%Y%m%dT%H%M%SZ`. Other fields are ignored, as
 * by the original. Returns undefined for anything else. It does not check which end comes first.
 */
export function parsePayload(plaintext: Uint8Array): TokenLifetime | undefined {
  let payload: unknown;
  try {
    payload = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plaintext));
  } catch {
    return undefined;
  }
  if (!isPlainObject(payload)) return undefined;
  if (!Object.hasOwn(payload, 'not_before') || !Object.hasOwn(payload, 'not_after')) return undefined;
  const notBefore = parseTokenTime(payload['not_before']);
  const notAfter = parseTokenTime(payload['not_after']);
  return notBefore === undefined || notAfter === undefined ? undefined : { notBefore, notAfter };
}

/** Formats milliseconds since the epoch as `20261121T223808Z`. */
export function formatTokenTime(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '');
}

/** Parses what {@link formatTokenTime} formats; undefined for other text and for days that do not exist. */
export function parseTokenTime(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^\d{8}T\d{6}Z$/.test(text)) return undefined;
  const ms = Date.parse(text.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  // Date.parse turns 30 February into a day of March; formatting the result again reveals that.
  return Number.isNaN(ms) || formatTokenTime(ms) !== text ? undefined : ms;
}
