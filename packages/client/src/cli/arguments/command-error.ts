/** A command can not do what was asked for; the message says what to do instead. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
