import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../terminal/log.js';
import { isConflict, toUnknownOutcome } from './unknown-outcome.js';

const MAX_ATTEMPTS = 12;
/** The longest first pause; it grows with each attempt, so that many writers get their turns. */
const PAUSE_MS = 50;

/** What is known of the attempts before. */
export interface Attempt {
  isFirst: boolean;
  /** An earlier attempt may have been applied: it was sent more than once, and the first response was lost. */
  mayBeApplied: boolean;
}

/**
 * Runs `work`, which reads something and writes it back with `expected_revision`, again when somebody else wrote in
 * between, so that no change is lost. Rejects with what `work` rejects with, after the last attempt with ConfidantError
 * `write_conflict`; once a response may have been lost, with UnknownOutcome. Servers of the original do not check
 * expected revisions: there the last writer wins.
 */
export async function retryOnConflict<Result>(log: Log, work: (attempt: Attempt) => Promise<Result>): Promise<Result> {
  let mayBeApplied = false;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work({ isFirst: attempt === 1, mayBeApplied });
    } catch (error) {
      const isRefused = isConflict(error);
      mayBeApplied ||= isRefused && error.attempts > 1;
      if (!isRefused || attempt === MAX_ATTEMPTS) throw mayBeApplied ? await toUnknownOutcome(error) : error;
      const pauseMs = Math.random() * PAUSE_MS * attempt;
      log.debug(
        `conflict: somebody else wrote in between; attempt ${attempt + 1} follows after ${Math.round(pauseMs)} ms`,
      );
      await sleep(pauseMs);
    }
  }
}
