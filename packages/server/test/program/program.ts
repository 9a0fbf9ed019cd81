import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { TokenGenerator } from '@confidant/kmsauth';
import { Keyring } from '../../src/local/keyring.js';

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const PROGRAM = join(ROOT, 'packages/server/bin/confidant-server.js');

/** The built program, as `npm start` runs it, in a process of its own. */
export interface Program {
  process: ChildProcess;
  url: string;
  stdout: () => string;
  stderr: () => string;
  exited: Promise<number | null>;
}

/** A data directory that survives its programs. */
export function dataDirectory(): { path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-program-'));
  return { path: join(folder, 'data'), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Starts it; resolves when it listens, or with an empty address when it ended before. */
export async function run(environment: Record<string, string>): Promise<Program> {
  if (!existsSync(join(ROOT, 'packages/server/dist/main.js'))) throw new Error('run `npm run build` first');
  const child = spawn(process.execPath, [PROGRAM], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0', CONFIDANT_KMS_PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  const program = { process: child, url: '', stdout: () => stdout, stderr: () => stderr, exited };
  for (let waited = 0; waited < 20_000 && child.exitCode === null && child.signalCode === null; waited += 25) {
    const url = /"url":"([^"]+)".*"msg":"listening"/.exec(stdout)?.[1];
    // The embedded default prints its first steps after that line.
    if (url !== undefined && (environment['DYNAMODB_TABLE'] || stderr.includes('Try it'))) return { ...program, url };
    await sleep(25);
  }
  if (child.exitCode === null) child.kill('SIGKILL');
  await exited;
  return program;
}

/** Calls the program as the person `tester`. */
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
