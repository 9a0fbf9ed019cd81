import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const alice = 'user:alice';
let serial = 0;
async function credential(): Promise<string> {
  serial += 1;
  const body = { name: `Credential ${serial}`, credential_pairs: { [`key_${serial}`]: 'x' } };
  return (await server.call(alice, 'POST', '/v1/credentials', body)).json.id as string;
}
async function blindCredential(): Promise<string> {
  serial += 1;
  const body = {
    name: `Blind ${serial}`,
    credential_pairs: { 'us-east-1': 'gAAAAA-one' },
    data_key: { 'us-east-1': 'ZGsx' },
    cipher_type: 'fernet',
    cipher_version: 2,
  };
  return (await server.call(alice, 'POST', '/v1/blind_credentials', body)).json.id as string;
}
async function archived(): Promise<string> {
  const id = await credential();
  await server.call(alice, 'PUT', `/v1/credentials/${id}`, { enabled: false });
  await server.call(alice, 'POST', `/v1/credentials/${id}/archive`, { force: true });
  expect((await server.call(alice, 'GET', `/v1/credentials/${id}`)).status).toBe(404);
  return id;
}
const put = (id: string) => server.call(alice, 'PUT', `/v1/services/${id}`, { credentials: [] });

test.each([
  ['a credential', credential],
  ['a blind credential', blindCredential],
  ['an archived credential', archived],
])('a new service cannot take the id of %s, or one that a revision of it has or will have', async (_, create) => {
  const id = await create();
  for (const taken of [id, `${id}-1`, `${id}-2`, `${id}-66`, `${id}-007`]) {
    const { status, json } = await put(taken);
    expect([taken, status]).toEqual([taken, 400]);
    expect(json.error).toMatch(/id/);
  }
  expect((await put(`${id}-a`)).status).toBe(200);
});

test('a service whose name ends in a number is as good as any beside one without', async () => {
  for (const id of ['web', 'web-2', 'web-3']) expect((await put(id)).status).toBe(200);
  const { status } = await server.call(alice, 'PUT', '/v1/services/web', { enabled: false });
  expect(status).toBe(200);
  expect((await server.call(alice, 'GET', '/v1/services/web')).json.enabled).toBe(false);
});

test('hundreds of services whose ids are those of later revisions do not stop a service from being changed', async () => {
  expect((await put('blocked')).status).toBe(200);
  for (let n = 2; n < 300; n++) await put(`blocked-${n}`);
  for (const enabled of [false, true, false]) {
    const { status } = await server.call(alice, 'PUT', '/v1/services/blocked', { enabled });
    expect(status).toBe(200);
    expect((await server.call(alice, 'GET', '/v1/services/blocked')).json.enabled).toBe(enabled);
  }
});
