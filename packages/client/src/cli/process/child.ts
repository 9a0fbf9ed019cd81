import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants as fileModes, statSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';

/** Signals passed on to the command. Those from the terminal reach it directly, see {@link forwardSignals}. */
const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'] as const;
/** Signals that ask a program to end. */
export const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'];
/** Signals that a terminal sends to the whole foreground process group. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH', 'SIGCONT'];

/** How a command ended: with an exit code, or by a signal. */
export type ChildEnd = { code: number } | { signal: NodeJS.Signals };

/** The command cannot be started. `exitCode` is as in shells: 127 if it was not found, 126 if it cannot be run. */
export class NotRunnable extends Error {
  override readonly name = 'NotRunnable';
  constructor(
    command: string,
    readonly exitCode: 126 | 127,
    why = '',
  ) {
    super(`${command}: ${exitCode === 127 ? 'command not found' : 'cannot be run'}${why}`);
  }
}

export interface Child {
  /** Rejects with {@link NotRunnable} if the command fails to start. */
  readonly started: Promise<void>;
  readonly ended: Promise<ChildEnd>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts a command with this environment and our standard streams. Throws {@link NotRunnable} if there is no such
 * program.
 */
export function startChild(words: readonly string[], environment: Record<string, string>): Child {
  const [command, ...rest] = words as [string, ...string[]];
  // The program is looked up in our own PATH, because the command's environment may have none.
  const child = spawnProgram(command, rest, environment);
  const started = new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(new NotRunnable(command, error.code === 'ENOENT' ? 127 : 126)),
    );
  });
  return { started, ended: endOf(child), kill: (signal) => void child.kill(signal) };
}

/** Throws the failures that Node throws at once; the others are `error` events of the child. */
function spawnProgram(command: string, rest: readonly string[], environment: Record<string, string>): ChildProcess {
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
 * Passes our signals on to the child that `current` returns, until the returned function is called. While there is no
 * child, they end this process. Signals from the terminal (Ctrl-C) are not passed on: they reach the whole foreground
 * group, and many programs abort at a second one. `heard` is called with each signal.
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
      if (!isOnTerminal || !FROM_TERMINAL.includes(signal)) child.kill(signal);
    };
    process.on(signal, forward);
    return () => process.off(signal, forward);
  });
  return () => listeners.forEach((remove) => remove());
}

/** Returns the command's exit code, or ends this process by the signal that ended the command. */
export function endAs(end: ChildEnd): number {
  if ('code' in end) return end.code;
  process.kill(process.pid, end.signal);
  // Some signals do not end Node; then the exit code is that of shells.
  return 128 + constants.signals[end.signal];
}
