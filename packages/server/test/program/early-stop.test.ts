import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { dataDirectory, ROOT } from './program.js';

const directory = dataDirectory();
afterEach(() => directory.remove());

test('a stop right after the server announces that it is ready is graceful', async () => {
  const mark = join(dirname(directory.path), 'stopped');
  // A machine that has no time just then: what is said is out, and the program goes on after the signal only.
  const pause = `import { existsSync } from 'node:fs';
    const write = process.stderr.write.bind(process.stderr);
    const nothing = new Int32Array(new SharedArrayBuffer(4));
    process.stderr.write = (text, ...rest) => {
      const written = write(text, ...rest);
      while (String(text).includes('Try it') && !existsSync(${JSON.stringify(mark)})) Atomics.wait(nothing, 0, 0, 20);
      return written;
    };`;
  const server = spawn(
    process.execPath,
    [
      `--import=data:text/javascript,${encodeURIComponent(pause)}`,
      join(ROOT, 'packages/server/bin/confidant-server.js'),
    ],
    {
      env: {
        PATH: process.env['PATH'],
        CONFIDANT_DATA_DIR: directory.path,
        PORT: '0',
        CONFIDANT_KMS_PORT: '0',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const ended = once(server, 'close');
  let told = '';
  server.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    told += chunk;
    if (!told.includes('Try it') || server.killed) return;
    server.kill('SIGTERM');
    writeFileSync(mark, '');
  });
  expect(await ended, told).toEqual([0, null]);
});
