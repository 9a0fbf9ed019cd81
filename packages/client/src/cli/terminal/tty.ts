import { closeSync, openSync, writeSync } from 'node:fs';
import { ReadStream, isatty } from 'node:tty';

/** The terminal of the person who runs the program. */
interface Tty {
  input: ReadStream;
  /** Whether written escape sequences reach a terminal that understands them. */
  supportsEscapes: boolean;
  write(text: string): void;
  close(): void;
}

/** Opens the controlling terminal, or standard input if that is a terminal; undefined if there is none. */
export function openTty(): Tty | undefined {
  const fd = openControlling();
  if (fd !== undefined) {
    const input = new ReadStream(fd);
    // The terminal went away, so its mode cannot be restored.
    input.on('error', () => undefined);
    return {
      input,
      supportsEscapes: supportsEscapes(),
      write: (text) => writeTo(fd, text),
      close: () => void input.destroy(),
    };
  }
  if (!process.stdin.isTTY) return undefined;
  // Some containers have a terminal that is not a controlling one, and Windows has no /dev/tty.
  return {
    input: process.stdin,
    supportsEscapes: process.stderr.isTTY && supportsEscapes(),
    write: (text) => void process.stderr.write(text),
    close: () => void process.stdin.pause(),
  };
}

/** Turns marks around pasted text ("bracketed paste") on and off. */
const MARK_PASTES = '\x1b[?2004h';
const UNMARK_PASTES = '\x1b[?2004l';

/** Signals before which to restore the terminal. Not SIGHUP: then the terminal is gone. */
const ENDING = ['SIGINT', 'SIGTERM'] as const;

/**
 * A prompt without echo. It restores the terminal when the prompt is done, the program is suspended by Ctrl-Z or a
 * signal ends it, and shows the prompt again when the program continues.
 */
export class TtyPrompt {
  readonly #terminal: Tty;
  readonly #text: string;
  readonly #marksPastes: boolean;
  #isDone = false;
  #isSuspended = false;

  constructor(terminal: Tty, text: string, { marksPastes }: { marksPastes: boolean }) {
    this.#terminal = terminal;
    this.#text = text;
    this.#marksPastes = marksPastes && terminal.supportsEscapes;
  }

  show(): void {
    for (const signal of ENDING) process.on(signal, this.#end);
    this.#takeTerminal();
  }

  leave(): void {
    this.#isDone = true;
    this.#restoreTerminal();
    for (const signal of ENDING) process.off(signal, this.#end);
    this.#terminal.write('\n');
  }

  /** Suspends the program and its whole pipeline, as terminals do on Ctrl-Z for programs that do not read keys. */
  suspend(): void {
    if (process.platform === 'win32' || this.#isSuspended) return;
    this.#isSuspended = true;
    this.#restoreTerminal();
    // Returns when the program continues, or at once if no shell could continue it.
    process.kill(0, 'SIGTSTP');
    // A signal may have ended the program meanwhile; taking the terminal in the background would suspend it again.
    setImmediate(() => setImmediate(() => this.#isDone || this.#takeTerminal()));
  }

  #takeTerminal(): void {
    this.#isSuspended = false;
    // In the background this suspends the program and returns when it continues, so SIGCONT is handled only from here
    // on.
    this.#terminal.input.setRawMode(true);
    process.on('SIGCONT', this.#resume);
    // The prompt comes last, because the terminal echoes what is typed before raw mode.
    this.#terminal.write(`${this.#marksPastes ? MARK_PASTES : ''}${this.#text}`);
  }

  #restoreTerminal(): void {
    process.off('SIGCONT', this.#resume);
    if (this.#marksPastes) this.#terminal.write(UNMARK_PASTES);
    this.#terminal.input.setRawMode(false);
  }

  /** After SIGCONT the shell may have changed the terminal's mode without Node knowing. */
  readonly #resume = (): void => {
    this.#restoreTerminal();
    this.#takeTerminal();
  };

  readonly #end = (signal: NodeJS.Signals): void => {
    this.leave();
    process.kill(process.pid, signal);
  };
}

function supportsEscapes(): boolean {
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
    // The terminal went away; the reader notices that, too.
  }
}
