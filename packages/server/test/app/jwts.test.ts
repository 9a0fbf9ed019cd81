import { createSocket } from 'node:dgram';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { jwtKeys, jwtMemory } from '../../src/adapters/signing/jwt-keys.js';
import { makeKeyAndRoot } from '../adapters/signing/custom-keys.js';
import { auditLines } from '../adapters/signing/tools.js';
import { startServer, type TestServer } from '../harness/server.js';
import { redisStandIn } from '../adapters/expiring/redis-server.js';

/** The keys of the recordings, with their passphrases. */
const recorded = (
  parse(
    (
      JSON.parse(
        readFileSync(new URL('../../../../test/golden/secrets-bootstrap.json', import.meta.url), 'utf8'),
      ) as Record<string, string>
    )['secrets_plaintext_yaml']!,
  ) as Record<string, string>
)['JWT_CERTIFICATE_AUTHORITIES']!;

const alice = 'user:alice';
const settings = {
  JWT_IS_CA_ENCRYPTED: 'false',
  JWT_CERTIFICATE_AUTHORITIES: recorded,
  JWT_ACTIVE_SIGNING_KEYS: '{"staging":"staging-kid-1","production":"production-kid-1","absent":"no-such-kid"}',
};

let server: TestServer;
let open: TestServer;
let cached: TestServer;
beforeAll(async () => {
  server = await startServer({ ...settings, JWT_DEFAULT_JWT_EXPIRATION_SECONDS: '900' });
  open = await startServer({ ...settings, ACL_MODULE: 'confidant.authnz.rbac:no_acl' });
  cached = await startServer({
    ...settings,
    ACL_MODULE: 'confidant.authnz.rbac:no_acl',
    JWT_CACHING_ENABLED: 'true',
    JWT_CACHING_TTL_SECONDS: '60',
  });
});
afterAll(() => Promise.all([server.stop(), open.stop(), cached.stop()]));

/** Fetches a token and verifies it as any client would: with another library and the published keys. */
async function verified(
  from: TestServer,
  as: string,
  path: string,
): Promise<{ token: string; payload: JWTPayload; kid: string | undefined }> {
  const { status, json } = await from.call(as, 'GET', `/v1/jwks/token${path}`);
  expect([status, Object.keys(json)]).toEqual([200, ['token']]);
  const environment = new URLSearchParams(path.split('?')[1]).get('environment');
  const published = await from.call(null, 'GET', `/v1/jwks/public/${environment}`);
  const { payload, protectedHeader } = await jwtVerify(json.token, createLocalJWKSet(published.json), {
    algorithms: ['RS256'],
    // Verified as of its issue: some tokens live for two seconds, and a test may be slower.
    currentDate: new Date(decodeJwt(json.token).iat! * 1000),
  });
  return { token: json.token, payload, kid: protectedHeader.kid };
}

describe('a JWT', () => {
  test('names the caller, the subject and the expiry, and is signed by the active key of its environment', async () => {
    for (const environment of ['staging', 'production']) {
      const before = Math.floor(Date.now() / 1000);
      const { payload, kid, token } = await verified(server, alice, `?environment=${environment}`);
      expect(kid).toBe(`${environment}-kid-1`);
      expect(decodeProtectedHeader(token)).toEqual({ alg: 'RS256', kid, typ: 'JWT' });
      const { iat } = payload;
      expect(iat).toBeGreaterThanOrEqual(before);
      expect(payload).toEqual({
        is_service: false,
        requester: 'alice',
        user: 'alice',
        iat,
        nbf: iat,
        exp: iat! + 900,
      });
    }
  });

  test('has is_service only for services (bug 5)', async () => {
    expect((await verified(open, 'service:web', '?environment=staging')).payload).toMatchObject({
      is_service: true,
      requester: 'web',
      user: 'web',
    });
    expect((await verified(open, alice, '/web?environment=staging')).payload).toMatchObject({
      is_service: false,
      requester: 'alice',
      user: 'web',
    });
  });

  test('does not verify under the key of another environment', async () => {
    const { token } = await verified(server, alice, '?environment=staging');
    const { json } = await server.call(null, 'GET', '/v1/jwks/public/production');
    await expect(jwtVerify(token, createLocalJWKSet(json))).rejects.toThrow();
  });

  test('is by default only for the caller’s own name: people get 403 for others, and services always (bug 5)', async () => {
    expect((await verified(server, alice, '/alice?environment=staging')).payload['user']).toBe('alice');
    for (const [as, path] of [
      [alice, '/bob'],
      [alice, '/bob/60'],
      [alice, '/Alice'],
      ['service:web', ''],
      ['service:web', '/web'],
      ['service:alice', '/alice'],
    ] as const) {
      const { status, json } = await server.call(as, 'GET', `/v1/jwks/token${path}?environment=staging`);
      expect([as, path, status, Object.keys(json)]).toEqual([as, path, 403, ['error']]);
    }
  });

  test('needs an environment that has a key, else 400', async () => {
    for (const query of ['', '?environment=']) {
      const { status, json } = await server.call(alice, 'GET', `/v1/jwks/token${query}`);
      expect([status, json]).toEqual([400, { error: 'Please specify an environment' }]);
    }
    for (const environment of ['nope', 'absent', '__proto__', 'constructor', 'x'.repeat(300)]) {
      const { status } = await server.call(alice, 'GET', `/v1/jwks/token?environment=${environment}`);
      expect([environment, status]).toEqual([environment, 400]);
    }
  });

  test('needs an authenticated caller, else 401', async () => {
    expect((await server.call(null, 'GET', '/v1/jwks/token?environment=staging')).status).toBe(401);
  });

  test('is audited, and never logged', async () => {
    const before = server.log().length;
    const { token } = await verified(server, alice, '?environment=staging');
    const log = server.log().slice(before);
    expect(auditLines(log)).toMatchObject([
      {
        principal: { name: 'alice', type: 'user' },
        resourceType: 'jwt',
        action: 'get',
        resourceId: 'alice',
        outcome: 'ok',
        jwt: { environment: 'staging', kid: 'staging-kid-1' },
      },
    ]);
    expect(log).not.toContain(token.split('.')[2]);
  });
});

describe('an expiry', () => {
  const lifetime = async (path: string, as = alice): Promise<[unknown, number]> => {
    const { payload } = await verified(server, as, `${path}?environment=staging`);
    return [payload['user'], payload.exp! - payload.iat!];
  };

  test('may be shorter than the configured one, never longer', async () => {
    expect(await lifetime('/alice/60')).toEqual(['alice', 60]);
    expect(await lifetime('/alice/900')).toEqual(['alice', 900]);
    expect(await lifetime('/alice/901')).toEqual(['alice', 900]);
    expect(await lifetime('/alice/999999999999999')).toEqual(['alice', 900]);
  });

  test('without an id is for the caller, as the Python client sends it', async () => {
    expect(await lifetime('/60')).toEqual(['alice', 60]);
    expect(await lifetime('/999999')).toEqual(['alice', 900]);
  });

  test('without an id is taken for a name if a caller or service has that name', async () => {
    expect(await lifetime('/4711', 'user:4711')).toEqual(['4711', 900]);
    await server.call(alice, 'PUT', '/v1/services/8080', { credentials: [] });
    expect((await server.call(alice, 'GET', '/v1/jwks/token/8080?environment=staging')).status).toBe(403);
    await open.call(alice, 'PUT', '/v1/services/8080', { credentials: [] });
    expect((await verified(open, alice, '/8080?environment=staging')).payload['user']).toBe('8080');
  });

  test('that is not a positive number gets 404', async () => {
    for (const expiry of ['0', '-1', '1.5', 'x', '01', '9'.repeat(16)]) {
      const { status } = await server.call(alice, 'GET', `/v1/jwks/token/alice/${expiry}?environment=staging`);
      expect([expiry, status]).toEqual([expiry, 404]);
    }
  });
});

describe('public keys', () => {
  test('are those of one environment, for anyone, in the form of the recordings', async () => {
    const { status, json } = await server.call(null, 'GET', '/v1/jwks/public/staging');
    expect(status).toBe(200);
    expect(Object.keys(json)).toEqual(['keys']);
    expect(json.keys).toHaveLength(1);
    expect(Object.entries(json.keys[0])).toMatchObject([
      ['e', 'AQAB'],
      ['alg', 'RS256'],
      ['kty', 'RSA'],
      ['kid', 'staging-kid-1'],
      ['n', expect.stringMatching(/^[\w-]{342}$/)],
    ]);
  });

  test('of an unknown environment get 404 in the words of the original', async () => {
    for (const environment of ['dev', '__proto__', 'absent']) {
      const { status, json } = await server.call(null, 'GET', `/v1/jwks/public/${environment}`);
      expect([status, json]).toEqual([404, { error: 'Public key not found for this environment' }]);
    }
  });
});

describe('the cache', () => {
  const tokenOf = async (as: string, path: string): Promise<string> => (await verified(cached, as, path)).token;

  test('returns the same token for the same request, and only for that', async () => {
    const first = await tokenOf(alice, '?environment=staging');
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(await tokenOf(alice, '/alice?environment=staging')).toBe(first);
    const others = [
      await tokenOf(alice, '?environment=production'),
      await tokenOf(alice, '/alice/600?environment=staging'),
      await tokenOf(alice, '/bob?environment=staging'),
      await tokenOf('user:bob', '/alice?environment=staging'),
      await tokenOf('service:alice', '/alice?environment=staging'),
    ];
    expect(new Set([first, ...others]).size).toBe(6);
    expect(decodeJwt(others[4]!)).toMatchObject({ is_service: true, requester: 'alice' });
  });

  test('never gives out a token that has less than half its life left', async () => {
    const first = await tokenOf(alice, '/alice/2?environment=staging');
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(await tokenOf(alice, '/alice/2?environment=staging')).not.toBe(first);
  });

  test('in memory keeps as many tokens as the setting says', async () => {
    const store = jwtMemory(2);
    for (const key of ['a', 'b', 'c']) await store.set(key, key, 60);
    expect([await store.get('a'), await store.get('b'), await store.get('c')]).toEqual([undefined, 'b', 'c']);
  });

  test('in Redis is shared by all servers', async () => {
    const redis = redisStandIn('redis-password');
    await redis.start();
    const together = {
      ...settings,
      JWT_CACHING_ENABLED: 'true',
      JWT_CACHING_USE_REDIS: 'true',
      REDIS_URL_JWT_CACHE: `redis://:redis-password@127.0.0.1:${redis.port}`,
      REDIS_SOCKET_TIMEOUT: '20',
    };
    const one = await startServer(together);
    const two = await startServer(together);
    /** Without a connection the cache is skipped, which is logged. */
    const connected = (to: TestServer) =>
      expect
        .poll(async () => {
          const before = to.log().length;
          await verified(to, 'user:carol', '?environment=staging');
          return to.log().slice(before);
        })
        .not.toContain('JWT cache');
    try {
      await connected(one);
      await connected(two);
      const { token } = await verified(one, alice, '?environment=staging');
      // A token that was made a second later differs.
      await new Promise((resolve) => setTimeout(resolve, 1100));
      expect((await verified(one, alice, '?environment=staging')).token).toBe(token);
      expect((await verified(two, alice, '?environment=staging')).token).toBe(token);
      expect((await verified(two, 'user:bob', '?environment=staging')).token).not.toBe(token);
    } finally {
      await one.stop();
      await two.stop();
      await redis.stop();
    }
  });

  test('in a Redis that is unreachable is skipped', async () => {
    const without = await startServer({
      ...settings,
      JWT_CACHING_ENABLED: 'true',
      JWT_CACHING_USE_REDIS: 'true',
      REDIS_URL_JWT_CACHE: 'redis://127.0.0.1:1',
    });
    expect((await verified(without, alice, '?environment=staging')).payload['user']).toBe('alice');
    expect(without.log()).toContain('JWT cache');
    await without.stop();
  });
});

test('metrics have the original’s names, and neither dots nor names of callers can split them', async () => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const lines: string[] = [];
  socket.on('message', (message) => lines.push(...message.toString().split('\n')));
  const counted = await startServer({
    ...settings,
    STATSD_HOST: '127.0.0.1',
    STATSD_PORT: String(socket.address().port),
    JWT_CACHING_ENABLED: 'true',
  });
  for (let i = 0; i < 2; i++) await verified(counted, 'user:alice@example.com', '?environment=staging');
  await counted.call(null, 'GET', '/v1/jwks/public/made.up:1|c');
  await counted.stop();
  const names = [
    'jwt.get_active_key.staging.staging-kid-1',
    'jwt.get_jwt.staging-kid-1.alice_example_com.create',
    'jwt.get_jwt.cache.staging-kid-1.alice_example_com.miss',
    'jwt.get_jwt.cache.staging-kid-1.alice_example_com.hit',
    'jwt.get_jwks.staging.hit',
    'jwt.get_jwks.unknown.miss',
  ];
  await expect
    .poll(() => names.filter((name) => lines.some((line) => line.startsWith(`confidant.${name}:1|c`))))
    .toEqual(names);
  expect(lines.some((line) => /^confidant\.jwt\.get_jwt\.encode:\d+\.\d+\|ms/.test(line))).toBe(true);
  expect(lines.join()).not.toContain('made');
  socket.close();
});

describe('unusable keys are left out, named by kid and never quoted', () => {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');
  const entries = JSON.parse(Buffer.from(recorded, 'base64').toString('utf8')) as Record<
    string,
    Record<string, string>[]
  >;
  const good = entries['staging']![0]!;

  test('the remaining keys still sign', async () => {
    const ec = await makeKeyAndRoot('p256', 10);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const warnings: string[] = [];
    const keys = jwtKeys(
      encode({
        staging: [
          { ...good, kid: 'wrong-passphrase', passphrase: 'SECRET-MISTAKE' },
          { ...good, kid: 'mismatched', key: privateKey.export({ type: 'pkcs8', format: 'pem' }), passphrase: null },
          { ...good, kid: 'no-certificate', crt: '' },
          { kid: 'elliptic', ...ec, passphrase: null },
          'text',
          good,
          { ...good, kid: 'second' },
        ],
        empty: [{ ...good, kid: 'broken', key: 'SECRET-GARBAGE' }],
      }),
      { staging: 'staging-kid-1', empty: 'broken' },
      (message, details) => warnings.push(JSON.stringify([message, details, String(details['error'])])),
    );
    expect(keys.published('staging')?.map(({ kid }) => kid)).toEqual(['staging-kid-1', 'second']);
    expect(keys.active('staging')?.kid).toBe('staging-kid-1');
    expect([keys.published('empty'), keys.active('empty')]).toEqual([undefined, undefined]);
    const text = warnings.join('\n');
    for (const kid of ['wrong-passphrase', 'mismatched', 'no-certificate', 'elliptic', 'broken']) {
      expect(text).toContain(kid);
    }
    expect(text).not.toMatch(/SECRET|BEGIN/);
  });

  test('the published key is that of the certificate', () => {
    const [key] = jwtKeys(encode({ staging: [good] }), {}, () => undefined).published('staging')!;
    const { e, n } = new X509Certificate(good['crt']!).publicKey.export({ format: 'jwk' });
    expect({ e: key!.e, n: key!.n }).toEqual({ e, n });
  });

  test.each(['', 'not base64 !', encode([]), encode({ a: 1 }), encode('SECRET')])('no key is read from %j', (text) => {
    const warnings: unknown[] = [];
    const keys = jwtKeys(text, {}, (message, details) => warnings.push([message, details]));
    expect(keys.published('a')).toBeUndefined();
    expect(JSON.stringify(warnings)).not.toContain('SECRET');
  });
});

test('a cached token of one environment is never returned for another whose key has the same kid', async () => {
  const entry = async (): Promise<object> => ({ kid: 'key-1', ...(await makeKeyAndRoot('rsa', 10)), passphrase: null });
  const twinKeys = { staging: [await entry()], production: [await entry()] };
  const keys = Buffer.from(JSON.stringify(twinKeys)).toString('base64');
  const twins = await startServer({
    JWT_IS_CA_ENCRYPTED: 'false',
    JWT_CERTIFICATE_AUTHORITIES: keys,
    JWT_ACTIVE_SIGNING_KEYS: '{"staging":"key-1","production":"key-1"}',
    JWT_CACHING_ENABLED: 'true',
  });
  try {
    for (const environment of ['staging', 'production']) {
      const { json } = await twins.call(alice, 'GET', `/v1/jwks/token?environment=${environment}`);
      const published = await twins.call(null, 'GET', `/v1/jwks/public/${environment}`);
      await expect(jwtVerify(json.token as string, createLocalJWKSet(published.json))).resolves.toBeDefined();
    }
  } finally {
    await twins.stop();
  }
});
