import { type Agent, request } from 'node:https';
import { proxyAgent } from '@confidant/kmsauth/proxy';
import type { CustomFetch } from 'openid-client';
import { readResponse } from '../read-response.js';

/** Maximum length of a response; documents of login providers have a few kilobytes. */
const MAX_RESPONSE_BYTES = 1024 * 1024;
const MAX_SOCKETS = 10;
const IDLE_SOCKET_MS = 20_000;
/** Statuses for which `Response` takes no body. */
const WITHOUT_BODY = [204, 205, 304];

/**
 * Returns a `fetch` for https through the proxy of the environment, which Node's own `fetch` ignores; undefined when
 * there is no proxy. It follows no redirect. Like Node's, it rejects with the signal's reason, and with a TypeError
 * when there is no response; the cause then names the proxy.
 *
 * @param connectTimeoutMs the time to set up a connection; the signal limits the rest
 */
export async function proxiedFetch(connectTimeoutMs: number): Promise<CustomFetch | undefined> {
  const agent = await proxyAgent({ connectTimeoutMs, idleTimeoutMs: IDLE_SOCKET_MS, maxSockets: MAX_SOCKETS });
  if (agent === undefined) return undefined;
  return async (url, options) => {
    if (!url.startsWith('https:')) return fetch(url, options as RequestInit);
    // Request computes the method, headers and body that fetch would send.
    const { method, headers, body } = new Request(url, options as RequestInit);
    const content = body === null ? undefined : Buffer.from(await new Response(body).arrayBuffer());
    const sent = { method, headers: Object.fromEntries(headers), content, signal: options.signal };
    const response = await send(agent, url, sent);
    return new Response(WITHOUT_BODY.includes(response.status) ? null : response.content, response);
  };
}

interface ProxiedRequest {
  method: string;
  headers: Record<string, string>;
  content: Buffer | undefined;
  signal: AbortSignal | undefined;
}

interface ProxiedResponse {
  status: number;
  headers: [name: string, value: string][];
  content: Buffer;
}

function send(
  agent: Agent,
  url: string,
  { method, headers, content, signal }: ProxiedRequest,
): Promise<ProxiedResponse> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
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
        outgoing.destroy();
      });
    const abort = (): void =>
      settle(() => {
        reject(signal?.reason as Error);
        outgoing.destroy();
      });
    signal?.addEventListener('abort', abort, { once: true });
    outgoing.on('error', fail);
    outgoing.on('response', (answer) => {
      readResponse(answer, MAX_RESPONSE_BYTES).then((body) => {
        const known = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
          values.map((value): [string, string] => [name, value]),
        );
        settle(() => resolve({ status: answer.statusCode ?? 0, headers: known, content: body }));
      }, fail);
    });
    if (signal?.aborted) abort();
    else outgoing.end(content);
  });
}
