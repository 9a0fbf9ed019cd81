import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that has arrived. */
export interface Seen {
  method: string;
  /** The path with its query. */
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
  /** The username of Basic authentication. */
  username: string | undefined;
  /** The client's port, which identifies the connection. */
  port: number | undefined;
}

export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  /** Sent as it is if it is text, and as JSON otherwise. */
  body?: unknown;
  /** Ends the connection instead of answering. */
  drop?: true;
  /** Never answers. */
  hang?: true;
}

export interface AnsweringServer {
  url: string;
  seen: Seen[];
  close(): Promise<void>;
}

/** Starts an HTTP server that answers what `answer` returns, and 404 if that is undefined. */
export async function startAnswering(
  answer: (request: Seen) => Answer | undefined | Promise<Answer | undefined>,
): Promise<AnsweringServer> {
  const seen: Seen[] = [];
  const listener: RequestListener = (request, response) => {
    void wholeBody(request).then(async (body) => {
      if (body === undefined) return;
      const authorization = request.headers.authorization?.replace(/^Basic /, '') ?? '';
      const username = Buffer.from(authorization, 'base64').toString().split(':')[0] || undefined;
      const { method, url, headers, socket } = request;
      const arrived = { method: method!, path: url!, headers, body, username, port: socket.remotePort };
      seen.push(arrived);
      const found = (await answer(arrived)) ?? { status: 404, body: { error: 'Not found.' } };
      if (found.hang) return;
      if (found.drop) {
        request.socket.destroy();
        return;
      }
      const text = typeof found.body === 'string' ? found.body : JSON.stringify(found.body ?? {});
      response.writeHead(found.status ?? 200, { 'content-type': 'application/json', ...found.headers });
      response.end(text);
    });
  };
  const server = createServer(listener);
  const url = await listen(server);
  return { url, seen, close: () => close(server) };
}

export async function listen(server: Server): Promise<string> {
  // No idle connection is closed, because the client could reuse it at that moment, even after a long stop.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** Reads the body; undefined if the client goes away before sending all of it, in which case no answer is sent. */
export function wholeBody(request: IncomingMessage): Promise<string | undefined> {
  return readBody(request).catch(() => undefined);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
