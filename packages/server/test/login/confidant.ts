import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { openServer } from '../../src/compose/server.js';
import type { Fault } from '../../src/config/setting-types.js';
import { readSettings } from '../../src/config/parse.js';

/** A secret of the required length. */
export const SECRET = 'a-secret-of-tests-of-forty-characters....';

export interface TestConfidant {
  url: string;
  dataDir: string;
  log: () => string;
  stop(): Promise<void>;
}

/** The whole server over the embedded store, with any login. `port` is for logins that must know it beforehand. */
export async function startConfidant(environment: Record<string, string>, port = 0): Promise<TestConfidant> {
  const directory = mkdtempSync(join(tmpdir(), 'confidant-login-'));
  const dataDir = join(directory, 'data');
  const { settings, faults } = readSettings({ CONFIDANT_DATA_DIR: dataDir, SESSION_SECRET: SECRET, ...environment });
  if (faults.length > 0) throw new Error(JSON.stringify(faults));
  let log = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log += chunk.toString('utf8');
      done();
    },
  });
  const composed = await openServer(settings, pino({ level: 'trace' }, sink));
  const url = await composed.server.listen({ host: '127.0.0.1', port });
  return {
    url,
    dataDir,
    log: () => log,
    stop: async () => {
      await composed.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The faults for which the settings are refused at start. */
export function faultsOf(environment: Record<string, string>): Fault[] {
  return readSettings({ SESSION_SECRET: SECRET, ...environment }).faults;
}
