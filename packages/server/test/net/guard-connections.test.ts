import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { guardConnections } from '../../src/net/guard-connections.js';

const REQUEST = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
/** More than the operating system buffers for a connection. */
const LARGE = Buffer.alloc(64 * 2 ** 20);

async function start(listener: RequestListener, ...limits: [number, { stallMs?: number; maxSendMs?: number }?]) {
  const server = createServer(listener);
  guardConnections(server, ...limits);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    server,
    connect: async () => {
      const accepted = once(server, 'connection') as Promise<[Socket]>;
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      sockets.push(socket);
      const [peer] = await accepted;
      return { socket, peer };
    },
  };
}

test('eight requests sent at once are all answered', async () => {
  const { connect: open } = await start(
    (_request, response) => void setTimeout(() => response.end('answered'), 50),
    10,
  );
  const { socket } = await open();
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  socket.write(REQUEST.repeat(8));
  await expect.poll(() => text.match(/answered/g)?.length, { timeout: 60_000 }).toBe(8);
});

test('a connection with more than eight waiting requests ends, and its other requests are not processed', async () => {
  let begun = 0;
  const { connect: open } = await start(() => void begun++, 10);
  const { socket, peer } = await open();
  socket.write(REQUEST.repeat(500));
  await expect.poll(() => peer.destroyed, { timeout: 60_000 }).toBe(true);
  expect(begun).toBe(8);
});

test('a connection ends if its client reads nothing of a response', async () => {
  const { connect: open } = await start((_request, response) => response.end(LARGE), 10, { stallMs: 200 });
  const { socket, peer } = await open();
  socket.pause();
  socket.write(REQUEST);
  await expect.poll(() => peer.destroyed, { timeout: 60_000 }).toBe(true);
});

test('a connection ends if its client reads a response too slowly', async () => {
  const limits = { stallMs: 60_000, maxSendMs: 500 };
  const { connect: open } = await start((_request, response) => response.end(LARGE), 10, limits);
  const { socket, peer } = await open();
  socket.pause();
  const reading = setInterval(() => socket.read(1), 20);
  onTestFinished(() => clearInterval(reading));
  socket.write(REQUEST);
  await expect.poll(() => peer.destroyed, { timeout: 60_000 }).toBe(true);
});

test('a full server closes the connection that has been idle longest, and none with a request in progress', async () => {
  const { server, connect: open } = await start(() => undefined, 3);
  const busy = await open();
  const begun = once(server, 'request');
  busy.socket.write(REQUEST);
  await begun;
  const [first, second, third] = [await open(), await open(), await open()];
  expect([busy, first, second, third].map(({ peer }) => peer.destroyed)).toEqual([false, true, false, false]);
  await open();
  expect([busy, second, third].map(({ peer }) => peer.destroyed)).toEqual([false, true, false]);
});
