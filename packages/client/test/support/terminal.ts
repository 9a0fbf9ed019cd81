import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A terminal on which the lines of a shell script run. */
export interface Terminal {
  /** Resolves when the terminal shows this text this many times; rejects when the lines end without it. */
  shown(text: string, times?: number): Promise<void>;
  type(keys: string): void;
  /** Everything that the terminal has shown so far. */
  screen(): string;
  /** Closes the terminal's window: programs that read from it get SIGHUP or the end of input. */
  hangUp(): void;
  /** The exit code of the lines (null after {@link hangUp}), and everything that the terminal has shown. */
  ended: Promise<{ code: number | null; screen: string }>;
}

export const CTRL_C = '\x03';
export const CTRL_D = '\x04';
export const CTRL_Z = '\x1a';

/**
 * Runs lines of sh on a new pseudo terminal, which is their controlling terminal (`/dev/tty`). It is made by `script`
 * of util-linux (in Debian's bsdutils, which every installation has).
 */
export function openTerminal(lines: string, options: { folder: string; env: Record<string, string> }): Terminal {
  const file = join(options.folder, 'terminal.sh');
  writeFileSync(file, lines);
  const child = spawn('script', ['--quiet', '--return', '--command', `exec sh '${file}'`, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', SHELL: '/bin/sh', TERM: 'xterm', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: options.folder,
  });
  let screen = '';
  let isOver = false;
  const waiting = new Set<() => void>();
  const changed = (): void => waiting.forEach((look) => look());
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      screen += chunk;
      changed();
    });
  }
  child.stdin.on('error', () => undefined);
  const ended = new Promise<{ code: number | null; screen: string }>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`no terminal could be made: ${error.message}`)));
    child.once('close', (code) => {
      isOver = true;
      resolve({ code, screen });
      changed();
    });
  });
  return {
    shown: (text, times = 1) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (screen.split(text).length > times) resolve();
          else if (isOver) reject(new Error(`never shown: ${text}; there is only: ${screen}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
    type: (keys) => void child.stdin.write(keys),
    screen: () => screen,
    hangUp: () => void child.kill('SIGKILL'),
    ended,
  };
}
