import type { Writable } from 'node:stream';

const LEVELS = ['debug', 'info', 'warning', 'error', 'critical'] as const;
export type LogLevel = (typeof LEVELS)[number];

/** Lines for people, on standard error. Nothing that is logged holds a value of a credential or a token. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
}

/**
 * Text with what a terminal would obey instead of show (control characters, marks that turn the direction of writing)
 * as `\u001b`: names and errors come from others. Tabs and line ends stay.
 */
export function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Writes what is at least as grave as `level`; every line begins with the program's name. */
export function openLog(level: LogLevel, program: string, stream: Writable = process.stderr): Log {
  const write = (of: LogLevel, message: string): void => {
    if (LEVELS.indexOf(of) < LEVELS.indexOf(level)) return;
    for (const line of message.split('\n'))
      stream.write(`${program}: ${of === 'info' ? '' : `${of}: `}${visible(line)}\n`);
  };
  return {
    debug: (message) => write('debug', message),
    info: (message) => write('info', message),
    warning: (message) => write('warning', message),
    error: (message) => write('error', message),
  };
}
