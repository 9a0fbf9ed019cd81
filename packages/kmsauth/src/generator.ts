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

// compat: three minutes of tolerance for clock skew at both ends, and for the time until a cached token is sent.
const SKEW_MS = 3 * 60_000;
const MAX_CACHE_FILE_BYTES = 64 * 1024;

export interface TokenGeneratorOptions {
  kms: KmsLike;
  /** The key to encrypt under: alias, id or ARN. */
  authKey: string;
  /** The sender of the token: an IAM role or a user. */
  from: string;
  /** The service it is for. */
  to: string;
  /** `service` or `user`. */
  userType: string;
  version: TokenVersion;
  /**
   * More than 3. It counts from not_before, three minutes ago: the token expires three minutes earlier than you may
   * expect.
   */
  lifetimeMinutes: number;
  /** The file that caches the token between runs; no file if undefined or empty. */
  cacheFile?: string;
  /** Whatever else a cached token depends on, for example the region and endpoint of `kms`. */
  cacheScope?: string;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** Called when a token is read from the cache file (`cache`) or made (`kms`). */
  onToken?: (from: 'cache' | 'kms') => void;
  /** Called with a sentence when the cache file cannot be used or written. It never contains the token. */
  onWarning?: (message: string) => void;
}

interface CachedToken {
  token: string;
  /** Milliseconds since the epoch. */
  notAfter: number;
}

/** Makes tokens for one sender and one receiver; a new one only when the last is about to expire. */
export class TokenGenerator {
  readonly #options: TokenGeneratorOptions;
  readonly #now: () => number;
  readonly #username: string;
  readonly #context: Readonly<Record<string, string>>;
  #current: CachedToken | undefined;
  #pending: Promise<CachedToken> | undefined;

  /** Throws RangeError for a name, user type or lifetime that no token can have. */
  constructor(options: TokenGeneratorOptions) {
    if (!(options.lifetimeMinutes > SKEW_MS / 60_000)) throw new RangeError('a token must live longer than 3 minutes');
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#username = formatUsername(options);
    this.#context = tokenContext(options, options.to);
  }

  /**
   * Returns the credentials for Basic authentication, or for X-Auth-From and X-Auth-Token. Rejects as KmsLike.encrypt
   * does.
   */
  async token(): Promise<{ username: string; token: string }> {
    if (this.#current === undefined || !this.#isFresh(this.#current.notAfter)) {
      this.#pending ??= this.#readOrMake().finally(() => (this.#pending = undefined));
      this.#current = await this.#pending;
    }
    return { username: this.#username, token: this.#current.token };
  }

  async #readOrMake(): Promise<CachedToken> {
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

  async #make(): Promise<CachedToken> {
    const { kms, authKey, lifetimeMinutes } = this.#options;
    const notBefore = this.#now() - SKEW_MS;
    const notAfter = notBefore + lifetimeMinutes * 60_000;
    const plaintext = encodePayload({ notBefore, notAfter });
    const { ciphertext } = await kms.encrypt({ keyId: authKey, plaintext, context: this.#context });
    return { token: Buffer.from(ciphertext).toString('base64'), notAfter };
  }

  /** Whether a token is valid for at least three more minutes, and was not made by a clock ahead of ours. */
  #isFresh(notAfter: number): boolean {
    const now = this.#now();
    return now <= notAfter - SKEW_MS && notAfter <= now + this.#options.lifetimeMinutes * 60_000;
  }

  async #read(path: string): Promise<CachedToken | undefined> {
    try {
      // An attacker who plants a token would see our requests, made under a name that we did not choose.
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

  async #write(path: string, { token, notAfter }: CachedToken): Promise<void> {
    const file = { token, not_after: formatTokenTime(notAfter), auth_context: this.#context, scope: this.#scope() };
    try {
      await replaceFile(path, JSON.stringify(file));
    } catch (error) {
      this.#warn('not written', error);
    }
  }

  /**
   * Everything else that must match for a cached token to be used. compat: the original compares only auth_context, and
   * so sent a token of one key or region to another. It ignores fields that it does not know, such as this one.
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
