import { CommandError } from '../arguments/errors.js';

/** A change that was asked for without saying what to change. compat: the original's words. */
export class NoChanges extends CommandError {
  constructor() {
    super('No changes to make');
  }
}
