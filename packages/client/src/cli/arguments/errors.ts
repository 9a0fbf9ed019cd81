/** A command cannot do what was asked for; the message says what to do instead. Exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The command line is not well-formed: exit code 2, with a pointer to the help. The message never holds a secret. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  constructor(
    message: string,
    /** The command whose help to point to, if one was recognised. */
    readonly command?: string,
  ) {
    super(message);
  }
}
