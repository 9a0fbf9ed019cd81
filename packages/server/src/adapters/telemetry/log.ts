import { pino, type Logger } from 'pino';
import type { Audit } from '../../ports/telemetry.js';

/** Lines of one turn of the event loop are written together; a longer turn writes early. */
const TURN_CHARACTERS = 65_536;

/**
 * Structured logs, one JSON line each, to standard output. Secrets stay out because nothing that could hold them is
 * given to the log: no bodies, no headers, no addresses as typed, and of errors only what {@link describeError} takes.
 */
export function openLog(level: string): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError, error: describeError },
    },
    standardOutput(),
  );
}

/**
 * Written when the turn of the event loop ends, with one system call for all its lines: the two of a request, and those
 * of its neighbours. A process that is killed loses the lines of the turn it was in, an ordinary exit loses none.
 */
function standardOutput(): { write(line: string): void; flushSync(): void } {
  const output = pino.destination({ fd: 1, sync: true });
  let waiting = '';
  const flush = (): void => {
    const text = waiting;
    waiting = '';
    if (text !== '') output.write(text);
  };
  process.on('exit', flush);
  return {
    write(line) {
      if (waiting === '') setImmediate(flush);
      waiting += line;
      if (waiting.length > TURN_CHARACTERS) flush();
    },
    flushSync: flush,
  };
}

let second = 0;
let prefix = '';

/** As pino's own, but the part down to the second is made once a second: it is half of what a line costs otherwise. */
function isoTime(): string {
  const now = Date.now();
  const current = Math.floor(now / 1000);
  if (current !== second) {
    second = current;
    prefix = `,"time":"${new Date(now).toISOString().slice(0, 20)}`;
  }
  return `${prefix}${String(now % 1000).padStart(3, '0')}Z"`;
}

/** The audit log is the lines with `audit` in them. */
export function auditLog(logger: Logger): Audit {
  // Audit lines are written at every level but silent: an operator who quiets the log still wants to know who read what.
  const auditLogger = logger.child({}, { level: logger.level === 'silent' ? 'silent' : 'info' });
  return (entry) => auditLogger.info({ audit: entry }, 'audit');
}

/** Name, message, code and stack: other properties of an error may carry a request with its secrets. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: typeof error };
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: error.message,
    ...(typeof code === 'string' && { code }),
    stack: error.stack,
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  };
}
