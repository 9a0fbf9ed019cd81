import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dataDirectory, run } from '../../../server/test/harness/program.js';

/** The real embedded server, in a process of its own. */
export interface EmbeddedServer {
  url: string;
  folder: string;
  dataDir: string;
  /** Everything that the server printed, including the first steps. */
  printed: string;
  stop(): Promise<void>;
}

/** The variables of client.env in a data directory. */
export function clientEnvironment(dataDir: string): Record<string, string> {
  const lines = readFileSync(join(dataDir, 'client.env'), 'utf8').matchAll(/^export (\w+)='(.*)'$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name!, value!]));
}

/** Sets a long timeout in every profile, because no test here is about the default. */
function makePatient(config: string): void {
  writeFileSync(config, readFileSync(config, 'utf8').replaceAll(/^( +)region: .*$/gm, '$&\n$1timeout: 60'));
}

export async function startEmbeddedServer(environment: Record<string, string> = {}): Promise<EmbeddedServer> {
  const directory = dataDirectory();
  const server = await run({ CONFIDANT_DATA_DIR: directory.path, ...environment });
  // Throws if the server has ended.
  const { url } = server;
  makePatient(join(directory.path, 'client.yaml'));
  return {
    url,
    folder: dirname(directory.path),
    dataDir: directory.path,
    get printed() {
      return server.stderr();
    },
    async stop() {
      await server.stop();
      directory.remove();
    },
  };
}
