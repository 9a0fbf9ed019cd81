import { type Agent, request } from 'node:https';
import { proxyAgent } from '@confidant/kmsauth/proxy';
import type { CustomFetch } from 'openid-client';

/** What is read of an answer; documents of login providers have a few kilobytes. */
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_SOCKETS = 10;
const IDLE_SOCKET_MS = 20_000;
/** Answers that `Response` takes no body for. */
const WITHOUT_BODY = [204, 205, 304];

/**
 * `fetch` for https through the proxy of the environment, which Node's own does not heed; undefined when there is none.
 * Follows no redirect. As that one does, it rejects with a TypeError when there is no answer, whose cause names the
 * proxy, and with the signal's reason.
 *
 * @param connectTimeoutMs to a connection that is ready; for the rest there is the signal
 */
export async function proxiedFetch(connectTimeoutMs: number): Promise<CustomFetch | undefined> {
  const agent = await proxyAgent({ connectTimeoutMs, idleTimeoutMs: IDLE_SOCKET_MS, maxSockets: MAX_SOCKETS });
  if (agent === undefined) return undefined;
  return async (url, options) => {
    if (!url.startsWith('https:')) return fetch(url, options as RequestInit);
    // What fetch would send.
    const { method, headers, body } = new Request(url, options as RequestInit);
    const content = body === null ? undefined : Buffer.from(await new Response(body).arrayBuffer());
    const asked = { method, headers: Object.fromEntries(headers), content, signal: options.signal };
    const answer = await ask(agent, url, asked);
    const read = WITHOUT_BODY.includes(answer.status) ? null : answer.content;
    return new Response(read, { status: answer.status, headers: answer.headers });
  };
}

interface Asked {
  method: string;
  headers: Record<string, string>;
  content: Buffer | undefined;
  signal: AbortSignal | undefined;
}

interface Answered {
  status: number;
  headers: [name: string, value: string][];
  content: Buffer;
}

function ask(agent: Agent, url: string, { method, headers, content, signal }: Asked): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const asking = request(url, {
      agent,
      method,
      headers: {
        ...headers,
        'accept-encoding': 'identity',
        ...(content !== undefined && { 'content-length': content.length }),
      },
    });
    const settle = (finish: () => void): void => {
      signal?.removeEventListener('abort', abort);
      finish();
    };
    const fail = (error: Error): void =>
      settle(() => {
        reject(new TypeError('fetch failed', { cause: error }));
        asking.destroy();
      });
    const abort = (): void =>
      settle(() => {
        reject(signal?.reason as Error);
        asking.destroy();
      });
    signal?.addEventListener('abort', abort, { once: true });
    asking.on('error', fail);
    asking.on('response', (answer) => {
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_ANSWER_BYTES) fail(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      answer.on('error', fail);
      answer.on('end', () => {
        const known = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
          values.map((value): [string, string] => [name, value]),
        );
        settle(() => resolve({ status: answer.statusCode ?? 0, headers: known, content: Buffer.concat(chunks) }));
      });
    });
    if (signal?.aborted) abort();
    else asking.end(content);
  });
}
