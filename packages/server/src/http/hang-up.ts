import type { Server } from 'node:http';
import type { Socket } from 'node:net';

const LOOK_EVERY_MS = 50;

/**
 * For the server's stop. Node's own close hangs up on clients whose last request was answered, once: it waits for those
 * that asked nothing yet (browsers connect ahead, load balancers to see whether somebody is there), and for those whose
 * request ends later and whose client keeps the connection. Call this before the server listens; what it returns begins
 * to hang up on both kinds, and answers with a function that ends it.
 *
 * A request may have been sent that this process had no time to read yet: a connection counts as silent when nothing
 * was read from it between two looks.
 */
export function prepareHangUp(server: Server): () => () => void {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
  });
  return () => {
    let silentBefore = new Set<Socket>();
    const timer = setInterval(() => {
      server.closeIdleConnections();
      const silent = [...connections].filter(({ bytesRead }) => bytesRead === 0);
      for (const socket of silent) if (silentBefore.has(socket)) socket.destroy();
      silentBefore = new Set(silent);
    }, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  };
}
