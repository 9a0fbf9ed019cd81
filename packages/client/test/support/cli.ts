import { spawn, type ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { main } from '../../src/cli/main.js';

export interface CliEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  /** The environment of the program, which gets none of the machine's AWS or Confidant settings. */
  env?: Record<string, string>;
  stdin?: string;
  cwd?: string;
}

export interface RunningCli {
  process: ChildProcess;
  ended: Promise<CliEnd>;
  /** Standard error so far. */
  told(): string;
  /** Resolves when standard output contains this text. */
  printed(text: string): Promise<void>;
}

/** The command line with a long timeout, for tests of a real server on a slow machine. */
export const PATIENT = ['confidant', '--timeout', '60'] as const;

const BIN = fileURLToPath(new URL('../../bin/', import.meta.url));

/** The path of the committed program of that name. */
export function programPath(program: 'confidant' | 'confidant-format'): string {
  return `${BIN}${program}.js`;
}

/** AWS credentials and endpoint for a KMS that runs on this machine. */
export function awsEnvironment(kmsUrl: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_KMS: kmsUrl,
    AWS_ACCESS_KEY_ID: 'AKIATESTTESTTESTTEST',
    AWS_SECRET_ACCESS_KEY: 'test-secret-access-key',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

export function startCli(argv: readonly string[], options: CliOptions = {}): RunningCli {
  const [program, ...args] = argv as ['confidant' | 'confidant-format', ...string[]];
  const child = spawn(process.execPath, [programPath(program), ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', LC_ALL: 'C.UTF-8', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A session without a terminal, so that the program cannot prompt on the one that runs the tests.
    detached: true,
    // Not the root of the checkout, where data of a server that was tried out would change messages.
    cwd: options.cwd ?? tmpdir(),
  });
  let stdout = '';
  let stderr = '';
  const waiting: { text: string; resolve: () => void }[] = [];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    for (const { text, resolve } of waiting) if (stdout.includes(text)) resolve();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  return {
    process: child,
    told: () => stderr,
    ended: new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    }),
    printed: (text) =>
      new Promise((resolve) => {
        if (stdout.includes(text)) resolve();
        else waiting.push({ text, resolve });
      }),
  };
}

export function runCli(argv: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
  return startCli(argv, options).ended;
}

/**
 * Runs a command in this process, which is ten times faster; without standard input. Run only one at a time, because
 * it replaces the environment and streams of this process.
 */
export async function callCli(argv: readonly string[], env: Record<string, string> = {}): Promise<CliEnd> {
  const before = process.env;
  const directory = process.cwd();
  const written = { stdout: '', stderr: '' };
  const { stdout, stderr } = process;
  const [toStdout, toStderr] = [stdout.write.bind(stdout), stderr.write.bind(stderr)];
  const capture = (stream: 'stdout' | 'stderr') => (chunk: string | Uint8Array) => {
    written[stream] += String(chunk);
    return true;
  };
  process.env = { PATH: before['PATH'], HOME: '/nonexistent', ...env };
  process.chdir(tmpdir());
  stdout.write = capture('stdout');
  stderr.write = capture('stderr');
  try {
    return { code: await main(argv.slice(1)), signal: null, ...written };
  } finally {
    process.env = before;
    process.chdir(directory);
    stdout.write = toStdout;
    stderr.write = toStderr;
  }
}
