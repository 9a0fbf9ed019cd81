import type { Server } from 'node:http';
import type { Socket } from 'node:net';

const HANG_UP_EVERY_MS = 50;

/**
 * For the server's stop. Node's own close hangs up on clients whose last request was answered, once: it waits for those
 * that asked nothing yet (browsers connect ahead, load balancers to see whether somebody is there), and for those whose
 * request ends later and whose client keeps the connection. Call this before the server listens; what it returns begins
 * to hang up on both kinds, and answers with a function that ends it.
 */
export function prepareHangUp(server: Server): () => () => void {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
  });
  const hangUp = (): void => {
    server.closeIdleConnections();
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  };
  return () => {
    hangUp();
    const timer = setInterval(hangUp, HANG_UP_EVERY_MS);
    return () => clearInterval(timer);
  };
}
