// Sends a bounded load over kept-alive connections, and measures the CPU time that a group of processes spends on it.
import http from 'node:http';
import { readdirSync, readFileSync } from 'node:fs';

/** Sends `requests` GETs over `connections` connections. Rejects at the first response that is not 200. */
export async function drive(url, headers, { requests, connections }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const target = new URL(url);
  let left = requests;
  const startedAt = process.hrtime.bigint();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (left-- > 0) await get(target, headers, agent);
    }),
  );
  agent.destroy();
  return Number(process.hrtime.bigint() - startedAt) / 1e9;
}

function get(target, headers, agent) {
  return new Promise((resolve, reject) => {
    const request = http.get(target, { headers, agent, timeout: 10_000 }, (response) => {
      response.on('data', () => undefined);
      response.on('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
      );
    });
    request.on('error', reject);
  });
}

// Linux counts CPU in ticks of 10 ms.
const TICKS_PER_SECOND = 100;

/** Returns the CPU seconds (user and system) that a process and its children have used so far. */
export function cpuSeconds(pid) {
  return [pid, ...childrenOf(pid)].reduce((sum, each) => {
    const fields = readFileSync(`/proc/${each}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }, 0);
}

function childrenOf(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  );
}

/** Returns the CPU microseconds per request and the requests per second of one round. */
export async function measure(server, options) {
  const before = cpuSeconds(server.pid);
  const seconds = await drive(server.url, server.headers, options);
  const spent = cpuSeconds(server.pid) - before;
  return { cpuMicroseconds: (spent / options.requests) * 1e6, perSecond: options.requests / seconds };
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
