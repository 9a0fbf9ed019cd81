import type { Writable } from 'node:stream';

const LEVELS = ['debug', 'info', 'warning', 'error', 'critical'] as const;
export type LogLevel = (typeof LEVELS)[number];

/** Logs lines for people on standard error. Values of credentials and tokens must not be logged. */
export interface Log {
  /** Whether `debug` writes anything; if not, callers can skip expensive messages. */
  readonly isDebug: boolean;
  debug(message: string): void;
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
}

/**
 * Escapes control characters, marks that change the direction of writing and invisible characters as `\u001b`, so that
 * names and errors from others cannot control the terminal or look like other names. Keeps tabs and line ends.
 */
export function visible(text: string): string {
  return text.replace(/(?![\t\n])[\p{Cc}\p{Cf}]/gu, (char) => {
    const code = char.codePointAt(0)!.toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });
}

/** Opens a log that writes messages of at least `level`; every line begins with the program's name. */
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
