import { ERRORS, type ErrorCode } from '@confidant/contract';

/** Keys that more than one mapped credential has, and the credentials that have them. Empty lists are left out. */
export type Conflicts = Record<string, { credentials?: string[]; blind_credentials?: string[]; services?: string[] }>;

/** A request that is answered with an error on purpose. Everything in it is shown to the caller. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reference: string | undefined;
  readonly conflicts: Conflicts | undefined;

  constructor(
    readonly code: ErrorCode,
    /** Text for the caller; by default the code's own. */
    text: string = ERRORS[code].text,
    details: { reference?: string; conflicts?: Conflicts; cause?: unknown } = {},
  ) {
    super(text, details.cause === undefined ? undefined : { cause: details.cause });
    this.reference = details.reference;
    this.conflicts = details.conflicts;
  }
}
