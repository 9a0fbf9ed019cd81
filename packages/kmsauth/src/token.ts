import type { EncryptionContext } from './kms.js';
import { isPlainObject } from './plain-object.js';

/** 1: the context is `{from, to}`. 2: it also binds the user type. */
export type TokenVersion = 1 | 2;

/** What a username claims. Nothing of it is true before the token was decrypted under it. */
export interface TokenUsername {
  version: TokenVersion;
  userType: string;
  from: string;
}

const MAX_USERNAME_LENGTH = 512;
// Control and format characters, lone surrogates and separators: none belongs in a name, all of them forge log lines.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/**
 * Reads `2/<user type>/<from>`, `1/<user type>/<from>` or the bare `<from>` of version 1, which is always a service.
 * Answers undefined for everything else: another version, other numbers of parts, empty parts, unprintable
 * characters, more than 512 characters.
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
 * The username that goes with a token. compat: a version 1 service is its bare name.
 * Throws RangeError when no validator could read it back, for example for a name with a slash.
 */
export function formatUsername({ version, userType, from }: TokenUsername): string {
  const text = version === 1 && userType === 'service' ? from : `${version}/${userType}/${from}`;
  const parsed = parseUsername(text);
  if (parsed?.version !== version || parsed.userType !== userType || parsed.from !== from) {
    throw new RangeError('a user type and a name for tokens are printable, not empty and without slashes');
  }
  return text;
}

/** The encryption context KMS must have bound to the token: exactly these names, and no more. */
export function tokenContext({ version, userType, from }: TokenUsername, to: string): EncryptionContext {
  return version === 1 ? { from, to } : { from, to, user_type: userType };
}

/** When a token is valid, both ends included, in milliseconds of the epoch; tokens carry whole seconds. */
export interface TokenLifetime {
  notBefore: number;
  notAfter: number;
}

/** The plaintext of a token, in the original's spelling. Fractions of a second are cut off. */
export function encodePayload({ notBefore, notAfter }: TokenLifetime): Buffer {
  return Buffer.from(`{"not_before": "${formatTokenTime(notBefore)}", "not_after": "${formatTokenTime(notAfter)}"}`);
}

/**
 * Reads a token's plaintext: UTF-8 JSON, an object with both times as `%Y%m%dT%H%M%SZ`. Other fields are ignored, as
 * the original does. Answers undefined for anything else; which end comes first is not checked here.
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

/** Milliseconds of the epoch as `20261121T223808Z`. */
export function formatTokenTime(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '');
}

/** The inverse of {@link formatTokenTime}; undefined when it is no such text or no such day exists. */
export function parseTokenTime(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^\d{8}T\d{6}Z$/.test(text)) return undefined;
  const ms = Date.parse(text.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  // Date.parse lets 30 February roll over into March: only a time that reads back the same is one.
  return Number.isNaN(ms) || formatTokenTime(ms) !== text ? undefined : ms;
}
