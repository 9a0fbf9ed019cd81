import type { Key } from 'node:readline';
import { TtyPrompt, openTty } from './tty.js';
import { MAX_ANSWER, HiddenInput, isCtrlC, isLineEnd } from './hidden-input.js';
import { UsageError, CommandError } from '../arguments/errors.js';

/** The person pressed Ctrl-C instead of answering, or the terminal went away. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Asks a person for a code of one line, without echo, on the controlling terminal: standard input may hold values,
 * standard output the answer. The first line end ends it, a pasted one too. Ctrl-Z suspends the program as elsewhere;
 * when it goes on, it asks again, and what was typed stays. Throws {@link UsageError} when there is no terminal,
 * {@link Interrupted} after Ctrl-C, Ctrl-D on an empty line, or when the terminal goes away, and {@link CommandError}
 * for more than {@link MAX_ANSWER} characters.
 */
export async function askSecret(message: string): Promise<string> {
  const { text, fault } = await ask(message, { isValue: false });
  if (fault !== undefined) throw new CommandError(`${message}: ${FAULTS[fault]}`);
  return text;
}

/** Times that a person is asked for one value. */
const MAX_ASKED = 3;

/**
 * Asks for a value as {@link askSecret} does for a code, and again when it is empty: Enter was pressed too early, or
 * something was pasted that a terminal drops.
 *
 * A value may have several lines if they are pasted and the terminal marks what is pasted; Enter ends it. It is then
 * what was pasted, with a line end behind the last line or without, as a file with it would be taken; only line ends
 * are all `\n` (terminals change them), and one line loses the line end that was copied with it.
 *
 * Without marks a line end ends the value, as Enter. What comes less than {@link PASTE_GAP_MS} later was pasted with
 * it: people are slower. What they type ahead later than that is the answer to the next question.
 *
 * Throws {@link CommandError} when all answers were empty, for a value of several lines without marks, and for one of
 * more than {@link MAX_ANSWER} characters.
 */
export async function askValue(key: string): Promise<string> {
  for (let time = 1; time <= MAX_ASKED; time += 1) {
    const message = time === 1 ? key : `${key} (nothing was typed; Ctrl-C gives up)`;
    const { text, fault } = await ask(message, { isValue: true });
    if (fault !== undefined) {
      throw new CommandError(
        `${FAULTS[fault]} for ${key}, and nothing is stored: --credential-pairs @file takes such a value`,
      );
    }
    if (text !== '') return text;
  }
  throw new CommandError(
    `nothing was typed for ${key}, and nothing is stored (--credential-pairs takes an empty value, if one is meant)`,
  );
}

const FAULTS = {
  'several-lines': 'more than one line was pasted',
  'too-long': `more than ${MAX_ANSWER} characters were given`,
} as const;

interface Answer {
  text: string;
  /** Why the text must not be used. */
  fault?: keyof typeof FAULTS;
}

/** Milliseconds of silence that tell a pasted line end from Enter. */
const PASTE_GAP_MS = 100;

/** `isValue`: of any number of lines, and nothing that is pasted may be lost. */
async function ask(message: string, { isValue }: { isValue: boolean }): Promise<Answer> {
  const terminal = openTty();
  if (terminal === undefined) throw new UsageError(`${message} can only be asked for on a terminal`);
  const { input } = terminal;
  const { emitKeypressEvents } = await import('node:readline');
  emitKeypressEvents(input);
  const prompt = new TtyPrompt(terminal, `${message}: `, { marksPastes: isValue });
  let forget = (): void => undefined;
  try {
    return await new Promise((resolve, reject) => {
      const giveUp = (): void => reject(new Interrupted());
      const answering = new Answering({ isValue, resolve, giveUp, suspend: () => prompt.suspend() });
      const onKey = (typed: string | undefined, key: Key): void => answering.press(typed, key);
      // A terminal that goes away is its end, or a failed read.
      input.on('keypress', onKey).on('end', giveUp).on('error', giveUp);
      forget = () => {
        answering.stop();
        input.off('keypress', onKey).off('end', giveUp).off('error', giveUp);
      };
      prompt.show();
      input.resume();
    });
  } finally {
    prompt.leave();
    forget();
    terminal.close();
  }
}

/** Who waits for an answer. */
interface Asker {
  isValue: boolean;
  resolve(answer: Answer): void;
  giveUp(): void;
  suspend(): void;
}

/** Makes an answer of keys. */
class Answering {
  readonly #line = new HiddenInput();
  readonly #to: Asker;
  /** Runs behind the line end. */
  #gap: NodeJS.Timeout | undefined;
  #keysBehind = 0;
  #isMore = false;
  #isOver = false;

  constructor(to: Asker) {
    this.#to = to;
  }

  press(typed: string | undefined, key: Key): void {
    if (this.#isOver) return;
    if (this.#gap !== undefined && !isCtrlC(key)) {
      this.#keysBehind += 1;
      // Empty lines, and the second half of a line end, lose nothing.
      this.#isMore ||= !isLineEnd(key.name);
      this.#gap.refresh();
      return;
    }
    const wish = this.#line.press(typed, key);
    if (wish === 'suspend') this.#to.suspend();
    else if (wish === 'enter' && this.#to.isValue) this.#gap = setTimeout(() => this.#endUnlessMore(), PASTE_GAP_MS);
    else if (wish === 'enter') this.#end();
    else if (wish === 'give-up') {
      this.stop();
      this.#to.giveUp();
    }
  }

  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#gap);
  }

  /** What has arrived while this program had no time is read first. */
  #endUnlessMore(): void {
    const keys = this.#keysBehind;
    setImmediate(() => {
      if (keys === this.#keysBehind && !this.#isOver) this.#end();
    });
  }

  #end(): void {
    this.stop();
    const fault = this.#line.isTooLong ? 'too-long' : this.#isMore ? 'several-lines' : undefined;
    this.#to.resolve({ text: this.#line.text, ...(fault && { fault }) });
  }
}
