/** The command line was written wrong: exit code 2, and the way to the help. Never holds a secret. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  constructor(
    message: string,
    /** Whose help says how it is written, where a command was recognised. */
    readonly command?: string,
  ) {
    super(message);
  }
}
