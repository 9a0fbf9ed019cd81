import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import { expiringMemory, type SharedEntry, knownEntries } from '../adapters/expiring/memory.js';
import type { ExpiringStore } from '../ports/expiring.js';
import { stopRequested } from './stop-signal.js';

/** A worker that dies sooner than this after its start counts as failing. */
const HEALTHY_AFTER_MS = 10_000;
/** After this many failing starts in a row the supervisor gives up: restarting does not help. */
const MAX_FAILURES = 5;

/** A message from a worker to its supervisor. */
interface WorkerMessage {
  /** The address that the worker listens on. */
  listening?: string;
  /** An entry for the other workers. */
  expiring?: SharedEntry;
  /** Asks for all entries so far; the response is `allExpiring`. */
  requestsExpiring?: true;
}

/** A message from the supervisor to a worker. */
interface SupervisorMessage {
  expiring?: SharedEntry;
  allExpiring?: SharedEntry[];
}

/** Whether a supervisor started this process as one of its workers. */
export function isWorker(): boolean {
  return cluster.isWorker;
}

/** Reports to the supervisor, if there is one, that this process listens at `address`. */
export function reportListening(address: string): void {
  send({ listening: address });
}

/** Ends the connection to the supervisor, which would keep a worker alive. */
export function leaveSupervisor(): void {
  if (isWorker()) process.disconnect();
}

/**
 * Opens an {@link ExpiringStore} in memory that the workers of this machine share. Resolves when this worker knows the
 * entries of the others.
 */
export async function openSharedMemory(): Promise<ExpiringStore> {
  const memory = expiringMemory((entry) => {
    if (isWorker()) send({ expiring: entry });
  });
  let catchUp = (): void => undefined;
  const caughtUp = new Promise<void>((resolve) => (catchUp = resolve));
  const learn = ({ expiring, allExpiring }: SupervisorMessage): void => {
    if (expiring !== undefined) memory.learn(expiring);
    if (allExpiring === undefined) return;
    for (const entry of allExpiring) memory.learn(entry);
    catchUp();
  };
  process.on('message', learn);
  if (isWorker()) {
    send({ requestsExpiring: true });
    await caughtUp;
  }
  return {
    ...memory,
    close: async () => {
      process.off('message', learn);
      await memory.close();
    },
  };
}

function send(message: WorkerMessage): void {
  process.send?.(message);
}

/**
 * Runs worker processes that share the port, and replaces those that die. SIGTERM or SIGINT stops all of them
 * gracefully. Resolves with the exit code: 0 after a stop, 1 when workers keep dying.
 *
 * @param announce called once, with the address, when the first worker listens
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

    // Entries for workers that start later: without them, a session that has ended would still be valid there.
    const entries = knownEntries();

    // Running workers are counted here, because a worker leaves cluster.workers only when it has both exited and
    // disconnected, in either order.
    let alive = 0;

    const start = (): void => {
      alive += 1;
      const worker = cluster.fork();
      startedAt.set(worker.id, Date.now());
      worker.on('message', ({ listening, expiring, requestsExpiring }: WorkerMessage) => {
        if (requestsExpiring === true) worker.send({ allExpiring: entries.all() } satisfies SupervisorMessage);
        if (expiring !== undefined) {
          entries.keep(expiring);
          for (const other of workers()) {
            if (other !== worker && other.isConnected()) other.send({ expiring } satisfies SupervisorMessage);
          }
        }
        if (announced || listening === undefined) return;
        announced = true;
        announce(listening);
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
    void stopRequested().then(() => stop(0));
    for (let i = 0; i < count; i++) start();
  });
}

function workers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}
