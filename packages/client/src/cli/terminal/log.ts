import type { Writable } from 'node:stream';

const LEVELS = ['debug', 'info', 'warning', 'error', 'critical'] as const;
export type LogLevel = (typeof LEVELS)[number];

/** Lines for people, on standard error. Nothing that is logged holds a value of a credential or a token. */
export interface Log {
  /** Whether `debug` writes anything: what takes time to find out need not be found out otherwise. */
  readonly isDebug: boolean;
  debug(message: string): void;
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
}

/**
 * Text with what a terminal would obey instead of show, or not show at all, as `\u001b`: control characters, marks that
 * turn the direction of writing, what has no width. Names and errors come from others, and no two are to look alike.
 * Tabs and line ends stay.
 */
export function visible(text: string): string {
  return text.replace(/(?![\t\n])[\p{Cc}\p{Cf}]/gu, (char) => {
    const code = char.codePointAt(0)!.toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
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
    isDebug: level === 'debug',
    debug: (message) => write('debug', message),
    info: (message) => write('info', message),
    warning: (message) => write('warning', message),
    error: (message) => write('error', message),
  };
}
