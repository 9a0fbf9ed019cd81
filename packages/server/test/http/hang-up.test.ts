import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { prepareHangUp } from '../../src/http/hang-up.js';

/** Sends a request, creates a file once it is sent, and prints the response or the code of the error. */
const CLIENT = `
  const [port, sent] = process.argv.slice(1);
  const socket = require('node:net').connect(Number(port), '127.0.0.1');
  socket.on('error', (error) => console.log(error.code));
  socket.pipe(process.stdout);
  socket.write('POST / HTTP/1.1\\r\\nhost: x\\r\\ncontent-length: 0\\r\\n\\r\\n', () => require('node:fs').writeFileSync(sent, ''));
`;

test('a request that arrived before the stop but was not read yet is answered', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-hang-up-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const server = createServer((_request, response) => response.end('answered'));
  const hangUp = prepareHangUp(server);
  // The stop comes in the event-loop turn in which the connection is accepted.
  let stopHangingUp = (): void => undefined;
  server.once('connection', () => (stopHangingUp = hangUp()));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const sent = join(folder, 'sent');
  const client = spawn(process.execPath, ['-e', CLIENT, String((server.address() as AddressInfo).port), sent], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let answer = '';
  client.stdout.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  // The event loop is blocked until the request has arrived.
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (let i = 0; i < 12_000 && !existsSync(sent); i++) Atomics.wait(nothing, 0, 0, 10);
  expect(existsSync(sent)).toBe(true);
  await once(client, 'close');
  stopHangingUp();
  server.close();
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK[^]*answered$/);
});
