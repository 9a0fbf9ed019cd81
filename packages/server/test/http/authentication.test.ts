import { TokenGenerator } from '@confidant/kmsauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KmsStandIn, startKmsStandIn } from '../stand-ins/kms.js';
import { startServer, type TestServer } from '../harness/server.js';

let server: TestServer;
let kms: KmsStandIn;
/** The environment of production with KMS over the network, but with the embedded store. */
beforeAll(async () => {
  kms = await startKmsStandIn();
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
  await kms.stop();
});

const basic = (username: string, token: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`,
});

describe('authentication of a request', () => {
  test('accepts v2 tokens of people and services, and v1 tokens of services, by Basic', async () => {
    for (const [as, name] of [
      ['user:alice', 'alice'],
      ['service:web', 'web'],
      ['v1:old', 'old'],
    ] as const) {
      const answer = await server.call(as, 'GET', '/v1/user/email');
      expect([answer.status, answer.json]).toEqual([200, { email: name }]);
    }
  });

  test('accepts X-Auth-From and X-Auth-Token', async () => {
    const { username, token } = await server.token('service:web');
    const answer = await server.call({ 'x-auth-from': username, 'x-auth-token': token }, 'GET', '/v1/user/email');
    expect(answer.json).toEqual({ email: 'web' });
  });

  test('refuses missing credentials and credentials that cannot be parsed with 401 and WWW-Authenticate', async () => {
    for (const headers of [
      {},
      { authorization: '' },
      { authorization: 'Basic' },
      { authorization: 'Basic !!!' },
      { authorization: 'Bearer abc' },
      basic('', 'token'),
      { 'x-auth-token': 'x' },
      { authorization: `Basic ${Buffer.from('no colon').toString('base64')}` },
    ]) {
      const answer = await server.call(headers as Record<string, string>, 'GET', '/v1/services/web');
      expect([headers, answer.status]).toEqual([headers, 401]);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
      expect(answer.json.error).toBeTypeOf('string');
    }
  });

  test('refuses a name without a token, malformed names (bug 11) and invalid tokens with 403', async () => {
    const { username, token } = await server.token('service:web');
    for (const headers of [
      basic('2/user/alice', ''),
      { 'x-auth-from': 'web' },
      basic('2/user/alice/x', token),
      basic('0/user/alice', token),
      basic('3/service/web', token),
      basic('2/robot/web', token),
      basic('2//web', token),
      basic('2/service/other', token),
      basic('2/user/web', token),
      basic('web', token),
      basic(username, 'not base64 !'),
      basic(username, Buffer.alloc(80, 7).toString('base64')),
      basic(username, token.slice(0, -4)),
    ]) {
      const answer = await server.call(headers as Record<string, string>, 'GET', '/v1/user/email');
      expect([headers, answer.status, typeof answer.json.error]).toEqual([headers, 403, 'string']);
    }
  });

  test('refuses a token that was cached for another version with 403 (bug 7)', async () => {
    const { token } = await server.token('service:web');
    expect((await server.call('service:web', 'GET', '/v1/user/email')).status).toBe(200);
    expect((await server.call(basic('web', token), 'GET', '/v1/user/email')).status).toBe(403);
    expect((await server.call(basic('1/service/web', token), 'GET', '/v1/user/email')).status).toBe(403);
  });

  test('comes before anything of the request is parsed', async () => {
    for (const [method, path] of [
      ['POST', '/v1/credentials'],
      ['PUT', '/v1/services/x'],
      ['GET', '/v1/credentials?limit=bad'],
      ['PUT', '/v1/credentials/x/None'],
    ] as const) {
      expect((await server.call(null, method, path, method === 'GET' ? undefined : '{')).status).toBe(401);
    }
  });

  test('refuses a token that lives a whole day too long, or ends before it begins, with 403 (bug 7)', async () => {
    const generate = async (lifetimeMinutes: number, now: () => number): Promise<Record<string, string>> => {
      const generator = new TokenGenerator({
        kms: kms.kms,
        authKey: 'alias/authnz-service',
        from: 'web',
        to: 'confidant-production',
        userType: 'service',
        version: 2,
        lifetimeMinutes,
        now,
      });
      const { username, token } = await generator.token();
      return basic(username, token);
    };
    const production = await startServer(
      {
        KMS_AUTH_USER_TYPES: 'service',
        KMS_CONNECTION_TIMEOUT: '20',
        KMS_READ_TIMEOUT: '20',
      },
      { environment: productionEnvironment(kms.url, 'http://127.0.0.1:9'), kms: kms.kms },
    );
    try {
      expect((await production.call(await generate(60, Date.now), 'GET', '/v1/user/email')).status).toBe(200);
      expect((await production.call(await generate(61, Date.now), 'GET', '/v1/user/email')).status).toBe(403);
      expect((await production.call(await generate(24 * 60 + 10, Date.now), 'GET', '/v1/user/email')).status).toBe(403);
      const yesterday = (): number => Date.now() - 86_400_000;
      expect((await production.call(await generate(60, yesterday), 'GET', '/v1/user/email')).status).toBe(403);
    } finally {
      await production.stop();
    }
  });
});

describe('a failing backend', () => {
  test('gives 503, never 401, 403 or 404, while KMS is unreachable for checking a token (bug 7)', async () => {
    const production = await startServer(
      {},
      { environment: productionEnvironment(kms.url, 'http://127.0.0.1:9'), kms: kms.kms },
    );
    try {
      const as = await production.token('user:alice');
      for (const fault of [500, 503, 'hang'] as const) {
        kms.fault = fault;
        const answer = await production.call(basic(as.username, as.token), 'GET', '/v1/user/email');
        expect([fault, answer.status, typeof answer.json.error]).toEqual([fault, 503, 'string']);
      }
      kms.fault = undefined;
      expect((await production.call(basic(as.username, as.token), 'GET', '/v1/user/email')).status).toBe(200);
      // The token is cached now, so KMS may go away again.
      kms.fault = 'hang';
      expect((await production.call(basic(as.username, as.token), 'GET', '/v1/user/email')).status).toBe(200);
    } finally {
      kms.fault = undefined;
      await production.stop();
    }
  });

  test('gives 503 for every kind of request while the table is unreachable; health says alive but not ready', async () => {
    const production = await startServer(
      {},
      { environment: productionEnvironment(kms.url, 'http://127.0.0.1:9'), kms: kms.kms },
    );
    try {
      for (const [method, path, body] of [
        ['GET', '/v1/services/x'],
        ['GET', '/v1/credentials'],
        ['GET', '/v1/credentials/x/services'],
        ['POST', '/v1/credentials', { name: 'x', credential_pairs: { a: 'b' } }],
        ['PUT', '/v1/services/x', {}],
        ['GET', '/healthcheck/ready'],
      ] as const) {
        const answer = await production.call('user:alice', method, path, body);
        expect([path, answer.status, typeof answer.json?.error]).toEqual([path, 503, 'string']);
      }
      expect((await production.call(null, 'GET', '/healthcheck')).status).toBe(200);
      expect((await production.call(null, 'GET', '/healthcheck/live')).status).toBe(200);
    } finally {
      await production.stop();
    }
  });
});

/** The environment of the recordings, with local stand-ins for the backends. */
function productionEnvironment(kmsUrl: string, dynamoUrl: string): Record<string, string> {
  return {
    AUTH_CONTEXT: 'confidant-production',
    AUTH_KEY: 'alias/authnz-service',
    USER_AUTH_KEY: 'alias/authnz-user',
    SCOPED_AUTH_KEYS: '{"alias/authnz-sandbox":"sandbox"}',
    KMS_AUTH_USER_TYPES: 'user,service',
    KMS_MASTER_KEY: 'alias/confidant-master',
    KMS_URL: kmsUrl,
    DYNAMODB_URL: dynamoUrl,
    DYNAMODB_TABLE: 'confidant',
    SSLIFY: 'false',
  };
}
