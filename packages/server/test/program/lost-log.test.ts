import { expect, onTestFinished, test } from 'vitest';
import { caller, dataDirectory, run } from '../harness/program.js';

test('a server whose log cannot be written stops, so that no value is read without an audit line', async () => {
  const data = dataDirectory();
  const program = await run({ CONFIDANT_DATA_DIR: data.path });
  onTestFinished(() => {
    program.process.kill('SIGKILL');
    data.remove();
  });
  const call = caller(data.path);
  expect((await call(program.url, 'GET', '/v1/credentials')).status).toBe(200);
  program.process.stdout!.destroy();
  // The connection may end with the process before the response arrives.
  await call(program.url, 'GET', '/v1/credentials').catch(() => undefined);
  expect(await program.exited).toBe(1);
  expect(program.stderr()).toContain('Confidant stops: its log cannot be written to standard output (EPIPE).');
});
