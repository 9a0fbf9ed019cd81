import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT_MS = 240_000;
const STOP_GRACE_MS = 8_000;
const KEPT_OUTPUT = 200_000;

const running = new Set();
const folders = new Set();
const ports = new Set();

/** Makes a folder that is removed at the end of the run. */
export function temporaryFolder(name) {
  const folder = mkdtempSync(join(tmpdir(), `confidant-peers-${name}-`));
  folders.add(folder);
  return folder;
}

/** Kills all child processes and their children, and removes the folders. It is synchronous because exit handlers run it. */
function sweep() {
  for (const child of running) signal(child, 'SIGKILL');
  running.clear();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  folders.clear();
}

/** Ensures that nothing outlives the run: neither after Ctrl-C or a failure, nor when its time is over. */
export function sweepAtEnd(deadlineMs) {
  process.on('exit', sweep);
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ]) {
    process.on(name, () => process.exit(code));
  }
  setTimeout(() => {
    console.log(`\nThe peers did not end within ${deadlineMs / 60_000} minutes.\n0 passed, 1 failed`);
    process.exit(1);
  }, deadlineMs).unref();
}

/** An environment without the machine's own AWS and Confidant settings. HOME is a folder of this run. */
export function cleanEnvironment(more = {}) {
  home ??= temporaryFolder('home');
  return {
    PATH: process.env.PATH,
    HOME: home,
    LC_ALL: 'C.UTF-8',
    PYTHONDONTWRITEBYTECODE: '1',
    AWS_EC2_METADATA_DISABLED: 'true',
    ...more,
  };
}
let home;

/** Starts a program that keeps running, and keeps its last output. */
export function start(command, args, { env = cleanEnvironment(), cwd, stdin } = {}) {
  const child = spawn(command, args, { env, cwd, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  running.add(child);
  const kept = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (chunk) => (kept[name] = (kept[name] + chunk).slice(-KEPT_OUTPUT)));
  }
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin ?? '');
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, error, ...kept }));
    child.once('close', (code, signalName) => resolve({ code, signal: signalName, ...kept }));
  }).finally(() => running.delete(child));
  return {
    pid: child.pid,
    ended,
    isRunning: () => child.pid !== undefined && child.exitCode === null && child.signalCode === null,
    output: () => kept.stdout + kept.stderr,
    async stop() {
      signal(child, 'SIGTERM');
      const late = setTimeout(() => signal(child, 'SIGKILL'), STOP_GRACE_MS);
      await ended;
      clearTimeout(late);
      // Ends processes that it started and left behind.
      signal(child, 'SIGKILL');
    },
    kill: () => signal(child, 'SIGKILL'),
  };
}

/** Runs a program to its end. Rejects if it takes too long. */
export async function run(command, args, { timeoutMs = 240_000, ...options } = {}) {
  const program = start(command, args, options);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    program.kill();
  }, timeoutMs);
  const end = await program.ended;
  clearTimeout(timer);
  if (late)
    throw new Error(`${command} ${args[0] ?? ''} did not end within ${timeoutMs / 1000} s\n${tail(program.output())}`);
  return end;
}

/** Resolves when the address gives any response. Rejects with the program's last output if the program ends first. */
export async function answering(program, url, name) {
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline && program.isRunning(); await sleep(100)) {
    try {
      // The connection is closed: if it were kept, the server might close it just when the next request is sent.
      const headers = { connection: 'close' };
      const response = await fetch(url, { signal: AbortSignal.timeout(20_000), redirect: 'manual', headers });
      await response.arrayBuffer();
      return;
    } catch {
      // It does not answer yet.
    }
  }
  await program.stop();
  throw new Error(`${name} did not start:\n${tail(program.output())}`);
}

/**
 * Finds a free port below the range that Linux uses for connections and for port 0, so that no other program gets it by
 * chance. No port is given out twice in one run.
 */
export async function freePort() {
  for (let attempt = 1; ; attempt += 1) {
    const port = randomInt(20_000, 32_000);
    if (ports.has(port)) continue;
    ports.add(port);
    const server = createServer();
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening');
    } catch (error) {
      if (attempt >= 100) throw error;
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

export const tail = (text, lines = 25) => text.trim().split('\n').slice(-lines).join('\n');

function signal(child, name) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // The process has already ended.
  }
}
