import { UsageError } from './usage-error.js';

/** The person pressed Ctrl-C instead of answering. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Asks a person for a secret, without echo, on the terminal. Throws {@link UsageError} when standard input is no
 * terminal, {@link Interrupted} after Ctrl-C.
 */
export async function askSecret(message: string): Promise<string> {
  if (!process.stdin.isTTY) throw new UsageError(`${message} can only be asked for on a terminal`);
  const { default: password } = await import('@inquirer/password');
  try {
    // The answer of the program goes to standard output: the question must not.
    return await password(
      { message, mask: false, toggleMask: false },
      { output: process.stderr, clearPromptOnDone: false },
    );
  } catch (error) {
    if (error instanceof Error && error.name === 'ExitPromptError') throw new Interrupted();
    throw error;
  }
}
