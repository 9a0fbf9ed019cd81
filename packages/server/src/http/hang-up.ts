import type { Server } from 'node:http';
import type { Socket } from 'node:net';

const LOOK_EVERY_MS = 50;

/**
 * Closes connections that would keep the server from stopping. Node's own close ends idle connections once; it waits
 * for connections that have sent no request yet (browsers connect ahead, load balancers probe), and for those whose
 * request ends later and whose client keeps the connection. Call this before the server listens. The function that it
 * returns starts to close both kinds, and returns another one that stops it.
 *
 * A request may have arrived that this process has not read yet, so a connection counts as silent only when nothing was
 * read from it between two checks.
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
