import { setTimeout as sleep } from 'node:timers/promises';
import { isConflict } from './lost-answers.js';

const MAX_ATTEMPTS = 12;
/** Longer each time, so that many writers come to an order. */
const PAUSE_MS = 50;

/**
 * Does `work`, which reads something and writes it back with `expected_revision`, and begins again when somebody else
 * wrote in between: nobody's change is lost. After the first attempt the write may have been done although its answer
 * was lost, so `work` is told which attempt it is. Rejects with what `work` rejects with, at the last with
 * ConfidantError `write_conflict`. Servers of the original know no expected revision: there the last writer wins, as
 * always.
 */
export async function beginAgain<Result>(work: (isFirst: boolean) => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt === 1);
    } catch (error) {
      if (!isConflict(error) || attempt === MAX_ATTEMPTS) throw error;
      await sleep(Math.random() * PAUSE_MS * attempt);
    }
  }
}
