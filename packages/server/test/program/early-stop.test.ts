import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { dataDirectory, run } from '../harness/program.js';

const directory = dataDirectory();
afterEach(() => directory.remove());

test('a stop right after the server announces that it is ready is graceful', async () => {
  const mark = join(dirname(directory.path), 'stopped');
  // As on a busy machine: the announcement is out, and the program continues only after the signal.
  const pause = `import { existsSync } from 'node:fs';
    const write = process.stderr.write.bind(process.stderr);
    const nothing = new Int32Array(new SharedArrayBuffer(4));
    process.stderr.write = (text, ...rest) => {
      const written = write(text, ...rest);
      while (String(text).includes('Try it') && !existsSync(${JSON.stringify(mark)})) Atomics.wait(nothing, 0, 0, 20);
      return written;
    };`;
  const server = await run({ CONFIDANT_DATA_DIR: directory.path }, [
    `--import=data:text/javascript,${encodeURIComponent(pause)}`,
  ]);
  const stopped = server.stop();
  writeFileSync(mark, '');
  expect(await stopped, server.stderr()).toBe(0);
});
