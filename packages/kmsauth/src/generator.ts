import type { KmsLike } from './kms.js';
import { isPlainObject } from './plain-object.js';
import { readPrivateFile, replaceFile } from './private-file.js';
import {
  encodePayload,
  formatTokenTime,
  formatUsername,
  parseTokenTime,
  tokenContext,
  type TokenVersion,
} from './token.js';

// compat: three minutes for clocks that differ, at both ends, and for a cached token to be of use when it is sent.
const SKEW_MS = 3 * 60_000;
const MAX_CACHE_FILE_BYTES = 64 * 1024;

export interface TokenGeneratorOptions {
  kms: KmsLike;
  /** The key to encrypt under: alias, id or ARN. */
  authKey: string;
  /** Who sends the token: an IAM role, or a user. */
  from: string;
  /** The service it is for. */
  to: string;
  /** `service` or `user`. */
  userType: string;
  version: TokenVersion;
  /** More than 3: not_after is three minutes short of it from now, since not_before lies three minutes back. */
  lifetimeMinutes: number;
  /** Where the token is kept between runs; undefined or empty: nowhere. */
  cacheFile?: string;
  /** What else makes a token of other use, for the cache file: the region and endpoint of `kms`. */
  cacheScope?: string;
  /** Milliseconds of the epoch. */
  now?: () => number;
  /** Told where a token comes from, when one is taken from the cache file or made. */
  onToken?: (from: 'cache' | 'kms') => void;
  /** Told in a sentence when the cache file is of no use; never the token. */
  onWarning?: (message: string) => void;
}

interface KeptToken {
  token: string;
  /** Milliseconds of the epoch. */
  notAfter: number;
}

/** Makes tokens for one sender and one receiver, and makes a new one only when the last has run out. */
export class TokenGenerator {
  readonly #options: TokenGeneratorOptions;
  readonly #now: () => number;
  readonly #username: string;
  readonly #context: Readonly<Record<string, string>>;
  #kept: KeptToken | undefined;
  #underway: Promise<KeptToken> | undefined;

  /** Throws RangeError for a name, user type or lifetime no token can have. */
  constructor(options: TokenGeneratorOptions) {
    if (!(options.lifetimeMinutes > SKEW_MS / 60_000)) throw new RangeError('a token must live longer than 3 minutes');
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#username = formatUsername(options);
    this.#context = tokenContext(options, options.to);
  }

  /** What to send, as Basic authentication or in X-Auth-From and X-Auth-Token. Rejects as KmsLike.encrypt does. */
  async token(): Promise<{ username: string; token: string }> {
    if (this.#kept === undefined || !this.#isFresh(this.#kept.notAfter)) {
      this.#underway ??= this.#readOrMake().finally(() => (this.#underway = undefined));
      this.#kept = await this.#underway;
    }
    return { username: this.#username, token: this.#kept.token };
  }

  async #readOrMake(): Promise<KeptToken> {
    const { cacheFile, onToken } = this.#options;
    const cached = cacheFile ? await this.#read(cacheFile) : undefined;
    if (cached !== undefined) {
      onToken?.('cache');
      return cached;
    }
    const made = await this.#make();
    onToken?.('kms');
    if (cacheFile) await this.#write(cacheFile, made);
    return made;
  }

  async #make(): Promise<KeptToken> {
    const { kms, authKey, lifetimeMinutes } = this.#options;
    const notBefore = this.#now() - SKEW_MS;
    const notAfter = notBefore + lifetimeMinutes * 60_000;
    const plaintext = encodePayload({ notBefore, notAfter });
    const { ciphertext } = await kms.encrypt({ keyId: authKey, plaintext, context: this.#context });
    return { token: Buffer.from(ciphertext).toString('base64'), notAfter };
  }

  /** Still good for three minutes, and not made by a clock that was ahead of ours. */
  #isFresh(notAfter: number): boolean {
    const now = this.#now();
    return now <= notAfter - SKEW_MS && notAfter <= now + this.#options.lifetimeMinutes * 60_000;
  }

  async #read(path: string): Promise<KeptToken | undefined> {
    try {
      // A planted token would show our requests to whoever planted it, under a name we did not choose.
      const text = await readPrivateFile(path, { maxBytes: MAX_CACHE_FILE_BYTES, readableByOthers: true });
      if (text === undefined) return undefined;
      const file = JSON.parse(text) as Record<string, unknown>;
      const notAfter = parseTokenTime(file['not_after']);
      const isOurs = sameContext(file['auth_context'], this.#context) && file['scope'] === this.#scope();
      if (!isOurs || notAfter === undefined || !this.#isFresh(notAfter)) return undefined;
      return typeof file['token'] === 'string' ? { token: file['token'], notAfter } : undefined;
    } catch (error) {
      this.#warn('not used', error);
      return undefined;
    }
  }

  async #write(path: string, { token, notAfter }: KeptToken): Promise<void> {
    const file = { token, not_after: formatTokenTime(notAfter), auth_context: this.#context, scope: this.#scope() };
    try {
      await replaceFile(path, JSON.stringify(file));
    } catch (error) {
      this.#warn('not written', error);
    }
  }

  /**
   * compat: the original compares only auth_context, and so sent a token of one key or region to another. It ignores
   * fields it does not know, so what else must be equal stands in one of ours.
   */
  #scope(): string {
    const { authKey, version, lifetimeMinutes, cacheScope = '' } = this.#options;
    return JSON.stringify([version, authKey, lifetimeMinutes, cacheScope]);
  }

  #warn(what: string, error: unknown): void {
    const reason = error instanceof SyntaxError ? 'it is not JSON' : error instanceof Error ? error.message : 'failed';
    this.#options.onWarning?.(`token cache file ${this.#options.cacheFile} ${what}: ${reason}`);
  }
}

function sameContext(value: unknown, context: Readonly<Record<string, string>>): boolean {
  if (!isPlainObject(value)) return false;
  const entries = Object.entries(value);
  return entries.length === Object.keys(context).length && entries.every(([name, text]) => context[name] === text);
}
