import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../terminal/log.js';
import { asUnknown, isConflict } from './unknown-outcome.js';

const MAX_ATTEMPTS = 12;
/** Longer each time, so that many writers come to an order. */
const PAUSE_MS = 50;

/** What came of the attempts before. */
export interface Attempt {
  isFirst: boolean;
  /** One before may have been carried out: it was sent more than once, and the first answer lost. */
  mayBeDone: boolean;
}

/**
 * Does `work`, which reads something and writes it back with `expected_revision`, and begins again when somebody else
 * wrote in between: nobody's change is lost. Rejects with what `work` rejects with, at the last with ConfidantError
 * `write_conflict`; once an answer may have been lost, with CommandError that nobody knows whether it was done. Servers
 * of the original know no expected revision: there the last writer wins, as always.
 */
export async function beginAgain<Result>(log: Log, work: (attempt: Attempt) => Promise<Result>): Promise<Result> {
  let mayBeDone = false;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work({ isFirst: attempt === 1, mayBeDone });
    } catch (error) {
      const isRefused = isConflict(error);
      mayBeDone ||= isRefused && error.attempts > 1;
      if (!isRefused || attempt === MAX_ATTEMPTS) throw mayBeDone ? await asUnknown(error) : error;
      const pauseMs = Math.random() * PAUSE_MS * attempt;
      log.debug(`pause: ${Math.round(pauseMs)} ms before it begins again (${attempt}): somebody else wrote in between`);
      await sleep(pauseMs);
    }
  }
}
