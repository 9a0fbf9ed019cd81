import type { Writable } from 'node:stream';
import { PROGRAM } from '../arguments/command-spec.js';

/** What takes less needs no words. */
const SILENT_MS = 2000;
const STEP_MS = 1000;
const CLEAR_LINE = '\r\x1b[K';

/**
 * One line on a person's terminal that says whom a command waits for, and for how long. It is gone when the answer is
 * there. Nothing is written to what is no terminal.
 */
export class Progress {
  readonly #waiting = new Map<symbol, { whom: string; since: number }>();
  #timer: NodeJS.Timeout | undefined;
  #isShown = false;
  #isOver: boolean;

  constructor(private readonly stream: Writable & { isTTY?: boolean } = process.stderr) {
    this.#isOver = stream.isTTY !== true;
  }

  /** Somebody was asked; call what it returns when the answer is there. */
  readonly asking = (whom: string): (() => void) => {
    if (this.#isOver) return () => undefined;
    const key = Symbol(whom);
    this.#waiting.set(key, { whom, since: Date.now() });
    this.#timer ??= setInterval(() => this.#show(), STEP_MS).unref();
    return () => {
      this.#waiting.delete(key);
      if (this.#waiting.size === 0) this.#clear();
    };
  };

  /** From now on the terminal belongs to somebody else. */
  stop(): void {
    this.#isOver = true;
    this.#clear();
  }

  #show(): void {
    const [longest] = this.#waiting.values();
    const waitedMs = longest === undefined ? 0 : Date.now() - longest.since;
    if (longest === undefined || waitedMs < SILENT_MS) return;
    this.#isShown = true;
    this.stream.write(`${CLEAR_LINE}${PROGRAM}: waiting for ${longest.whom} (${Math.round(waitedMs / 1000)} s)`);
  }

  #clear(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#isShown) this.stream.write(CLEAR_LINE);
    this.#isShown = false;
  }
}
