import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that has arrived. */
export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** An HTTP server that keeps the requests it gets and answers as the test says. */
export interface Receiver {
  url: string;
  received: Received[];
  /** The statuses of the answers in order, of which the last one is repeated; `hang` never answers. */
  answers: (number | 'hang')[];
  /** Headers of every answer. */
  answerHeaders: Record<string, string>;
  /** Resolves when this many requests have arrived. */
  arrived(count: number): Promise<Received[]>;
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const waiting: { count: number; done: () => void }[] = [];
  const receiver: Receiver = {
    url: '',
    received: [],
    answers: [200],
    answerHeaders: {},
    arrived: async (count) => {
      if (receiver.received.length < count) await new Promise<void>((done) => waiting.push({ count, done }));
      return receiver.received;
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      receiver.received.push({
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      });
      const answer = receiver.answers.length > 1 ? receiver.answers.shift()! : receiver.answers[0]!;
      if (answer !== 'hang') response.writeHead(answer, receiver.answerHeaders).end('thanks');
      for (const each of waiting) if (receiver.received.length >= each.count) each.done();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return receiver;
}
