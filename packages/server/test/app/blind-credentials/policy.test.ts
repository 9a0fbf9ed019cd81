import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer, type TestServer } from '../../harness/server.js';

const POLICY = `
version: 1
rules:
  - { name: admins, effect: allow, principal: { name: admin }, action: '*', resource: { type: '*' } }
  - name: lookers
    effect: allow
    principal: { name: looker }
    action: [list, metadata]
    resource: { type: blind_credential }
`;

let folder: string;
let server: TestServer;
let id: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-policy-'));
  const file = join(folder, 'policy.yaml');
  writeFileSync(file, POLICY);
  server = await startServer({ ACL_POLICY_FILE: file });
  const { json } = await server.call('user:admin', 'POST', '/v1/blind_credentials', {
    name: 'Blind',
    credential_pairs: { r: 'ciphertext' },
    data_key: { r: 'key' },
    cipher_type: 'fernet',
    cipher_version: 2,
  });
  id = json.id;
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

test('callers who may not get a blind credential see it without ciphertext, in histories too', async () => {
  const answers = [
    (await server.call('user:looker', 'GET', `/v1/blind_credentials/${id}`)).json,
    (await server.call('user:looker', 'GET', `/v1/archive/blind_credentials/${id}`)).json.revisions[0],
    (await server.call('user:looker', 'GET', '/v1/archive/blind_credentials')).json.blind_credentials[0],
  ];
  for (const answer of answers) {
    expect(answer).toMatchObject({ name: 'Blind', credential_pairs: {}, data_key: {} });
  }
  const whole = await server.call('user:admin', 'GET', `/v1/blind_credentials/${id}`);
  expect(whole.json).toMatchObject({ credential_pairs: { r: 'ciphertext' }, data_key: { r: 'key' } });
});

test('every action that no rule allows gets 403, and client_config says so beforehand', async () => {
  const attempts: [string, string, object?][] = [
    [
      'POST',
      '/v1/blind_credentials',
      { name: 'x', credential_pairs: { r: 'x' }, data_key: { r: 'x' }, cipher_type: 'fernet', cipher_version: 2 },
    ],
    ['PUT', `/v1/blind_credentials/${id}`, {}],
    ['PUT', `/v1/blind_credentials/${id}/1`],
  ];
  for (const [method, path, body] of attempts) {
    expect([path, (await server.call('user:looker', method, path, body)).status]).toEqual([path, 403]);
  }
  const { generated } = (await server.call('user:looker', 'GET', '/v1/client_config')).json;
  expect(generated.permissions.blind_credentials).toEqual({ list: true, create: false });
  expect((await server.call('user:stranger', 'GET', '/v1/blind_credentials')).status).toBe(403);
});
