import type { Key } from 'node:readline';
import { TtyPrompt, openTty } from './tty.js';
import { MAX_ANSWER, HiddenInput, isCtrlC, isLineEnd } from './hidden-input.js';
import { UsageError, CommandError } from '../arguments/errors.js';

/** The prompt was cancelled with Ctrl-C, or the terminal went away. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Asks for one line without echo on the controlling terminal, because standard input and output may be redirected. The
 * first line end ends the line, even a pasted one. Ctrl-Z suspends the program; when it continues, it asks again and
 * keeps what was typed. Throws {@link UsageError} if there is no terminal, {@link Interrupted} after Ctrl-C, after
 * Ctrl-D on an empty line and when the terminal goes away, and {@link CommandError} for more than {@link MAX_ANSWER}
 * characters.
 */
export async function askSecret(message: string): Promise<string> {
  const { text, fault } = await ask(message, { isValue: false });
  if (fault !== undefined) throw new CommandError(`${message}: ${FAULTS[fault]}`);
  return text;
}

/** How often to ask for a value while the answers are empty. */
const MAX_ATTEMPTS = 3;

/**
 * Asks for a value as {@link askSecret} does, and again if it is empty: Enter may have been pressed too early, or the
 * terminal may have dropped what was pasted.
 *
 * A value can have several lines if they are pasted and the terminal marks pasted text; then Enter ends it. Line ends
 * become `\n`, because terminals change them, and a single line loses the line end that was copied with it.
 *
 * If the terminal does not mark pasted text, the first line end ends the value. Input that follows within
 * {@link PASTE_GAP_MS} counts as pasted, because nobody types that fast; later input answers the next question.
 *
 * Throws {@link CommandError} if all answers were empty, for several lines from a terminal that does not mark them, and
 * for more than {@link MAX_ANSWER} characters.
 */
export async function askValue(key: string): Promise<string> {
  for (let time = 1; time <= MAX_ATTEMPTS; time += 1) {
    const message = time === 1 ? key : `${key} (nothing was typed; Ctrl-C cancels)`;
    const { text, fault } = await ask(message, { isValue: true });
    if (fault !== undefined) {
      throw new CommandError(
        `${FAULTS[fault]} for ${key}, and nothing is stored: use --credential-pairs @file for such a value`,
      );
    }
    if (text !== '') return text;
  }
  throw new CommandError(
    `nothing was typed for ${key}, and nothing is stored: use --credential-pairs for an empty value`,
  );
}

const FAULTS = {
  'several-lines': 'more than one line was pasted',
  'too-long': `more than ${MAX_ANSWER} characters were entered`,
} as const;

interface Answer {
  text: string;
  /** Why the text must not be used. */
  fault?: keyof typeof FAULTS;
}

/** Milliseconds without input after which a line end counts as Enter, not as pasted. */
const PASTE_GAP_MS = 100;

/** `isValue`: the answer may have several lines, and nothing that is pasted may be lost. */
async function ask(message: string, { isValue }: { isValue: boolean }): Promise<Answer> {
  const terminal = openTty();
  if (terminal === undefined) throw new UsageError(`${message} can only be asked for on a terminal`);
  const { input } = terminal;
  const { emitKeypressEvents } = await import('node:readline');
  emitKeypressEvents(input);
  const prompt = new TtyPrompt(terminal, `${message}: `, { marksPastes: isValue });
  let removeListeners = (): void => undefined;
  try {
    return await new Promise((resolve, reject) => {
      const cancel = (): void => reject(new Interrupted());
      const reader = new AnswerReader({ isValue, resolve, cancel, suspend: () => prompt.suspend() });
      const onKey = (typed: string | undefined, key: Key): void => reader.press(typed, key);
      // When a terminal goes away, its stream ends, or a read fails.
      input.on('keypress', onKey).on('end', cancel).on('error', cancel);
      removeListeners = () => {
        reader.stop();
        input.off('keypress', onKey).off('end', cancel).off('error', cancel);
      };
      prompt.show();
      input.resume();
    });
  } finally {
    prompt.leave();
    removeListeners();
    terminal.close();
  }
}

/** What to do with the keys of a prompt. */
interface PromptHandlers {
  isValue: boolean;
  resolve(answer: Answer): void;
  cancel(): void;
  suspend(): void;
}

/** Collects keys until the answer is complete. */
class AnswerReader {
  readonly #line = new HiddenInput();
  readonly #handlers: PromptHandlers;
  /** Runs after a line end, until it counts as Enter. */
  #gap: NodeJS.Timeout | undefined;
  #keysAfterLineEnd = 0;
  #hasMoreLines = false;
  #isDone = false;

  constructor(handlers: PromptHandlers) {
    this.#handlers = handlers;
  }

  press(typed: string | undefined, key: Key): void {
    if (this.#isDone) return;
    if (this.#gap !== undefined && !isCtrlC(key)) {
      this.#keysAfterLineEnd += 1;
      // Nothing is lost with empty lines and the second half of a line end.
      this.#hasMoreLines ||= !isLineEnd(key.name);
      this.#gap.refresh();
      return;
    }
    const action = this.#line.press(typed, key);
    if (action === 'suspend') this.#handlers.suspend();
    else if (action === 'submit' && this.#handlers.isValue)
      this.#gap = setTimeout(() => this.#endUnlessKeysFollow(), PASTE_GAP_MS);
    else if (action === 'submit') this.#end();
    else if (action === 'cancel') {
      this.stop();
      this.#handlers.cancel();
    }
  }

  stop(): void {
    this.#isDone = true;
    clearTimeout(this.#gap);
  }

  /** Handles keys first that arrived while this program was busy. */
  #endUnlessKeysFollow(): void {
    const keys = this.#keysAfterLineEnd;
    setImmediate(() => {
      if (keys === this.#keysAfterLineEnd && !this.#isDone) this.#end();
    });
  }

  #end(): void {
    this.stop();
    const fault = this.#line.isTooLong ? 'too-long' : this.#hasMoreLines ? 'several-lines' : undefined;
    this.#handlers.resolve({ text: this.#line.text, ...(fault && { fault }) });
  }
}
