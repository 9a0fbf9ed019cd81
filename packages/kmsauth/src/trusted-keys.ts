import { KmsRefused, KmsUnavailable, keyReference, type KmsLike } from './kms.js';

/** How long a resolved alias is trusted before KMS is asked again. */
const REFRESH_AFTER_MS = 5 * 60_000;
/** Minimum time between look-ups for unknown ARNs; it bounds the calls to KMS that foreign tokens can cause. */
const MISMATCH_REFRESH_AFTER_MS = 30_000;
/** How long the last result is used while KMS is unavailable. */
const STALE_AFTER_MS = 60 * 60_000;

interface TrustedKey {
  /** The key as it was configured: alias, id or ARN. */
  readonly reference: string;
  /** The last response of KMS, and its time. `arn` is undefined if there is no such key. */
  answer: { arn: string | undefined; at: number; isHidden?: boolean } | undefined;
  askedAt: number;
  asking: Promise<void> | undefined;
}

/**
 * The configured keys (alias, id or ARN) whose tokens are trusted, matched against the ARN that KMS reports.
 *
 * An alias can be pointed at another key, so aliases are resolved again: every five minutes while in use, and when an
 * ARN matches none of them, but then at most every thirty seconds, so that foreign tokens cannot flood KMS.
 */
export class TrustedKeys {
  readonly #kms: KmsLike;
  readonly #now: () => number;
  readonly #keys: readonly TrustedKey[];

  constructor(kms: KmsLike, references: Iterable<string>, now: () => number) {
    this.#kms = kms;
    this.#now = now;
    this.#keys = [...new Set(references)].map((reference) => {
      // A key's own ARN needs no look-up; an alias ARN does.
      const isKeyArn = /^arn:[^:]+:kms:[^:]+:[^:]+:key\/./.test(reference);
      const answer = isKeyArn ? { arn: reference, at: Infinity } : undefined;
      return { reference, answer, askedAt: isKeyArn ? Infinity : -Infinity, asking: undefined };
    });
  }

  /**
   * The configured references for `keyArn`, if known without calling KMS. Undefined if KMS must be called, because a
   * look-up is due or nothing matches.
   */
  matchKnown(keyArn: string): readonly string[] | undefined {
    const now = this.#now();
    if (this.#keys.some((key) => isDue(key, now, REFRESH_AFTER_MS))) return undefined;
    const found = this.#matching(keyArn);
    return found !== undefined && found.length > 0 ? found : undefined;
  }

  /**
   * The configured references for `keyArn`; if there are none, the key is not trusted. Rejects with KmsUnavailable
   * while any reference is unresolved, since that one might be for this key.
   */
  async match(keyArn: string): Promise<readonly string[]> {
    await this.#lookUp(REFRESH_AFTER_MS);
    if (this.#matching(keyArn)?.length === 0) await this.#lookUp(MISMATCH_REFRESH_AFTER_MS);
    const found = this.#matching(keyArn);
    if (found === undefined) throw new KmsUnavailable('TrustedKeyUnknown');
    // A key that KMS does not let this service see could be the one.
    if (found.length === 0 && this.#keys.some(({ answer }) => answer?.isHidden)) {
      throw new KmsUnavailable('TrustedKeyUnknown');
    }
    return found;
  }

  #matching(keyArn: string): readonly string[] | undefined {
    const oldest = this.#now() - STALE_AFTER_MS;
    const found: string[] = [];
    for (const { reference, answer } of this.#keys) {
      if (answer === undefined || answer.at < oldest) return undefined;
      if (answer.arn === keyArn) found.push(reference);
    }
    return found;
  }

  async #lookUp(olderThanMs: number): Promise<void> {
    const now = this.#now();
    const due = this.#keys.filter((key) => key.asking !== undefined || isDue(key, now, olderThanMs));
    await Promise.all(due.map((key) => (key.asking ??= this.#ask(key).finally(() => (key.asking = undefined)))));
  }

  async #ask(key: TrustedKey): Promise<void> {
    key.askedAt = this.#now();
    try {
      const { keyArn } = await this.#kms.describeKey(keyReference(key.reference));
      key.answer = { arn: keyArn, at: this.#now() };
    } catch (error) {
      if (error instanceof KmsRefused) {
        key.answer = { arn: undefined, at: this.#now(), isHidden: error.code !== 'NotFoundException' };
      }
      // Without an answer the last one is used until it is stale, so that throttling does not lock everybody out.
      else if (!(error instanceof KmsUnavailable)) throw error;
    }
  }
}

function isDue(key: TrustedKey, now: number, olderThanMs: number): boolean {
  return key.answer === undefined || key.askedAt < now - olderThanMs;
}
