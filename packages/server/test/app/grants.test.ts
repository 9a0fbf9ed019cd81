import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Backend, startServer, type TestServer } from '../harness/server.js';
import { type IamStandIn, roleArn, startIamStandIn } from '../stand-ins/iam.js';
import { type KmsStandIn, startKmsStandIn } from '../stand-ins/kms.js';
import { type DynamoDbServer, startDynamoDb } from '../stand-ins/dynamodb-server.js';

const AUTH_KEY = 'alias/authnz-service';
const BOTH = { encrypt_grant: true, decrypt_grant: true };
const NONE = { encrypt_grant: false, decrypt_grant: false };

let iam: IamStandIn;
let kms: KmsStandIn;
let dynamodb: DynamoDbServer;
let backend: Backend;
const servers: TestServer[] = [];

beforeAll(async () => {
  [iam, kms, dynamodb] = await Promise.all([
    startIamStandIn(['web-production', 'api-production', 'old-production', 'late-production', 'v2-production']),
    startKmsStandIn(),
    startDynamoDb(),
  ]);
  vi.stubEnv('AWS_ENDPOINT_URL_IAM', iam.url);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  backend = {
    kms: kms.kms,
    environment: {
      DYNAMODB_TABLE: 'confidant',
      DYNAMODB_URL: dynamodb.endpoint,
      DYNAMODB_CREATE_TABLE: 'true',
      KMS_URL: kms.url,
      KMS_MASTER_KEY: 'alias/confidant-master',
      AUTH_KEY,
      USER_AUTH_KEY: 'alias/authnz-user',
      AUTH_CONTEXT: 'confidant-production',
      KMS_AUTH_USER_TYPES: 'user,service',
      USER_AUTH_MODULE: 'header',
      HEADER_AUTH_USERNAME_HEADER: 'X-User',
      HEADER_AUTH_EMAIL_HEADER: 'X-Email',
      KMS_CONNECTION_TIMEOUT: '20',
      KMS_READ_TIMEOUT: '20',
      PYNAMO_REQUEST_TIMEOUT_SECONDS: '20',
      STATSD_PORT: '0',
      SSLIFY: 'false',
      SESSION_SECRET: 'a secret of at least thirty-two characters',
    },
  };
});
afterEach(async () => {
  iam.fault = undefined;
  kms.fault = undefined;
  for (const server of servers.splice(0)) await server.stop();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([iam.stop(), kms.stop(), dynamodb.stop()]);
});

async function start(environment: Record<string, string> = {}): Promise<TestServer> {
  const server = await startServer(environment, backend);
  servers.push(server);
  return server;
}

async function grantsTo(role: string): Promise<{ operations: readonly string[]; context: object }[]> {
  return (await kms.kms.listGrants(AUTH_KEY))
    .filter(({ granteePrincipal }) => granteePrincipal === roleArn(role))
    .map(({ operations, contextSubset }) => ({ operations: [...operations].sort(), context: contextSubset }));
}

describe('grants', () => {
  test('are made when a service that is an IAM role is created, exactly the two that it needs', async () => {
    const server = await start();
    expect((await server.call('user:alice', 'PUT', '/v1/services/web-production', {})).status).toBe(200);
    expect(await grantsTo('web-production')).toEqual(
      expect.arrayContaining([
        { operations: ['Decrypt', 'Encrypt'], context: { from: 'web-production' } },
        { operations: ['Decrypt'], context: { to: 'web-production' } },
      ]),
    );
    expect(await grantsTo('web-production')).toHaveLength(2);
    const own = await server.call('service:web-production', 'GET', '/v1/grants/web-production');
    expect(own.json).toEqual({ id: 'web-production', grants: BOTH });
    const again = await server.call('user:alice', 'PUT', '/v1/grants/web-production', 'null');
    expect(again.json).toEqual({ id: 'web-production', grants: BOTH });
    expect(await grantsTo('web-production')).toHaveLength(2);
  });

  test('do not exist and cannot be made for a service that is not an IAM role', async () => {
    const server = await start();
    await server.call('user:alice', 'PUT', '/v1/services/golden-svc', {});
    const get = await server.call('user:alice', 'GET', '/v1/grants/golden-svc');
    expect([get.status, get.json]).toEqual([200, { id: 'golden-svc', grants: NONE }]);
    const put = await server.call('user:alice', 'PUT', '/v1/grants/golden-svc');
    expect([put.status, put.json]).toEqual([400, { error: 'Failed to add grants for service.' }]);
  });

  test('of a service that was created while IAM or KMS failed are made by PUT grants', async () => {
    const server = await start({ BACKGROUND_CACHE_IAM_ROLES: 'false' });
    iam.fault = 500;
    expect((await server.call('user:alice', 'PUT', '/v1/services/late-production', {})).status).toBe(200);
    expect(server.log()).toContain('the KMS grants of a new service were not made');
    expect((await server.call('user:alice', 'GET', '/v1/grants/late-production')).status).toBe(503);
    iam.fault = undefined;
    expect((await server.call('user:alice', 'GET', '/v1/grants/late-production')).json.grants).toEqual(NONE);
    expect((await server.call('user:alice', 'PUT', '/v1/grants/late-production')).json.grants).toEqual(BOTH);
    expect((await server.call('user:alice', 'GET', '/v1/grants/late-production')).json.grants).toEqual(BOTH);
  });

  test('for tokens of version 1 do not count once such tokens are refused, and are made again', async () => {
    const before = await start();
    await before.call('user:alice', 'PUT', '/v1/services/v2-production', {});
    const server = await start({ KMS_MINIMUM_TOKEN_VERSION: '2' });
    const path = '/v1/grants/v2-production';
    expect((await server.call('user:alice', 'GET', path)).json.grants).toEqual({ ...BOTH, encrypt_grant: false });
    expect((await server.call('user:alice', 'PUT', path)).json.grants).toEqual(BOTH);
    expect((await server.call('user:alice', 'GET', path)).json.grants).toEqual(BOTH);
    expect(await grantsTo('v2-production')).toContainEqual({
      operations: ['Decrypt', 'Encrypt'],
      context: { from: 'v2-production', user_type: 'service' },
    });
  });

  test('are not made with KMS_AUTH_MANAGE_GRANTS=false, neither at creation nor on demand', async () => {
    const server = await start({ KMS_AUTH_MANAGE_GRANTS: 'false' });
    await server.call('user:alice', 'PUT', '/v1/services/api-production', {});
    for (const id of ['api-production', 'golden-svc']) {
      const put = await server.call('user:alice', 'PUT', `/v1/grants/${id}`);
      expect([put.status, put.json]).toEqual([200, { id, grants: NONE }]);
    }
    expect(await grantsTo('api-production')).toEqual([]);
    const config = await server.call('user:alice', 'GET', '/v1/client_config');
    expect(config.json.generated.kms_auth_manage_grants).toBe(false);
  });

  test('get 400 when KMS refuses them, and 503 when it does not respond', async () => {
    const server = await start({ KMS_AUTH_MANAGE_GRANTS: 'false' });
    await server.call('user:alice', 'PUT', '/v1/services/old-production', {});
    await server.stop();
    servers.length = 0;
    const wrongKey = await start({ AUTH_KEY: 'alias/no-such-key' });
    const refused = await wrongKey.call('user:alice', 'PUT', '/v1/grants/old-production');
    expect([refused.status, refused.json]).toEqual([400, { error: 'Failed to add grants for service.' }]);
    const other = await start();
    await other.call('user:alice', 'GET', '/v1/user/email');
    kms.fault = 500;
    expect((await other.call('user:alice', 'PUT', '/v1/grants/old-production')).status).toBe(503);
  });

  test('of its own can be read by a service; those of others, and making any, get 403', async () => {
    const server = await start();
    const denied = await server.call('service:web-production', 'PUT', '/v1/grants/web-production');
    expect([denied.status, denied.json]).toEqual([
      403,
      {
        error: 'web-production does not have access to ensure grants for service web-production',
        reference: 'web-production',
      },
    ]);
    expect((await server.call('service:web-production', 'GET', '/v1/grants/v2-production')).status).toBe(403);
    expect((await server.call('service:web-production', 'GET', '/v1/roles')).status).toBe(403);
  });

  test('of an id that is not a service get 404 on GET and 400 on PUT (recorded for an unknown id)', async () => {
    const server = await start();
    const credential = await server.call('user:alice', 'POST', '/v1/credentials', {
      name: 'not a service',
      credential_pairs: { a: '1' },
    });
    for (const id of ['nope', credential.json.id]) {
      expect((await server.call('user:alice', 'GET', `/v1/grants/${id}`)).status).toBe(404);
      expect((await server.call('user:alice', 'PUT', `/v1/grants/${id}`)).status).toBe(400);
    }
    expect((await server.call('user:alice', 'PUT', '/v1/grants/nope')).json.error).toBe('id provided does not exist.');
  });

  test('are made for roles, whose list is sorted, and gets 503 until IAM has responded', async () => {
    const server = await start({ BACKGROUND_CACHE_IAM_ROLES: 'false' });
    const { json } = await server.call('user:alice', 'GET', '/v1/roles');
    expect(json).toEqual({ roles: [...iam.roles].sort() });
    iam.fault = 500;
    expect((await server.call('user:alice', 'GET', '/v1/roles')).status).toBe(503);
  });
});

describe('in the embedded default', () => {
  test('every service is a role, and its grants are made on the local keyring', async () => {
    const server = await startServer();
    servers.push(server);
    await server.call('user:alice', 'PUT', '/v1/services/zeta', {});
    await server.call('user:alice', 'PUT', '/v1/services/alpha', {});
    expect((await server.call('user:alice', 'GET', '/v1/roles')).json).toEqual({ roles: ['alpha', 'zeta'] });
    expect((await server.call('user:alice', 'GET', '/v1/grants/zeta')).json).toEqual({ id: 'zeta', grants: BOTH });
  });
});
