import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { ExactNumber, ROUTES } from '@confidant/contract';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  ConfidantClient,
  ConfidantError,
  nodeTransport,
  type CallerOptions,
  type NodeTransportOptions,
  type RetryEvent,
} from '../src/index.js';
import { startAnswering, type Answer, type AnsweringServer, type Seen } from './support/http.js';

const SECRET_TOKEN = 'the-token-itself';
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(answer: (request: Seen, count: number) => Answer | undefined): Promise<AnsweringServer> {
  let count = 0;
  const server = await startAnswering((request) => answer(request, (count += 1)));
  cleanups.push(() => server.close());
  return server;
}

function clientOf(
  url: string,
  options: Partial<CallerOptions> = {},
  transportOptions: Partial<NodeTransportOptions> = {},
): ConfidantClient {
  const transport = nodeTransport({ timeoutMs: 60_000, ...transportOptions });
  cleanups.push(() => transport.close());
  return new ConfidantClient({
    url,
    transport,
    auth: () => ({ authorization: `Basic ${SECRET_TOKEN}` }),
    backoffMs: 1,
    ...options,
  });
}

/** Returns the error of a failed call. */
async function failureOf(call: Promise<unknown>): Promise<ConfidantError> {
  const error = await call.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfidantError);
  return error as ConfidantError;
}

describe('requests', () => {
  test('requests go to the paths of the route table, with metadata_only as Python writes it', async () => {
    const server = await serve(() => ({ body: {} }));
    const client = clientOf(`${server.url}/`);
    await client.getService('web');
    await client.getCredential('id', { metadataOnly: true });
    await client.listCredentials({ limit: 2, page: 'a=b&c' });
    await client.diffService('web', 1, 2);
    await client.revertBlindCredential('b', 3);
    await client.getCertificate('private', 'a.example.com', { san: ['b', 'c'], validity: 7 });
    expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /v1/services/web?metadata_only=False',
      'GET /v1/credentials/id?metadata_only=True',
      'GET /v1/credentials?limit=2&page=a%3Db%26c',
      'GET /v1/services/web/1/2',
      'PUT /v1/blind_credentials/b/3',
      'GET /v1/certificates/private/a.example.com?san=b&san=c&validity=7',
    ]);
  });

  test('a revert has a body only if a revision is expected', async () => {
    const server = await serve(() => ({ body: {} }));
    const client = clientOf(server.url);
    await client.revertCredential('c', 1, { expectedRevision: 4 });
    await client.revertService('s', 1, { expectedRevision: 5 });
    await client.revertBlindCredential('b', 1, { expectedRevision: 6 });
    await client.revertService('s', 1);
    expect(await failureOf(client.revertService('s', 1, { signal: AbortSignal.abort() }))).toMatchObject({
      code: 'aborted',
    });
    expect(server.seen.map(({ body, headers }) => [body, headers['content-type']])).toEqual([
      ['{"expected_revision":4}', 'application/json'],
      ['{"expected_revision":5}', 'application/json'],
      ['{"expected_revision":6}', 'application/json'],
      ['', undefined],
    ]);
  });

  test('onAttempt is called for every attempt with its result', async () => {
    const busy = { status: 503, headers: { 'x-request-id': 'second' } };
    // The third attempt is sent twice, because the connection of the second one ends without a response.
    const server = await serve((_, count) => (count === 2 ? busy : count % 2 === 1 ? { drop: true } : { body: {} }));
    const told: unknown[] = [];
    const onAttempt: CallerOptions['onAttempt'] = ({ method, url, durationMs, error, ...event }) =>
      told.push([method, url.pathname, durationMs > 0, error instanceof ConfidantError && error.code, event]);
    await clientOf(server.url, { retries: 2, onAttempt }).getService('web');
    const [what, path] = ['GET', '/v1/services/web'];
    expect(told).toEqual([
      [what, path, true, 'network', { attempt: 1, sent: 1 }],
      [what, path, true, false, { attempt: 2, sent: 1, status: 503, requestId: 'second' }],
      [what, path, true, false, { attempt: 3, sent: 2, status: 200 }],
    ]);
  });

  test('errors of observers do not affect requests', async () => {
    const server = await serve((_, count) => (count === 1 ? { status: 503 } : { body: { id: 'x' } }));
    const observer = (): never => {
      throw new Error('of the observer');
    };
    const client = clientOf(server.url, { retries: 1, onAttempt: observer, onRetry: observer });
    expect(await client.revertCredential('x', 1)).toEqual({ id: 'x' });
  });

  test("the path in the server's address is kept", async () => {
    const server = await serve(() => ({ body: {} }));
    await clientOf(`${server.url}/confidant/`).getService('web');
    expect(server.seen[0]!.path).toBe('/confidant/v1/services/web?metadata_only=False');
  });

  test('an id stays one segment of the path, whatever it contains', async () => {
    const server = await serve(() => ({ body: {} }));
    const client = clientOf(server.url);
    await client.getService('a/../b?c#d');
    expect(server.seen[0]!.path).toBe('/v1/services/a%2F..%2Fb%3Fc%23d?metadata_only=False');
    for (const id of ['', '.', '..']) {
      expect(await failureOf(client.getService(id))).toMatchObject({ code: 'invalid_request' });
    }
    expect(server.seen).toHaveLength(1);
  });

  test('a body is sent as JSON with type and length, and without a body neither header is sent', async () => {
    const server = await serve(() => ({ body: {} }));
    const client = clientOf(server.url);
    await client.createCredential({ name: 'ü', credential_pairs: { big: new ExactNumber('12345678901234567890') } });
    await client.revertCredential('x', 1);
    const [post, put] = server.seen;
    expect(post!.body).toBe('{"name":"ü","credential_pairs":{"big":12345678901234567890}}');
    expect(post!.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(post!.body)),
    });
    expect(put!.headers['content-length']).toBe('0');
    expect(put!.headers).not.toHaveProperty('content-type');
  });

  test('only http and https addresses without credentials are accepted', () => {
    for (const url of ['confidant.example.com', 'ftp://x', 'file:///x', 'https://user:pass@x', '']) {
      expect(() => clientOf(url)).toThrow(TypeError);
    }
  });

  test('connections are reused', async () => {
    const server = await serve(() => ({ body: {} }));
    const client = clientOf(server.url);
    for (let i = 0; i < 3; i += 1) await client.listServices();
    expect(new Set(server.seen.map(({ port }) => port)).size).toBe(1);
  });
});

describe('the client', () => {
  test('the client has a method for every route', () => {
    const client = clientOf('http://127.0.0.1:1') as unknown as Record<string, unknown>;
    // getJwt covers the first three, and getUserEmail the last.
    const otherwise = ['getOwnToken', 'getToken', 'getTokenWithExpiry', 'postUserEmail'];
    const missing = Object.keys(ROUTES).filter((id) => typeof client[id] !== 'function' && !otherwise.includes(id));
    expect(missing).toEqual([]);
  });

  test('the client authenticates, except for anonymous routes', async () => {
    const server = await serve(() => ({ body: {} }));
    const client = clientOf(server.url);
    await client.getUserEmail();
    await client.getPublicKeys('staging');
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([`Basic ${SECRET_TOKEN}`, undefined]);
  });
});

describe('responses', () => {
  test('numbers in responses keep every digit', async () => {
    const server = await serve(() => ({ body: '{"credential_pairs": {"a": 12345678901234567890, "b": 1.0}}' }));
    const { credential_pairs: pairs } = await clientOf(server.url).getCredential('x');
    expect(pairs).toEqual({ a: new ExactNumber('12345678901234567890'), b: new ExactNumber('1.0') });
  });

  test('an error has status, code, request id and body', async () => {
    const server = await serve(() => ({
      status: 403,
      headers: { 'x-confidant-error': 'not_authorized', 'x-request-id': 'r-1' },
      body: { error: 'web does not have access', reference: 'web' },
    }));
    expect(await failureOf(clientOf(server.url).getService('web'))).toMatchObject({
      status: 403,
      code: 'not_authorized',
      requestId: 'r-1',
      body: { error: 'web does not have access', reference: 'web' },
      message: 'GET /v1/services/web answered 403: web does not have access',
      unreachable: false,
    });
  });

  test('an HTML error page of the original is an error', async () => {
    const server = await serve(() => ({ status: 500, headers: { 'content-type': 'text/html' }, body: '<h1>no' }));
    expect(await failureOf(clientOf(server.url).listServices())).toMatchObject({ status: 500, code: 'http_error' });
  });

  test('a refusal that does not come from Confidant is foreign, and a 404 asks whether this is a Confidant server', async () => {
    const question = '; is this a Confidant server?';
    // Makes an error page in the recorded form.
    const page = (title: string) => ({
      body: `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<title>${title}</title>\n<h1>x</h1>\n`,
    });
    const cases: [number, Answer, boolean, boolean?][] = [
      [401, page('401 Unauthorized'), false],
      [403, page('403 Forbidden'), false],
      // The server lacks this path, so the 404 does not say that the resource is missing.
      [404, page('404 Not Found'), true, false],
      [404, page('403 Forbidden'), true],
      [404, { body: '<h1>default backend' }, true],
      [404, { body: { message: 'Not Found' } }, true],
      [405, { body: '' }, true],
      [403, { body: '<h1>Forbidden' }, true],
      [404, { body: {} }, false],
      [404, { body: { error: 'Not found.' } }, false],
      [404, { body: '', headers: { 'x-confidant-error': 'not_found' } }, false],
    ];
    for (const [status, answer, foreign, asks = foreign && status !== 403] of cases) {
      const server = await serve(() => ({ status, ...answer }));
      const error = await failureOf(clientOf(server.url).getService('web'));
      expect(error).toMatchObject({ status, foreign });
      expect(error.message.endsWith(question)).toBe(asks);
    }
  });

  test('a 200 that is not a JSON object is an error', async () => {
    for (const body of ['<html>', '[1]', 'null', '"x"', '1.0']) {
      const server = await serve(() => ({ body }));
      expect(await failureOf(clientOf(server.url).listServices())).toMatchObject({ code: 'invalid_response' });
    }
  });

  test('a redirect is not followed', async () => {
    const other = await serve(() => ({ body: {} }));
    const server = await serve(() => ({ status: 302, headers: { location: `${other.url}/v1/services` } }));
    expect(await failureOf(clientOf(server.url).listServices())).toMatchObject({ status: 302, code: 'redirected' });
    expect(other.seen).toEqual([]);
  });

  test('responses larger than allowed are not read to the end', async () => {
    const server = await serve(() => ({ body: { padding: 'x'.repeat(5000) } }));
    const client = clientOf(server.url, {}, { maxResponseBytes: 1000 });
    expect(await failureOf(client.listServices())).toMatchObject({ code: 'response_too_large' });
  });

  test('errors do not contain the authentication', async () => {
    for (const answer of [{ status: 500 }, { drop: true }, { status: 401, body: { error: 'no' } }] as Answer[]) {
      const server = await serve(() => answer);
      const error = await failureOf(clientOf(server.url).listServices());
      expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(SECRET_TOKEN);
    }
  });
});

describe('retries', () => {
  const flaky = (status: number, times: number) =>
    serve((_, count) => (count <= times ? { status } : { body: { ok: true } }));

  test('GET and PUT are retried after 500, 502, 503 and 504, and authenticate again each time', async () => {
    for (const status of [500, 502, 503, 504]) {
      const server = await flaky(status, 2);
      let tokens = 0;
      const client = clientOf(server.url, { retries: 2, auth: () => ({ 'x-auth-token': String((tokens += 1)) }) });
      await client.revertService('web', 1);
      expect(server.seen.map(({ headers }) => headers['x-auth-token'])).toEqual(['1', '2', '3']);
    }
  });

  test('a 500 is retried at most twice, however many retries are allowed', async () => {
    const server = await flaky(500, 100);
    expect(await failureOf(clientOf(server.url, { retries: 5 }).listServices())).toMatchObject({ status: 500 });
    expect(server.seen).toHaveLength(3);
  });

  test('POST is never retried', async () => {
    const server = await flaky(503, 1);
    const client = clientOf(server.url, { retries: 5 });
    const create = client.createCredential({ name: 'x', credential_pairs: { a: 'b' } });
    expect(await failureOf(create)).toMatchObject({ status: 503 });
    expect(server.seen).toHaveLength(1);
  });

  test('errors about the request itself are not retried', async () => {
    for (const status of [400, 401, 403, 404, 409]) {
      const server = await flaky(status, 1);
      expect(await failureOf(clientOf(server.url, { retries: 5 }).getService('x'))).toMatchObject({ status });
      expect(server.seen).toHaveLength(1);
    }
  });

  test('there are at most `retries` retries, none by default', async () => {
    const server = await flaky(503, 100);
    expect(await failureOf(clientOf(server.url, { retries: 3 }).listServices())).toMatchObject({ status: 503 });
    expect(server.seen).toHaveLength(4);
    await failureOf(clientOf(server.url).listServices());
    expect(server.seen).toHaveLength(5);
  });

  test('requests are retried after a broken connection', async () => {
    const server = await serve((_, count) => (count === 1 ? { drop: true } : { body: {} }));
    await clientOf(server.url, { retries: 1 }).listServices();
    expect(server.seen).toHaveLength(2);
  });

  test('pauses double up to two minutes, minus a random part up to half, and are reported', async () => {
    const server = await flaky(503, 100);
    const told: RetryEvent[] = [];
    const controller = new AbortController();
    const client = clientOf(server.url, {
      retries: 5,
      backoffMs: 16,
      onRetry: (event) => {
        told.push(event);
        if (event.attempt === 3) controller.abort();
      },
    });
    expect(await failureOf(client.listServices({}, { signal: controller.signal }))).toMatchObject({ code: 'aborted' });
    for (const [index, full] of [16, 32, 64].entries()) {
      expect(told[index]!.delayMs).toBeGreaterThanOrEqual(full / 2);
      expect(told[index]!.delayMs).toBeLessThanOrEqual(full);
    }
    const capped: number[] = [];
    const stop = new AbortController();
    const impatient = clientOf(server.url, {
      retries: 5,
      backoffMs: 1e9,
      onRetry: ({ delayMs }) => {
        capped.push(delayMs);
        stop.abort();
      },
    });
    await failureOf(impatient.listServices({}, { signal: stop.signal }));
    expect(capped[0]).toBeLessThanOrEqual(120_000);
  });

  test('Retry-After is respected up to two minutes', async () => {
    const server = await serve(() => ({ status: 503, headers: { 'retry-after': '9999' } }));
    const stop = new AbortController();
    let pause = 0;
    const onRetry = ({ delayMs }: RetryEvent): void => {
      pause = delayMs;
      stop.abort();
    };
    await failureOf(clientOf(server.url, { retries: 1, onRetry }).listServices({}, { signal: stop.signal }));
    expect(pause).toBe(120_000);
  });
});

describe('the number of attempts', () => {
  const DENIED = { status: 403, body: { error: 'no' } };

  test('attempts do not include connections that could not be made, but those that broke', async () => {
    const refused = await failureOf(clientOf('http://127.0.0.1:1', { retries: 2, backoffMs: 1 }).getService('web'));
    expect(refused).toMatchObject({ code: 'network', unsent: true, attempts: 1 });
    const nobody = await failureOf(clientOf('http://no-such-host.invalid', { retries: 0 }).getService('web'));
    expect(nobody).toMatchObject({ unsent: true });
    const server = await serve((_, count) => (count === 1 ? { drop: true } : DENIED));
    const broken = await failureOf(clientOf(server.url, { retries: 2, backoffMs: 1 }).getService('web'));
    expect(broken).toMatchObject({ status: 403, attempts: 2 });
  });

  test('a refusal after a refused connection counts as one attempt', async () => {
    const server = await serve(() => DENIED);
    const there = nodeTransport({ timeoutMs: 60_000 });
    let count = 0;
    const client = new ConfidantClient({
      url: server.url,
      auth: () => ({}),
      retries: 2,
      backoffMs: 1,
      transport: (request) => there((count += 1) === 1 ? { ...request, url: new URL('http://127.0.0.1:1') } : request),
    });
    expect(await failureOf(client.getService('web'))).toMatchObject({ status: 403, attempts: 1 });
    there.close();
  });
});

describe('time', () => {
  test('a server that does not respond is a timeout, which counts as unreachable', async () => {
    const server = await serve(() => ({ hang: true }));
    const error = await failureOf(clientOf(server.url, {}, { timeoutMs: 50 }).listServices());
    expect(error).toMatchObject({ code: 'timeout', unreachable: true, status: undefined });
  });

  test('a deadline ends the whole call, and no pause goes beyond it', async () => {
    const server = await serve((_, count) => (count === 1 ? { status: 503 } : { hang: true }));
    const client = clientOf(server.url, { retries: 5, backoffMs: 1 }, { timeoutMs: 3_600_000 });
    // Fake timers make the second attempt come in time, however slow this machine is.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const call = failureOf(client.getService('web', {}, { deadlineMs: 2000 }));
    const repeated = () => (vi.advanceTimersByTime(server.seen.length === 1 ? 1 : 0), server.seen);
    await expect.poll(repeated).toHaveLength(2);
    vi.advanceTimersByTime(2000);
    const error = await call;
    vi.useRealTimers();
    expect(error).toMatchObject({ code: 'timeout', unreachable: true, status: undefined, attempts: 2 });
    expect(error.message).toBe(`GET /v1/services/web: no response from ${server.url} in time`);
    expect(server.seen).toHaveLength(2);
    const busy = await serve(() => ({ status: 503, headers: { 'retry-after': '100' } }));
    const refused = clientOf(busy.url, { retries: 5 }).listServices({}, { deadlineMs: 10_000 });
    expect(await failureOf(refused)).toMatchObject({ status: 503 });
  });

  test("a deadline does not affect the caller's own signal", async () => {
    const server = await serve(() => ({ hang: true }));
    const stop = new AbortController();
    const call = clientOf(server.url).listServices({}, { signal: stop.signal, deadlineMs: 3_600_000 });
    await expect.poll(() => server.seen).toHaveLength(1);
    stop.abort();
    expect(await failureOf(call)).toMatchObject({ code: 'aborted' });
    const early = clientOf(server.url).listServices({}, { signal: stop.signal, deadlineMs: 3_600_000 });
    expect(await failureOf(early)).toMatchObject({ code: 'aborted' });
    expect(server.seen).toHaveLength(1);
  });

  test('a timeout that no timer can wait for is refused, because it would end at once', () => {
    for (const timeoutMs of [0, -1, 86_400_001, Infinity, Number.NaN]) {
      expect(() => nodeTransport({ timeoutMs })).toThrow(RangeError);
    }
    expect(() => clientOf('http://localhost', { backoffMs: Number.NaN })).toThrow(RangeError);
    nodeTransport({ timeoutMs: 86_400_000 }).close();
  });

  test('an endless slow response ends by the time limit', async () => {
    const server = createTrickle();
    const error = await failureOf(clientOf(await server.url, {}, { timeoutMs: 40 }).listServices());
    expect(error.code).toBe('timeout');
  });

  test('a refused connection counts as unreachable', async () => {
    const server = await serve(() => undefined);
    await server.close();
    cleanups.pop();
    const error = await failureOf(clientOf(server.url).listServices());
    expect(error).toMatchObject({ code: 'network', unreachable: true });
    expect(error.message).toContain('ECONNREFUSED');
  });
});

/** Sends a byte every few milliseconds and never ends. */
function createTrickle(): { url: Promise<string> } {
  const url = (async () => {
    const { createServer: createPlain } = await import('node:http');
    const server = createPlain((_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(' '), 5);
      response.on('close', () => clearInterval(timer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  })();
  return { url };
}

describe('certificates', () => {
  const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

  test('certificates are verified: an unknown CA is refused, the one of the CA file is accepted', async () => {
    const server = createServer(
      { key: readFileSync(fixture('localhost-key.pem')), cert: readFileSync(fixture('localhost-cert.pem')) },
      (_, response) => response.end('{"services": []}'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `https://localhost:${(server.address() as AddressInfo).port}`;
    // An untrusted certificate is not retried.
    const refused = await failureOf(clientOf(url, { retries: 3 }).listServices());
    expect(refused).toMatchObject({ code: 'untrusted', unreachable: true, attempts: 1 });
    expect(refused.message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    expect(await failureOf(clientOf(url).listServices())).toMatchObject({ code: 'untrusted' });
    vi.unstubAllEnvs();
    const answer = await clientOf(url, {}, { caFile: fixture('localhost-cert.pem') }).listServices();
    expect(answer).toEqual({ services: [] });
  });
});
