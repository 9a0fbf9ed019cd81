import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Answers that may wait on one connection. Node begins every request it has read, however many answers wait. */
const MAX_WAITING = 8;
const STALL_MS = 20_000;
const MAX_SEND_MS = 300_000;
/** Room for connections that arrive in the moment in which others are ended. */
const HEADROOM = 64;

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Keeps clients from holding memory and connections of an HTTP server: one that sends requests without reading the
 * answers loses its connection, and so does one that stops reading. When the server is full, a new connection takes the
 * place of the one that has been idle longest, or else of one whose client reads slowly.
 *
 * Call it once, after the server got its request listeners and before it listens.
 *
 * @param options.stallMs an answer that the client takes nothing of for this long ends its connection
 * @param options.maxSendMs an answer that the client takes slowly ends its connection after this
 */
export function guardConnections(
  server: Server,
  maxConnections: number,
  { stallMs = STALL_MS, maxSendMs = MAX_SEND_MS }: { stallMs?: number; maxSendMs?: number } = {},
): void {
  /** Answers that wait, of every open connection. */
  const waiting = new Map<Socket, number>();
  /** Connections without a request, the longest idle first. */
  const idle = new Set<Socket>();
  /** Connections whose client has not taken its answer yet. */
  const sending = new Set<Socket>();

  server.maxConnections = maxConnections + HEADROOM;
  server.on('connection', (socket: Socket) => {
    if (waiting.size >= maxConnections) {
      const [replaced = socket] = idle.size > 0 ? idle : sending;
      replaced.destroy();
      forget(replaced);
      if (replaced === socket) return;
    }
    waiting.set(socket, 0);
    idle.add(socket);
    socket.once('close', () => forget(socket));
  });

  const listeners = server.listeners('request') as Listener[];
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    // The rest of what came along with too many requests.
    if (socket.destroyed) return;
    const count = (waiting.get(socket) ?? 0) + 1;
    if (count > MAX_WAITING) {
      socket.destroy();
      return;
    }
    waiting.set(socket, count);
    idle.delete(socket);
    response.once('prefinish', () => watch(socket, response));
    response.once('close', () => {
      const left = waiting.get(socket);
      if (left === undefined) return;
      waiting.set(socket, left - 1);
      if (left === 1) idle.add(socket);
    });
    for (const listener of listeners) listener.call(server, request, response);
  });

  function forget(socket: Socket): void {
    waiting.delete(socket);
    idle.delete(socket);
    sending.delete(socket);
  }

  /** Node ends a connection at its time-out, which begins anew whenever the system took some of the answer. */
  function watch(socket: Socket, response: ServerResponse): void {
    if (socket.writableLength === 0 || socket.destroyed) return;
    sending.add(socket);
    socket.setTimeout(stallMs);
    const end = setTimeout(() => socket.destroy(), maxSendMs).unref();
    response.once('close', () => {
      clearTimeout(end);
      sending.delete(socket);
    });
  }
}
