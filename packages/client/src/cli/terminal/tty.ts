import { closeSync, openSync, writeSync } from 'node:fs';
import { ReadStream, isatty } from 'node:tty';

/** The terminal that a person sits at. */
interface Tty {
  input: ReadStream;
  /** Whether what is written gets to a terminal that understands more than text. */
  takesCodes: boolean;
  write(text: string): void;
  close(): void;
}

/** The controlling terminal; where there is none, standard input if that is one. */
export function openTty(): Tty | undefined {
  const fd = openControlling();
  if (fd !== undefined) {
    const input = new ReadStream(fd);
    // It went away, and its mode can not be put back.
    input.on('error', () => undefined);
    return { input, takesCodes: takesCodes(), write: (text) => writeTo(fd, text), close: () => void input.destroy() };
  }
  if (!process.stdin.isTTY) return undefined;
  // A terminal that controls nobody, as some containers have it; or Windows.
  return {
    input: process.stdin,
    takesCodes: process.stderr.isTTY && takesCodes(),
    write: (text) => void process.stderr.write(text),
    close: () => void process.stdin.pause(),
  };
}

/** Asks the terminal to put marks around what is pasted ("bracketed paste"), and not to any more. */
const MARK_PASTES = '\x1b[?2004h';
const MARK_NO_PASTES = '\x1b[?2004l';

/** Signals that end this program, and which it can heed before. A hang-up has no terminal, and may be ignored. */
const ENDING = ['SIGINT', 'SIGTERM'] as const;

/**
 * A prompt on a terminal without echo. Whenever the program does not ask, suspended by Ctrl-Z, ended by a signal or
 * done, the terminal is as it was; when the program goes on, the prompt is shown again.
 */
export class TtyPrompt {
  readonly #terminal: Tty;
  readonly #text: string;
  readonly #marksPastes: boolean;
  #isOver = false;
  #isSuspended = false;

  constructor(terminal: Tty, text: string, { marksPastes }: { marksPastes: boolean }) {
    this.#terminal = terminal;
    this.#text = text;
    this.#marksPastes = marksPastes && terminal.takesCodes;
  }

  show(): void {
    for (const signal of ENDING) process.on(signal, this.#end);
    this.#take();
  }

  leave(): void {
    this.#isOver = true;
    this.#giveBack();
    for (const signal of ENDING) process.off(signal, this.#end);
    this.#terminal.write('\n');
  }

  /** Suspends the program, and all that runs with it in a pipeline, as the terminal does where a program reads no keys. */
  suspend(): void {
    if (process.platform === 'win32' || this.#isSuspended) return;
    this.#isSuspended = true;
    this.#giveBack();
    // Returns when the program goes on; or at once, where nobody could make it go on.
    process.kill(0, 'SIGTSTP');
    // A signal that came meanwhile ends the program first: to take the terminal in the background would suspend it again.
    setImmediate(() => setImmediate(() => this.#isOver || this.#take()));
  }

  #take(): void {
    this.#isSuspended = false;
    // Suspends a program in the background, and returns when it goes on: only then is there something to heed.
    this.#terminal.input.setRawMode(true);
    process.on('SIGCONT', this.#goOn);
    // Only now: what is typed before would be shown.
    this.#terminal.write(`${this.#marksPastes ? MARK_PASTES : ''}${this.#text}`);
  }

  #giveBack(): void {
    process.off('SIGCONT', this.#goOn);
    if (this.#marksPastes) this.#terminal.write(MARK_NO_PASTES);
    this.#terminal.input.setRawMode(false);
  }

  /** Others may have stopped the program, and the shell has set the terminal's mode, which Node.js does not know. */
  readonly #goOn = (): void => {
    this.#giveBack();
    this.#take();
  };

  readonly #end = (signal: NodeJS.Signals): void => {
    this.leave();
    process.kill(process.pid, signal);
  };
}

function takesCodes(): boolean {
  return process.platform !== 'win32' && !['', 'dumb'].includes(process.env['TERM'] ?? '');
}

function openControlling(): number | undefined {
  let fd: number;
  try {
    fd = openSync('/dev/tty', 'r+');
  } catch {
    return undefined;
  }
  if (isatty(fd)) return fd;
  closeSync(fd);
  return undefined;
}

function writeTo(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch {
    // It went away, which is noticed by reading.
  }
}
