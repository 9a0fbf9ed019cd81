import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { ExpiringStore } from '../ports/expiring.js';
import { CookieSeal } from './cookie-seal.js';

/** Time for a person to log in at the provider. */
export const FLOW_SECONDS = 900;

/** A browser loses its cookie with the first failure; a few more are for answers that get lost on the way. */
const MAX_FAILURES = 3;

const sealedFlow = z.object({
  id: z.string(),
  kind: z.string(),
  expiresAt: z.number(),
  returnTo: z.string(),
  data: z.record(z.string(), z.string()),
});

/** A login or logout that a browser began. */
export interface BegunFlow {
  id: string;
  data: Record<string, string>;
  returnTo: string;
}

/**
 * Ties the end of a login to the browser that began it: what must match is in a sealed cookie of that browser, so that
 * any worker can finish it, and a login cannot be finished in another browser. Each flow ends once.
 */
export class LoginFlows {
  readonly #seal: CookieSeal;
  /** Failures by flow, in this process alone: strangers begin flows, and theirs shall fill no shared store. */
  readonly #failures = new LRUCache<string, number>({ max: 10_000, ttl: FLOW_SECONDS * 1000 });

  constructor(
    secrets: readonly string[],
    private readonly used: ExpiringStore,
    /** Seconds since 1970. */
    private readonly now: () => number,
  ) {
    this.#seal = new CookieSeal(secrets, 'login flow');
  }

  /** The cookie to send with the redirect to the provider. */
  begin(kind: string, data: Record<string, string>, returnTo: string): Promise<string> {
    const id = randomBytes(18).toString('base64url');
    return this.#seal.seal({ id, kind, expiresAt: this.now() + FLOW_SECONDS, returnTo, data });
  }

  /** The flow of a cookie; undefined when it is not of this kind, took too long, or ended before. */
  async begun(kind: string, cookie: string | undefined): Promise<BegunFlow | undefined> {
    if (cookie === undefined) return undefined;
    const parsed = sealedFlow.safeParse(await this.#seal.open(cookie));
    if (!parsed.success || parsed.data.kind !== kind || parsed.data.expiresAt <= this.now()) return undefined;
    const { id, data, returnTo } = parsed.data;
    if ((this.#failures.get(id) ?? 0) >= MAX_FAILURES) return undefined;
    return (await this.used.get(`flow:${id}`)) === undefined ? { id, data, returnTo } : undefined;
  }

  /** Counts an answer of the provider that proved nothing: after a few the flow is over. */
  failed({ id }: BegunFlow): void {
    this.#failures.set(id, (this.#failures.get(id) ?? 0) + 1);
  }

  /**
   * Ends a flow; false when it ended before. Call it when the provider's response is verified and before it has any
   * effect: anyone can begin logins, and a login that never ends must leave nothing behind.
   */
  end({ id }: BegunFlow): Promise<boolean> {
    return this.used.add(`flow:${id}`, '1', FLOW_SECONDS);
  }
}
