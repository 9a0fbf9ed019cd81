import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { firstSteps } from '../../src/embedded/first-steps.js';
import { temporaryDirectory } from './temporary-directory.js';

test.skipIf(process.platform === 'win32').each(["o'brien", 'two words', '$(false)', 'a"b', "'; exit 1; '"])(
  'the printed lines can be pasted into a shell if the data directory is named %j',
  (name) => {
    const dataDir = join(temporaryDirectory(), name);
    mkdirSync(dataDir);
    const envFile = join(dataDir, 'client.env');
    writeFileSync(envFile, "export CONFIDANT_READ='yes'\n");
    const text = firstSteps({
      serverUrl: 'http://127.0.0.1:8080',
      kmsUrl: 'http://127.0.0.1:8081',
      envFile,
      dataDir,
      isUsualDataDir: false,
      loginUrl: 'http://127.0.0.1:8080/login#secret',
    });
    const shell = (line: string): string => execFileSync('/bin/sh', ['-c', line], { encoding: 'utf8' });

    const source = /^ {2}(\. .*)$/m.exec(text)![1]!;
    expect(shell(`${source} && printf %s "$CONFIDANT_READ"`)).toBe('yes');
    const assignment = /another one: (CONFIDANT_DATA_DIR=.*) npx confidant-admin login-link\)$/m.exec(text)![1]!;
    expect(shell(`${assignment}; printf %s "$CONFIDANT_DATA_DIR"`)).toBe(dataDir);
  },
);
