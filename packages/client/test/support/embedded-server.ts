import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../../server/bin/confidant-server.js', import.meta.url));

/** The real server with its embedded default, in a process of its own. */
export interface EmbeddedServer {
  url: string;
  folder: string;
  dataDir: string;
  /** What it printed, first steps and all. */
  printed: string;
  stop(): Promise<void>;
}

/** The variables of client.env in a data directory. */
export function clientEnvironment(dataDir: string): Record<string, string> {
  const lines = readFileSync(join(dataDir, 'client.env'), 'utf8').matchAll(/^export (\w+)='(.*)'$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name!, value!]));
}

/** Gives commands time in every profile: nothing here tests how long they wait by default. */
function makePatient(config: string): void {
  writeFileSync(config, readFileSync(config, 'utf8').replaceAll(/^( +)region: .*$/gm, '$&\n$1timeout: 60'));
}

export async function startEmbeddedServer(environment: Record<string, string> = {}): Promise<EmbeddedServer> {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-embedded-'));
  const dataDir = join(folder, 'data');
  const server = spawn(process.execPath, [PROGRAM], {
    env: {
      PATH: process.env['PATH'],
      CONFIDANT_DATA_DIR: dataDir,
      PORT: '0',
      CONFIDANT_KMS_PORT: '0',
      ...environment,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let printed = '';
  await new Promise<void>((resolve, reject) => {
    server.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${printed}`)));
    server.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk;
      if (printed.includes('act as you')) resolve();
    });
  });
  server.removeAllListeners('exit');
  makePatient(join(dataDir, 'client.yaml'));
  return {
    url: /API +(\S+)\/v1\b/.exec(printed)![1]!,
    folder,
    dataDir,
    printed,
    async stop() {
      server.kill('SIGTERM');
      await once(server, 'exit');
      rmSync(folder, { recursive: true });
    },
  };
}
