import type { Writable } from 'node:stream';
import { PROGRAM } from '../arguments/command-spec.js';

/** Shorter waits are not shown. */
const SILENT_MS = 2000;
const STEP_MS = 1000;
const CLEAR_LINE = '\r\x1b[K';

/**
 * Shows on a terminal what a command is waiting for, and for how long, in one line that disappears afterwards. Writes
 * nothing if the stream is not a terminal.
 */
export class Progress {
  readonly #waiting = new Map<symbol, { whom: string; since: number }>();
  #timer: NodeJS.Timeout | undefined;
  #isShown = false;
  #isStopped: boolean;

  constructor(private readonly stream: Writable & { isTTY?: boolean } = process.stderr) {
    this.#isStopped = stream.isTTY !== true;
  }

  /** Starts waiting for `whom`, a server for example. Call the returned function when the response is there. */
  readonly asking = (whom: string): (() => void) => {
    if (this.#isStopped) return () => undefined;
    const key = Symbol(whom);
    this.#waiting.set(key, { whom, since: Date.now() });
    this.#timer ??= setInterval(() => this.#show(), STEP_MS).unref();
    return () => {
      this.#waiting.delete(key);
      if (this.#waiting.size === 0) this.#clear();
    };
  };

  /** Stops for good, before another program uses the terminal. */
  stop(): void {
    this.#isStopped = true;
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
