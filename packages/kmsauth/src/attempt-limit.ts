import { LRUCache } from 'lru-cache';

interface Budget {
  left: number;
  /** When `left` was true, in milliseconds. */
  at: number;
}

/** Failures that are allowed at once, and how many more become allowed each second. */
interface Rate {
  burst: number;
  perSecond: number;
}

const OF_ALL: Rate = { burst: 1000, perSecond: 100 };
const OF_ADDRESS: Rate = { burst: 200, perSecond: 10 };
const MAX_ADDRESSES = 10_000;

/**
 * Bounds how many failures senders may cause, each address by itself and all together. What succeeds costs nothing, so
 * that a fleet of any size may start at once.
 */
export class AttemptLimit {
  readonly #now: () => number;
  readonly #all: Budget;
  readonly #ofAddress = new LRUCache<string, Budget>({ max: MAX_ADDRESSES });

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
    this.#all = { left: OF_ALL.burst, at: now() };
  }

  /** Whether this address may try. */
  allows(address: string): boolean {
    const own = this.#ofAddress.get(address);
    return this.#left(this.#all, OF_ALL) >= 1 && (own === undefined || this.#left(own, OF_ADDRESS) >= 1);
  }

  /** Counts an attempt of this address that failed. */
  failed(address: string): void {
    const own = this.#ofAddress.get(address) ?? { left: OF_ADDRESS.burst, at: this.#now() };
    this.#ofAddress.set(address, own);
    for (const [budget, rate] of [
      [this.#all, OF_ALL],
      [own, OF_ADDRESS],
    ] as const) {
      budget.left = Math.max(0, this.#left(budget, rate) - 1);
      budget.at = this.#now();
    }
  }

  #left({ left, at }: Budget, { burst, perSecond }: Rate): number {
    return Math.min(burst, left + (Math.max(0, this.#now() - at) / 1000) * perSecond);
  }
}
