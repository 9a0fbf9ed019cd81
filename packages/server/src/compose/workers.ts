import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import { type SharedEntry, toldEntries } from '../adapters/expiring/memory.js';

/** A worker that dies sooner than this after its start counts as failing. */
const HEALTHY_AFTER_MS = 10_000;
/** So many failing starts in a row, and the supervisor gives up: something is wrong that a restart does not mend. */
const MAX_FAILURES = 5;

/** What workers tell their supervisor. */
interface WorkerMessage {
  /** The address. */
  listening?: string;
  expiring?: SharedEntry;
  /** Is answered with `allExpiring`. */
  asksForExpiring?: true;
}

/**
 * Runs worker processes that share the port, and replaces those that die. On SIGTERM or SIGINT all of them stop
 * gracefully. Resolves with the exit code: 0 after a stop, 1 when workers keep dying.
 */
export function superviseWorkers(
  count: number,
  logger: Logger,
  shutdownTimeoutMs: number,
  announce: (url: string) => void,
): Promise<number> {
  return new Promise((resolve) => {
    const startedAt = new Map<number, number>();
    let failures = 0;
    let stopping = false;
    let announced = false;
    let exitCode = 0;

    // For workers that come later: with none of them lives a session again that was ended.
    const told = toldEntries();

    // Counted here: a worker leaves cluster.workers only when it has both exited and disconnected, in either order.
    let alive = 0;

    const start = (): void => {
      alive += 1;
      const worker = cluster.fork();
      startedAt.set(worker.id, Date.now());
      worker.on('message', (message: WorkerMessage) => {
        if (message.asksForExpiring === true) worker.send({ allExpiring: told.all() });
        // What one worker learns of ended sessions and used assertions, the others must know.
        if (message.expiring !== undefined) {
          told.keep(message.expiring);
          for (const other of workers()) if (other !== worker && other.isConnected()) other.send(message);
        }
        if (announced || message.listening === undefined) return;
        announced = true;
        announce(message.listening);
      });
    };

    const stop = (code: number): void => {
      if (stopping) return;
      stopping = true;
      exitCode = code;
      for (const worker of workers()) worker.process.kill('SIGTERM');
      setTimeout(() => {
        logger.warn({ workers: workers().length }, 'workers did not stop in time');
        for (const worker of workers()) worker.process.kill('SIGKILL');
      }, shutdownTimeoutMs + 1000).unref();
      if (alive === 0) resolve(exitCode);
    };

    cluster.on('exit', (worker, code, signal) => {
      alive -= 1;
      if (stopping) {
        if (alive === 0) resolve(exitCode);
        return;
      }
      logger.error({ worker: worker.process.pid, code, signal }, 'a worker died');
      const lived = Date.now() - (startedAt.get(worker.id) ?? 0);
      startedAt.delete(worker.id);
      failures = lived < HEALTHY_AFTER_MS ? failures + 1 : 0;
      if (failures >= MAX_FAILURES) stop(1);
      else start();
    });
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        stop(0);
      });
    }
    for (let i = 0; i < count; i++) start();
  });
}

function workers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}
