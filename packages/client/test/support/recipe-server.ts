import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { programPath } from './cli.js';
import { startEmbeddedServer, type EmbeddedServer } from './embedded-server.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** Reads a file of docs/recipes as committed. */
export function recipeFile(path: string): string {
  return readFileSync(join(ROOT, 'docs/recipes', path), 'utf8');
}

export interface ProgramEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunningProgram {
  pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when standard output contains this text; rejects if the program ends without it. */
  printed(text: string): Promise<void>;
  /** Standard output so far. */
  output(): string;
  ended: Promise<ProgramEnd>;
}

/** Starts a program with exactly this environment. */
export function startProgram(
  [command, ...args]: readonly string[],
  { env, cwd }: { env: Record<string, string>; cwd?: string },
): RunningProgram {
  const child = spawn(command!, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const ended = new Promise<ProgramEnd>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  return {
    pid: child.pid!,
    kill: (signal) => void child.kill(signal),
    printed: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stdout.includes(text)) resolve();
        };
        child.stdout.on('data', look);
        look();
        void ended.then((end) => reject(new Error(`ended without "${text}": ${JSON.stringify(end)}`)), reject);
      }),
    output: () => stdout,
    ended,
  };
}

/** The command line of a process, which every user of the machine can read. */
export function argumentsOf(pid: number): string {
  if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
}

/** The real embedded server, and the service `web-production` of the recipes. */
export interface RecipeServer {
  url: string;
  /** A directory that is removed at the end. */
  folder: string;
  /** A directory for PATH with `confidant`, as after an installation. */
  bin: string;
  /** docs/recipes/config.yaml, with the addresses of this server and a longer timeout. */
  config: string;
  /** AWS credentials and the KMS of this server, in place of those of a role on AWS. */
  aws: Record<string, string>;
  stop(): Promise<void>;
}

/** Resolves when the service exists, with one credential `Database` that holds these pairs. */
export async function startRecipeServer(pairs: Record<string, unknown>): Promise<RecipeServer> {
  const server = await startEmbeddedServer();
  try {
    return await prepare(server, pairs);
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function prepare(server: EmbeddedServer, pairs: Record<string, unknown>): Promise<RecipeServer> {
  const { folder, dataDir } = server;
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  symlinkSync(programPath('confidant'), join(bin, 'confidant'));
  // Makes `#!/usr/bin/env node` find this Node.
  symlinkSync(process.execPath, join(bin, 'node'));
  const own = join(dataDir, 'client.yaml');
  const { demo } = parse(readFileSync(own, 'utf8')) as { demo: Profile };
  const { default: recipe } = parse(recipeFile('config.yaml')) as { default: Profile };
  const config = join(folder, 'config');
  const context = { ...recipe.auth_context, to: demo.auth_context['to'] };
  const { url, auth_key: authKey, region, timeout } = demo;
  const profile = { ...recipe, url, auth_key: authKey, region, timeout, auth_context: context };
  writeFileSync(config, stringify({ default: profile }));

  const aws = Object.fromEntries(
    [...readFileSync(join(dataDir, 'client.env'), 'utf8').matchAll(/^export (AWS_\w+)='(.*)'$/gm)].map(
      ([, name, value]) => [name!, value!],
    ),
  );
  const values = join(folder, 'pairs.json');
  writeFileSync(values, JSON.stringify(pairs), { mode: 0o600 });
  // This is the person of the first start, who may do everything.
  const env = { ...aws, PATH: `${bin}:${process.env['PATH']}`, CONFIDANT_CONFIG_FILES: own };
  for (const args of [
    ['create_credential', '--name', 'Database', '--credential-pairs', `@${values}`],
    ['map', '--service', 'web-production', '--cred-names', 'Database'],
  ]) {
    const end = await startProgram([join(bin, 'confidant'), ...args], { env }).ended;
    if (end.code !== 0) throw new Error(`${args[0]}: ${end.stderr}${end.stdout}`);
  }
  return { url, folder, bin, config, aws, stop: () => server.stop() };
}

interface Profile {
  url: string;
  auth_key: string;
  region: string;
  timeout: number;
  auth_context: Record<string, string>;
}

/** Writes an executable script. */
export function writeScript(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}
