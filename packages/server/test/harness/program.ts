import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { TokenGenerator } from '@confidant/kmsauth';
import { Keyring } from '../../src/embedded/keyring.js';

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
/** Time for a program to start on a slow machine. */
const LONGEST_START_MS = 90_000;
const PROGRAM = join(ROOT, 'packages/server/bin/confidant-server.js');

/** The built server, as `npm start` runs it, in a process of its own. */
export interface Program {
  process: ChildProcess;
  /** Throws with the output if the program ended before it listened. */
  readonly url: string;
  stdout: () => string;
  stderr: () => string;
  exited: Promise<number | null>;
  /** Stops the program with SIGTERM, and resolves with its exit code. */
  stop(): Promise<number | null>;
}

/** Names a data directory that outlives its programs. */
export function dataDirectory(): { path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-program-'));
  return { path: join(folder, 'data'), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/**
 * Starts the server with this environment. Resolves when it listens or has ended; rejects when it does neither in time.
 *
 * @param nodeOptions options for Node itself
 */
export async function run(environment: Record<string, string>, nodeOptions: readonly string[] = []): Promise<Program> {
  if (!existsSync(join(ROOT, 'packages/server/dist/main.js'))) throw new Error('run `npm run build` first');
  const child = spawn(process.execPath, [...nodeOptions, PROGRAM], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0', CONFIDANT_KMS_PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const isEmbedded = !environment['DYNAMODB_TABLE'];
  const exited = once(child, 'close').then(([code]) => code as number | null);
  let address: string | undefined;
  const program: Program = {
    process: child,
    get url() {
      if (address === undefined) throw new Error(`the program does not listen:\n${stderr}`);
      return address;
    },
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
  for (const end = Date.now() + LONGEST_START_MS; child.exitCode === null && child.signalCode === null;) {
    // The log may be written after the first steps, which only the embedded server prints.
    const url = isEmbedded
      ? /API +(\S+)\/v1\b[^]*Try it/.exec(stderr)?.[1]
      : /"url":"([^"]+)".*"msg":"listening"/.exec(stdout)?.[1];
    if (url !== undefined) {
      address = url;
      return program;
    }
    if (Date.now() > end) {
      child.kill('SIGKILL');
      throw new Error(`the program did not start in time:\n${stdout}${stderr}`);
    }
    await sleep(25);
  }
  await exited;
  return program;
}

/** Returns a function that sends requests as the person `tester`, with tokens of the keyring in `dataDir`. */
export function caller(
  dataDir: string,
): (url: string, method: string, path: string, body?: unknown) => Promise<Response> {
  const keyring = Keyring.open(dataDir);
  const generator = new TokenGenerator({
    kms: keyring.kms('us-east-1'),
    authKey: 'alias/confidant-user',
    from: 'tester',
    to: 'confidant',
    userType: 'user',
    version: 2,
    lifetimeMinutes: 10,
  });
  return async (url, method, path, body) => {
    const { username, token } = await generator.token();
    return fetch(url + path, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  };
}
