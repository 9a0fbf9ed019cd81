import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants as fileModes, statSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';

/** Handed on to the command. Those of the terminal reach it without us, see {@link superviseChild}. */
const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'] as const;
/** Who sends one of these wants an end, of us too. */
export const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'];
const OF_THE_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH', 'SIGCONT'];

/** How a command ended: with a code, or killed by a signal. */
export type ChildEnd = { code: number } | { signal: NodeJS.Signals };

/** The command can not be started; `exitCode` as shells have it: 127 not found, 126 not runnable. */
export class NotRunnable extends Error {
  override readonly name = 'NotRunnable';
  constructor(
    command: string,
    readonly exitCode: 126 | 127,
    why = '',
  ) {
    super(`${command}: ${exitCode === 127 ? 'command not found' : 'can not be run'}${why}`);
  }
}

export interface Child {
  /** Rejects with {@link NotRunnable} when the command could not be started after all. */
  readonly started: Promise<void>;
  readonly ended: Promise<ChildEnd>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts a command with this environment and our standard streams. It can be signalled from here on. Throws
 * {@link NotRunnable} when there is no such program.
 */
export function startChild(words: readonly string[], environment: Record<string, string>): Child {
  const [command, ...rest] = words as [string, ...string[]];
  // Looked up in our own PATH: the command's environment may have none.
  const child = begin(command, rest, environment);
  const started = new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(new NotRunnable(command, error.code === 'ENOENT' ? 127 : 126)),
    );
  });
  return { started, ended: endOf(child), kill: (signal) => void child.kill(signal) };
}

/** Some failures Node throws at once; the others its child tells. */
function begin(command: string, rest: readonly string[], environment: Record<string, string>): ChildProcess {
  const program = findProgram(command);
  try {
    return spawn(program, rest, { stdio: 'inherit', env: environment, argv0: command });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
    const why = code === 'E2BIG' ? ' (E2BIG: its environment and arguments are too large)' : ` (${code})`;
    throw new NotRunnable(command, 126, why);
  }
}

function endOf(started: ChildProcess): Promise<ChildEnd> {
  return new Promise((resolve) => {
    started.once('exit', (code, signal) => resolve(signal === null ? { code: code ?? 1 } : { signal }));
  });
}

function findProgram(command: string): string {
  if (command.includes('/')) return command;
  let isForbidden = false;
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory || '.', command);
    try {
      if (!statSync(path).isFile()) continue;
      accessSync(path, fileModes.X_OK);
      return path;
    } catch (error) {
      isForbidden ||= error instanceof Error && 'code' in error && error.code === 'EACCES';
    }
  }
  throw new NotRunnable(command, isForbidden ? 126 : 127);
}

/**
 * Hands our signals on to whatever `current` answers, until the returned function is called; while there is none, they
 * end this process. What a terminal sends (Ctrl-C) reaches the whole foreground group, so the command has it already:
 * a second one would make it give up. `heard` is told of each.
 */
export function forwardSignals(
  current: () => Child | undefined,
  heard: (signal: NodeJS.Signals) => void = () => undefined,
): () => void {
  const isOnTerminal = process.stdin.isTTY || process.stderr.isTTY;
  const listeners = FORWARDED.map((signal) => {
    const forward = (): void => {
      heard(signal);
      const child = current();
      if (child === undefined) process.exit(128 + constants.signals[signal]);
      if (!isOnTerminal || !OF_THE_TERMINAL.includes(signal)) child.kill(signal);
    };
    process.on(signal, forward);
    return () => process.off(signal, forward);
  });
  return () => listeners.forEach((remove) => remove());
}

/** Ends this process as the command ended: with its code, or by its signal. */
export function endAs(end: ChildEnd): number {
  if ('code' in end) return end.code;
  process.kill(process.pid, end.signal);
  // Some signals do not end Node: then as shells say it.
  return 128 + constants.signals[end.signal];
}
