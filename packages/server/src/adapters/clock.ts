import { instantOf } from '../domain/instant.js';
import type { Clock } from '../ports/clock.js';

/** A clock of the machine's time in microseconds; two instants of one process are never equal. */
export function systemClock(): Clock {
  let last = 0;
  return {
    now() {
      // Date counts milliseconds. The microseconds come from the high-resolution timer: they only have to move on.
      const microseconds = Date.now() * 1000 + (Number(process.hrtime.bigint() / 1000n) % 1000);
      last = Math.max(microseconds, last + 1);
      return instantOf(last);
    },
  };
}
