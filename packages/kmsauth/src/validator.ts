import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { AttemptLimit } from './attempt-limit.js';
import { decodeBase64 } from './base64.js';
import { KmsRefused, KmsUnavailable, type KmsLike } from './kms.js';
import {
  parsePayload,
  parseUsername,
  tokenContext,
  type TokenLifetime,
  type TokenUsername,
  type TokenVersion,
} from './token.js';
import { TrustedKeys } from './trusted-keys.js';

/** The identity that a token proves. */
export interface VerifiedToken {
  readonly version: TokenVersion;
  readonly userType: string;
  readonly from: string;
  /** The account that the key is scoped to; null for users and for keys without an account. */
  readonly account: string | null;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** The key that made the token, as KMS reported it. */
  readonly keyArn: string;
}

/** Why a token was rejected. */
export type TokenRejection =
  | 'malformed-username'
  | 'version'
  | 'user-type'
  | 'malformed-token'
  | 'kms-refused'
  | 'key'
  | 'payload'
  | 'lifetime'
  | 'not-yet-valid'
  | 'expired';

/** The token does not prove what its username claims. The message contains neither of them. */
export class TokenRejected extends Error {
  override readonly name = 'TokenRejected';
  constructor(
    readonly reason: TokenRejection,
    options?: ErrorOptions,
  ) {
    super(`the token was refused (${reason})`, options);
  }
}

/** An event for metrics, with the original's name. It contains nothing of the token. */
export type TokenEvent =
  | { kind: 'timer'; name: 'decrypt_token' | 'kms_decrypt_token'; durationMs: number }
  | { kind: 'counter'; name: 'token_version_1' | 'token_version_2'; count: 1 };

export interface TokenValidatorOptions {
  kms: KmsLike;
  /** The `to` of every token: this service's name, AUTH_CONTEXT. */
  to: string;
  /** The configured keys for services, each with the account it is scoped to, or null. */
  serviceKeys: ReadonlyMap<string, string | null>;
  /** The configured keys for the user type `user`. */
  userKeys: readonly string[];
  /** The user types that are accepted; only `service` and `user` have keys. */
  userTypes: readonly string[];
  minimumVersion: TokenVersion;
  maximumVersion: TokenVersion;
  maxLifetimeMinutes: number;
  /** Maximum number of verified tokens in the cache; 0 turns the cache off. */
  cacheSize: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
  onEvent?: (event: TokenEvent) => void;
}

interface Verified extends TokenLifetime {
  readonly token: VerifiedToken;
}

// KMS ciphertexts have at most 6144 bytes.
const MAX_TOKEN_LENGTH = 8192;
/** How long a rejection is remembered: less than a key behind an alias takes to be looked up again. */
const REJECTION_AGE_MS = 20_000;
const MAX_REJECTIONS = 10_000;

/** What KMS says of a ciphertext or context that the caller got wrong. Any other refusal is about this service. */
const BLAMES_CALLER: ReadonlySet<string> = new Set([
  'InvalidCiphertextException',
  'IncorrectKeyException',
  'ValidationException',
]);

/**
 * Verifies tokens with KMS and caches valid ones until they expire. A cached token costs one hash. An unknown one costs
 * calls to KMS, which are shared by all requests that send it at the same time.
 */
export class TokenValidator {
  readonly #options: TokenValidatorOptions;
  readonly #now: () => number;
  readonly #keys: TrustedKeys;
  readonly #cache: LRUCache<string, Verified> | undefined;
  readonly #rejections = new LRUCache<string, { reason: TokenRejection; until: number }>({ max: MAX_REJECTIONS });
  readonly #attempts: AttemptLimit;
  readonly #pending = new Map<string, Promise<Verified>>();

  constructor(options: TokenValidatorOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#keys = new TrustedKeys(options.kms, [...options.serviceKeys.keys(), ...options.userKeys], this.#now);
    this.#attempts = new AttemptLimit(this.#now);
    if (options.cacheSize > 0) this.#cache = new LRUCache({ max: options.cacheSize });
  }

  /**
   * Verifies a token and returns the sender's identity. Rejects with {@link TokenRejected} for an invalid token, and
   * with KmsUnavailable when KMS gave no answer, which says nothing about the token, or is not asked because too many
   * tokens were rejected lately.
   *
   * @param address where the token comes from: rejections are limited for each address, and for all together
   */
  async validate(username: string, token: string, address = ''): Promise<VerifiedToken> {
    const startedAt = performance.now();
    try {
      return await this.#validate(username, token, address);
    } finally {
      this.#options.onEvent?.({ kind: 'timer', name: 'decrypt_token', durationMs: performance.now() - startedAt });
    }
  }

  async #validate(username: string, token: string, address: string): Promise<VerifiedToken> {
    const claim = parseUsername(username);
    if (claim === undefined) throw new TokenRejected('malformed-username');
    this.#options.onEvent?.({ kind: 'counter', name: `token_version_${claim.version}`, count: 1 });
    if (claim.version < this.#options.minimumVersion || claim.version > this.#options.maximumVersion) {
      throw new TokenRejected('version');
    }
    if (!this.#options.userTypes.includes(claim.userType)) throw new TokenRejected('user-type');
    if (token.length === 0 || token.length > MAX_TOKEN_LENGTH) throw new TokenRejected('malformed-token');

    const id = cacheId(claim, token);
    const known = this.#cache?.get(id);
    try {
      if (known !== undefined) {
        this.#checkTime(known);
        // The key is checked again, because its alias may point to another key now.
        if ((await this.#accountOf(claim, known.token.keyArn)) === known.token.account) return known.token;
      }
      return (await this.#verifyOnce(id, claim, token, address)).token;
    } catch (error) {
      if (known !== undefined && error instanceof TokenRejected) this.#cache?.delete(id);
      throw error;
    }
  }

  /** Verifies once for all concurrent requests with the same username and token, and remembers what was rejected. */
  #verifyOnce(id: string, claim: TokenUsername, token: string, address: string): Promise<Verified> {
    let verification = this.#pending.get(id);
    if (verification === undefined) {
      const rejection = this.#rejections.get(id);
      if (rejection !== undefined && rejection.until > this.#now()) {
        return Promise.reject(new TokenRejected(rejection.reason));
      }
      if (!this.#attempts.allows(address)) return Promise.reject(new KmsUnavailable('TooManyRejectedTokens'));
      verification = this.#verify(claim, token)
        .then(
          (verified) => {
            this.#cache?.set(id, verified);
            return verified;
          },
          (error: unknown) => {
            if (wasRefusedByKms(error)) this.#attempts.failed(address);
            // A token that is not valid yet will be.
            if (error instanceof TokenRejected && error.reason !== 'not-yet-valid') {
              this.#rejections.set(id, { reason: error.reason, until: this.#now() + REJECTION_AGE_MS });
            }
            throw error;
          },
        )
        .finally(() => this.#pending.delete(id));
      this.#pending.set(id, verification);
    }
    return verification;
  }

  async #verify(claim: TokenUsername, token: string): Promise<Verified> {
    const ciphertext = decodeBase64(token, MAX_TOKEN_LENGTH);
    if (ciphertext === undefined) throw new TokenRejected('malformed-token');
    const { plaintext, keyArn } = await this.#decrypt(claim, ciphertext);
    const account = await this.#accountOf(claim, keyArn);
    const lifetime = parsePayload(plaintext);
    if (lifetime === undefined) throw new TokenRejected('payload');
    const lifetimeMs = lifetime.notAfter - lifetime.notBefore;
    // The original ignored whole days here.
    if (lifetimeMs < 0 || lifetimeMs > this.#options.maxLifetimeMinutes * 60_000) throw new TokenRejected('lifetime');
    const verified = { ...lifetime, token: Object.freeze({ ...claim, account, notAfter: lifetime.notAfter, keyArn }) };
    this.#checkTime(verified);
    return verified;
  }

  async #decrypt(claim: TokenUsername, ciphertext: Uint8Array): Promise<{ plaintext: Uint8Array; keyArn: string }> {
    const startedAt = performance.now();
    try {
      return await this.#options.kms.decrypt({ ciphertext, context: tokenContext(claim, this.#options.to) });
    } catch (error) {
      if (!(error instanceof KmsRefused)) throw error;
      if (!BLAMES_CALLER.has(error.code)) throw new KmsUnavailable(error.code, { cause: error });
      throw new TokenRejected('kms-refused', { cause: error });
    } finally {
      this.#options.onEvent?.({ kind: 'timer', name: 'kms_decrypt_token', durationMs: performance.now() - startedAt });
    }
  }

  /** Returns the account of the key. Rejects with {@link TokenRejected} if the key is not for the claimed user type. */
  async #accountOf(claim: TokenUsername, keyArn: string): Promise<string | null> {
    const references = this.#keys.matchKnown(keyArn) ?? (await this.#keys.match(keyArn));
    const { serviceKeys, userKeys, minimumVersion } = this.#options;
    const ofServices = references.filter((reference) => serviceKeys.has(reference));
    if (claim.userType === 'service' && ofServices.length > 0) {
      const [account = null, ...others] = ofServices.map((reference) => serviceKeys.get(reference));
      // A key configured for several accounts proves none of them.
      return others.every((other) => other === account) ? account : null;
    }
    if (claim.userType === 'user' && references.some((reference) => userKeys.includes(reference))) {
      // While version 1 is allowed, a service's grant on the key does not fix the user type: a service could write
      // `user` into the context of a key it shares with users. The original's guide only warned of such a set-up.
      if (ofServices.length === 0 || (claim.version === 2 && minimumVersion === 2)) return null;
    }
    throw new TokenRejected('key');
  }

  #checkTime({ notBefore, notAfter }: TokenLifetime): void {
    const now = this.#now();
    if (now < notBefore) throw new TokenRejected('not-yet-valid');
    if (now > notAfter) throw new TokenRejected('expired');
  }
}

/** Whether a token cost a call to KMS for nothing. An outage of KMS is not the sender's doing. */
function wasRefusedByKms(error: unknown): boolean {
  if (error instanceof TokenRejected) return error.reason !== 'malformed-token';
  return error instanceof KmsUnavailable && error.cause instanceof KmsRefused;
}

/** Covers everything that the result depends on. NUL cannot occur in a username, so no two requests share an id. */
function cacheId({ version, userType, from }: TokenUsername, token: string): string {
  return createHash('sha256').update(`${version}\0${userType}\0${from}\0${token}`).digest('base64');
}
