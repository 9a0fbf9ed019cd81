import { closeSync, openSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { ReadStream, isatty } from 'node:tty';
import { CommandError } from './command-error.js';
import { UsageError } from './usage-error.js';

/** The person pressed Ctrl-C instead of answering, or the terminal went away. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

interface Terminal {
  input: ReadStream;
  write(text: string): void;
  close(): void;
}

/**
 * Asks a person for a secret, without echo, on the controlling terminal: standard input may hold values, standard
 * output the answer. Throws {@link UsageError} when there is no terminal, {@link Interrupted} after Ctrl-C, Ctrl-D on
 * an empty line, or when the terminal goes away.
 */
export async function askSecret(message: string): Promise<string> {
  const terminal = openTerminal();
  if (terminal === undefined) throw new UsageError(`${message} can only be asked for on a terminal`);
  const { createInterface } = await import('node:readline');
  // Reads keys, and would show them: to nobody.
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: terminal.input, output: unseen, terminal: true, historySize: 0 });
  try {
    // Only now: what is typed before the reader is there would be shown.
    terminal.write(`${message}: `);
    return await new Promise((resolve, reject) => {
      const giveUp = (): void => reject(new Interrupted());
      reader.once('line', resolve).once('SIGINT', giveUp).once('close', giveUp);
      // A terminal that goes away is its end, or a failed read, and its mode can not be put back: errors of both.
      reader.on('error', giveUp);
      terminal.input.on('error', giveUp);
    });
  } finally {
    reader.close();
    terminal.write('\n');
    terminal.close();
  }
}

/** Times that a person is asked for one value. */
const MAX_ASKED = 3;

/**
 * Asks for a value that may not be empty, and again when it is: Enter was pressed too early, or something was pasted
 * that a terminal drops. Throws as {@link askSecret} does, and {@link CommandError} when all answers were empty.
 */
export async function askValue(key: string): Promise<string> {
  for (let time = 1; time <= MAX_ASKED; time += 1) {
    const value = await askSecret(time === 1 ? key : `${key} (nothing was typed; Ctrl-C gives up)`);
    if (value !== '') return value;
  }
  throw new CommandError(
    `nothing was typed for ${key}, and nothing is stored (--credential-pairs takes an empty value, if one is meant)`,
  );
}

/** The controlling terminal; where there is none, standard input if that is one. */
function openTerminal(): Terminal | undefined {
  const fd = openControlling();
  if (fd !== undefined) {
    const input = new ReadStream(fd);
    return { input, write: (text) => writeTo(fd, text), close: () => void input.destroy() };
  }
  if (!process.stdin.isTTY) return undefined;
  // A terminal that controls nobody, as some containers have it; or Windows.
  return { input: process.stdin, write: (text) => void process.stderr.write(text), close: () => undefined };
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
