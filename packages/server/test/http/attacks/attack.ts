import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { dataDirectory, type Program, run } from '../../harness/program.js';

/** A server program under attack, and measurements of how it serves others meanwhile. */
export interface Target {
  program: Program;
  host: string;
  port: number;
  /** The memory of the process in bytes. */
  memory(): number;
  /**
   * Runs the attack, and meanwhile one health check after the other, each on a new connection.
   *
   * @returns the longest time a health check took in milliseconds, how many were answered, and the most memory
   */
  during(
    attack: () => Promise<void>,
  ): Promise<{ longestMs: number; answered: number; failed: number; peakBytes: number }>;
  stop(): Promise<void>;
}

export async function startTarget(environment: Record<string, string> = {}): Promise<Target> {
  const data = dataDirectory();
  const program = await run({ CONFIDANT_DATA_DIR: data.path, ...environment });
  const { hostname: host, port } = new URL(program.url);
  const memory = (): number => {
    const status = readFileSync(`/proc/${program.process.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  };
  return {
    program,
    host,
    port: Number(port),
    memory,
    during: async (attack) => {
      const result = { longestMs: 0, answered: 0, failed: 0, peakBytes: memory() };
      const state = { isOver: false };
      const attacking = attack().finally(() => (state.isOver = true));
      do {
        const startedAt = performance.now();
        const healthy = await isHealthy(`${program.url}/healthcheck`);
        result.longestMs = Math.max(result.longestMs, performance.now() - startedAt);
        result[healthy ? 'answered' : 'failed']++;
        result.peakBytes = Math.max(result.peakBytes, memory());
        await sleep(20);
      } while (!state.isOver);
      await attacking;
      return result;
    },
    stop: async () => {
      program.process.kill('SIGKILL');
      await program.exited;
      data.remove();
    },
  };
}

function isHealthy(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const agent = new Agent({ keepAlive: false });
    const request = get(url, { agent, timeout: 60_000 }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode === 200));
      response.once('error', () => resolve(false));
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}

/** Opens connections that never read. A connection that the server ends is not a failure. */
export async function openSilent(target: { host: string; port: number }, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect(target.port, target.host);
    socket.on('error', () => undefined);
    socket.pause();
    return socket;
  });
  await Promise.all(
    sockets.map(
      (socket) => new Promise<void>((resolve) => socket.once('connect', resolve).once('close', () => resolve())),
    ),
  );
  return sockets;
}

/** Prints the figures in one line, for comparing runs. */
export function report(name: string, figures: Record<string, number>): void {
  const parts = Object.entries(figures).map(([what, value]) => `${what} ${Math.round(value)}`);
  process.stdout.write(`attack: ${name}: ${parts.join(', ')}\n`);
}
