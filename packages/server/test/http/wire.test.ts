import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { ROUTES } from '@confidant/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const alice = 'user:alice';

describe('every response', () => {
  test('is JSON with a JSON type, and must not be sniffed, framed, stored or sent as referrer (bug 24)', async () => {
    for (const [as, method, path, status] of [
      [alice, 'GET', '/v1/credentials', 200],
      [alice, 'GET', '/v1/credentials/nope', 404],
      [null, 'GET', '/v1/credentials', 401],
      [alice, 'GET', '/v1/nothing', 404],
      [alice, 'PUT', '/v1/credentials', 405],
      [alice, 'QUERY', '/v1/credentials', 405],
      [alice, 'QUERY', '/v1/nothing', 404],
      [alice, 'GET', '/v1/credentials/%zz', 404],
    ] as const) {
      const answer = await server.call(as, method, path);
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.headers.get('content-type')).toBe('application/json');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
      expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(answer.headers.get('cache-control')).toBe('no-store');
      if (status !== 200) expect(answer.json.error).toBeTypeOf('string');
    }
  });

  test('names the allowed methods when it is 405', async () => {
    expect((await server.call(alice, 'PUT', '/v1/credentials')).headers.get('allow')).toBe('GET, POST');
  });

  test('to bytes that are not HTTP is 400, and the connection ends', async () => {
    const { hostname, port } = new URL(server.url);
    const text = await new Promise<string>((resolve, reject) => {
      let received = '';
      const socket = connect(Number(port), hostname, () => socket.write('NOT HTTP\r\n\r\n'));
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('close', () => resolve(received));
      socket.on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 .*\r\n/);
    expect(text).toContain('{"error":');
  });

  test('carries a request id, which is the caller’s own when that is plain text', async () => {
    const { username, token } = await server.token(alice);
    const authorization = `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`;
    const named = await server.call({ authorization, 'x-request-id': 'build-1234' }, 'GET', '/v1/user/email');
    expect(named.headers.get('x-request-id')).toBe('build-1234');
    const odd = await server.call({ authorization, 'x-request-id': 'a b"c' }, 'GET', '/v1/user/email');
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('to HEAD is that of GET without a body', async () => {
    const answer = await server.call(alice, 'HEAD', '/v1/credentials');
    expect([answer.status, answer.text]).toEqual([200, '']);
  });
});

describe('clients of other languages', () => {
  test('may send a JSON body of null where no body is expected', async () => {
    const { json } = await server.call(alice, 'POST', '/v1/credentials', { name: 'n', credential_pairs: { a: '1' } });
    await server.call(alice, 'PUT', `/v1/credentials/${json.id}`, { documentation: 'd' });
    expect((await server.call(alice, 'PUT', `/v1/credentials/${json.id}/1`, 'null')).status).toBe(200);
  });
});

describe('the log', () => {
  test('has the caller, its authentication, the resource, the revision and the outcome of every read and write of secrets', async () => {
    const { json } = await server.call(alice, 'POST', '/v1/credentials', { name: 'log', credential_pairs: { k: 'v' } });
    await server.call(alice, 'PUT', '/v1/services/logged', { credentials: [json.id] });
    await server.call('service:logged', 'GET', '/v1/services/logged');
    await server.call('service:other', 'GET', '/v1/services/logged');
    await server.call(alice, 'PUT', '/v1/services/logged', { credentials: ['missing'] });
    const audit = server
      .log()
      .split('\n')
      .filter((line) => line.includes('"audit":'))
      .map((line) => (JSON.parse(line) as { audit: Record<string, any> }).audit)
      .filter((entry) => entry['resourceId'] === json.id || entry['resourceId'] === 'logged');
    expect(audit).toMatchObject([
      {
        action: 'create',
        resourceType: 'credential',
        resourceId: json.id,
        revision: 1,
        outcome: 'ok',
        principal: { name: 'alice', type: 'user', authenticatedBy: 'kms-token' },
      },
      { action: 'create', resourceType: 'service', revision: 1, outcome: 'ok' },
      {
        action: 'get',
        resourceType: 'service',
        revision: 1,
        outcome: 'ok',
        credentials: [json.id],
        principal: { name: 'logged', type: 'service' },
      },
      { action: 'get', outcome: 'denied', reason: 'not_authorized', principal: { name: 'other' } },
      { action: 'update', outcome: 'failed', reason: 'unknown_credentials' },
    ]);
    expect(audit.every((entry) => typeof entry['requestId'] === 'string')).toBe(true);
  });

  test('holds no secret value, token or header, whatever goes wrong', async () => {
    const secret = 'hunter2-hunter2-hunter2';
    const { username, token } = await server.token(alice);
    const authorization = `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`;
    const created = await server.call(alice, 'POST', '/v1/credentials', {
      name: 'secretive',
      credential_pairs: { k: secret },
    });
    for (const [method, path, body] of [
      ['GET', `/v1/credentials/${created.json.id}`],
      ['PUT', `/v1/credentials/${created.json.id}`, { credential_pairs: { a: { b: secret } } }],
      ['PUT', `/v1/credentials/${created.json.id}`, `{"credential_pairs": {"a": "${secret}"`],
      ['POST', '/v1/credentials', { name: 'secretive', credential_pairs: { a: secret } }],
      ['POST', '/v1/credentials', { name: [secret], credential_pairs: { a: secret } }],
    ] as const) {
      const answer = await server.call(alice, method, path, body);
      if (answer.status !== 200) expect(answer.text).not.toContain(secret);
    }
    await server.call({ authorization: `${authorization}x` }, 'GET', '/v1/user/email');
    expect(server.log().length).toBeGreaterThan(1000);
    for (const never of [secret, token, authorization.slice(6)]) expect(server.log()).not.toContain(never);
  });
});

test('the contract marks exactly these paths as secret', () => {
  const marked: string[] = [];
  const walk = (schema: any, path: string): void => {
    if (schema?.meta?.()?.secret === true) marked.push(path);
    const definition = schema?._zod?.def;
    if (definition?.type === 'object') {
      for (const [key, child] of Object.entries(definition.shape)) walk(child, `${path}.${key}`);
    }
    if (definition?.element) walk(definition.element, `${path}[]`);
    if (definition?.innerType) walk(definition.innerType, path);
  };
  for (const [id, route] of Object.entries(ROUTES)) {
    walk((route as any).body, `${id}.body`);
    walk(route.response, `${id}.response`);
  }
  expect(marked.filter((path) => path.includes('redential')).toSorted?.() ?? marked.sort()).toContain(
    'getService.response.credentials[].credential_pairs',
  );
  expect(
    marked.every((path) => /credential_pairs$|^updateCredential\.body\.set$|\.value$|\.token$|\.key$/.test(path)),
  ).toBe(true);
});

test('the server publishes the committed OpenAPI document to anyone', async () => {
  const answer = await server.call(null, 'GET', '/v1/openapi.json');
  const committed = readFileSync(new URL('../../../../docs/reference/openapi.json', import.meta.url), 'utf8');
  expect(answer.status).toBe(200);
  expect(answer.json).toEqual(JSON.parse(committed));
  const served = Object.values(ROUTES).map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
  const described = Object.entries(answer.json.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(described.sort()).toEqual(served.sort());
});
