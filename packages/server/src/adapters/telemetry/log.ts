import { pino, type Logger } from 'pino';
import type { Audit } from '../../ports/telemetry.js';

/** Lines of one turn of the event loop are written together, and earlier when they reach this length. */
const TURN_CHARACTERS = 65_536;

/**
 * Opens the log: one JSON line per entry, on standard output. Secrets stay out because nothing that could hold them is
 * logged: no bodies, no headers, no addresses as typed, and of errors only the fields that {@link describeError} picks.
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
 * Standard output, written at the end of each event-loop turn with one system call for all lines of the turn. A process
 * that is killed loses the lines of its last turn; an ordinary exit loses none.
 */
function standardOutput(): { write(line: string): void; flushSync(): void } {
  const output = pino.destination({ fd: 1, sync: true });
  output.on('error', stopWithoutLog);
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

/**
 * Ends the process. The audit log is part of the output, and nobody may read values without a trace: also when a pipe
 * broke, where pino would only fall silent.
 */
function stopWithoutLog({ code }: NodeJS.ErrnoException): never {
  process.stderr.write(`Confidant stops: its log cannot be written to standard output (${code ?? 'unknown error'}).\n`);
  process.exit(1);
}

let second = 0;
let prefix = '';

/** The time as pino writes it. The part down to the second is cached: making it is half of the cost of a line. */
function isoTime(): string {
  const now = Date.now();
  const current = Math.floor(now / 1000);
  if (current !== second) {
    second = current;
    prefix = `,"time":"${new Date(now).toISOString().slice(0, 20)}`;
  }
  return `${prefix}${String(now % 1000).padStart(3, '0')}Z"`;
}

/** The audit log: the lines of the log that have an `audit` field. */
export function auditLog(logger: Logger): Audit {
  // Audit lines are written at every level but silent: even with a quiet log, operators want to know who read what.
  const auditLogger = logger.child({}, { level: logger.level === 'silent' ? 'silent' : 'info' });
  return (entry) => auditLogger.info({ audit: entry }, 'audit');
}

/** An error's name, message, code and stack: its other properties may carry a request with secrets. */
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
