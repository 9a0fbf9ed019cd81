import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startServer, type TestServer } from '../../harness/server.js';
import { type KmsStandIn, startKmsStandIn } from '../../stand-ins/kms.js';
import { type DynamoDbServer, startDynamoDb } from '../../stand-ins/dynamodb-server.js';

let kms: KmsStandIn;
let dynamodb: DynamoDbServer;
let server: TestServer;
beforeAll(async () => {
  [kms, dynamodb] = await Promise.all([startKmsStandIn(), startDynamoDb()]);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  const environment = {
    DYNAMODB_TABLE: 'confidant',
    DYNAMODB_URL: dynamodb.endpoint,
    DYNAMODB_CREATE_TABLE: 'true',
    KMS_URL: kms.url,
    KMS_MASTER_KEY: 'alias/confidant-master',
    AUTH_KEY: 'alias/authnz-service',
    USER_AUTH_KEY: 'alias/authnz-user',
    AUTH_CONTEXT: 'confidant-production',
    KMS_AUTH_USER_TYPES: 'user,service',
    KMS_AUTH_MANAGE_GRANTS: 'false',
    BACKGROUND_CACHE_IAM_ROLES: 'false',
    USER_AUTH_MODULE: 'header',
    HEADER_AUTH_USERNAME_HEADER: 'X-User',
    HEADER_AUTH_EMAIL_HEADER: 'X-Email',
    KMS_READ_TIMEOUT: '20',
    PYNAMO_REQUEST_TIMEOUT_SECONDS: '20',
    STATSD_PORT: '0',
    SSLIFY: 'false',
    SESSION_SECRET: 'a secret of at least thirty-two characters',
  };
  server = await startServer({}, { environment, kms: kms.kms });
});
afterAll(async () => {
  await server.stop();
  vi.unstubAllEnvs();
  await Promise.all([kms.stop(), dynamodb.stop()]);
});

test('a row that is too large for the store gets 413, and no part of it is stored', async () => {
  const answer = await server.call('user:alice', 'POST', '/v1/blind_credentials', {
    name: 'Large',
    credential_pairs: { r: 'x'.repeat(500_000) },
    data_key: { r: 'k' },
    cipher_type: 'fernet',
    cipher_version: 2,
  });
  expect([answer.status, answer.json]).toEqual([413, { error: expect.any(String) }]);
  const list = await server.call('user:alice', 'GET', '/v1/blind_credentials');
  expect(list.json).toEqual({ blind_credentials: [] });
});
