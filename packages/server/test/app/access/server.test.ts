import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../../harness/server.js';

let folder: string;
let server: TestServer;
let moduleServer: TestServer;
const ids: Record<string, string> = {};

const POLICY = `version: 1
rules:
  - name: admin does everything
    effect: allow
    principal: { type: user, name: admin }
    action: "*"
    resource: { type: "*" }
  - name: a service reads itself
    effect: allow
    principal: { type: service }
    action: [metadata, get]
    resource: { type: service, own: true }
  - name: pat keeps what is tagged payments
    effect: allow
    principal: { name: pat }
    action: [metadata, get, create, update]
    resource: { type: credential, tag: payments }
  - name: pat maps payments
    effect: allow
    principal: { name: pat }
    action: [create, update]
    resource: { type: service, id: "payments-*" }
    adds: { tag: payments }
  - name: nobody but admin sees what is sealed
    effect: deny
    principal: { name: [pat, bob] }
    action: get
    resource: { type: credential, tag: sealed }
`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-acl-server-'));
  writeFileSync(join(folder, 'policy.yaml'), POLICY);
  writeFileSync(
    join(folder, 'acl.mjs'),
    `export const check = ({ action, principal }) => {
  if (principal.name === 'broken') throw new Error('secret detail');
  return action !== 'get' && principal.type === 'user';
};\n`,
  );
  server = await startServer({ ACL_POLICY_FILE: join(folder, 'policy.yaml') });
  moduleServer = await startServer({ ACL_MODULE: `${join(folder, 'acl.mjs')}:check` });
  for (const [name, tags] of [
    ['pay', ['payments']],
    ['web', ['web']],
    ['sealed', ['payments', 'sealed']],
  ] as const) {
    const body = { name, tags, credential_pairs: { [name]: 'value' } };
    const answer = await server.call('user:admin', 'POST', '/v1/credentials', body);
    expect(answer.status).toBe(200);
    ids[name] = answer.json.id as string;
  }
});
afterAll(async () => {
  await server.stop();
  await moduleServer.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('a policy by tags, over HTTP', () => {
  test('opens the credentials with the tag, and no others', async () => {
    const mine = await server.call('user:pat', 'GET', `/v1/credentials/${ids['pay']}`);
    expect(mine.json).toMatchObject({
      credential_pairs: { pay: 'value' },
      permissions: { metadata: true, get: true, update: true },
    });
    expect((await server.call('user:pat', 'GET', `/v1/credentials/${ids['web']}`)).status).toBe(403);
    expect((await server.call('user:pat', 'GET', `/v1/credentials/${'0'.repeat(32)}`)).status).toBe(403);
  });

  test('a deny by tag hides the values where another rule allows them', async () => {
    const answer = await server.call('user:pat', 'GET', `/v1/credentials/${ids['sealed']}`);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ credential_pairs: {}, permissions: { metadata: true, get: false } });
    expect(answer.text).not.toContain('value');
  });

  test('callers who may update but not get neither see the values in the response nor gain access by changing tags', async () => {
    const path = `/v1/credentials/${ids['sealed']}`;
    const answer = await server.call('user:pat', 'PUT', path, { documentation: 'x' });
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain('value');
    const opening = await server.call('user:pat', 'PUT', path, { tags: ['payments'] });
    expect(opening.status).toBe(403);
    expect((await server.call('user:pat', 'GET', path)).json).toMatchObject({ credential_pairs: {} });
    // Tags and names that open nothing may be changed.
    expect((await server.call('user:pat', 'PUT', path, { tags: ['payments', 'sealed', 'x'] })).status).toBe(200);
    expect((await server.call('user:admin', 'PUT', path, { tags: ['payments'] })).status).toBe(200);
    expect((await server.call('user:pat', 'GET', path)).json).toMatchObject({ credential_pairs: { sealed: 'value' } });
    expect((await server.call('user:admin', 'PUT', path, { tags: ['payments', 'sealed'] })).status).toBe(200);
  });

  test('a credential can be created only with the tag', async () => {
    const create = (tags: string[]): Promise<{ status: number }> =>
      server.call('user:pat', 'POST', '/v1/credentials', {
        name: `new ${tags.join()}`,
        tags,
        credential_pairs: { n: '1' },
      });
    expect((await create(['web'])).status).toBe(403);
    expect((await create([])).status).toBe(403);
    expect((await create(['payments'])).status).toBe(200);
  });

  test('a service gets only credentials with the tag', async () => {
    const map = (service: string, ...names: string[]): Promise<{ status: number }> =>
      server.call('user:pat', 'PUT', `/v1/services/${service}`, { credentials: names.map((name) => ids[name]) });
    expect((await map('payments-api', 'pay', 'web')).status).toBe(403);
    expect((await map('payments-api', 'pay')).status).toBe(200);
    expect((await map('web-api', 'pay')).status).toBe(403);
    // What another person mapped before stays; the policy is asked only about additions.
    const both = { credentials: [ids['pay'], ids['web']] };
    expect((await server.call('user:admin', 'PUT', '/v1/services/payments-api', both)).status).toBe(200);
    expect((await map('payments-api', 'pay', 'web')).status).toBe(200);
  });

  test('a service reads itself and no other', async () => {
    expect((await server.call('service:payments-api', 'GET', '/v1/services/payments-api')).status).toBe(200);
    expect((await server.call('service:other', 'GET', '/v1/services/payments-api')).status).toBe(403);
  });

  test('an action that no rule allows is denied', async () => {
    expect((await server.call('user:pat', 'GET', '/v1/credentials')).status).toBe(403);
    expect((await server.call('user:carol', 'GET', `/v1/credentials/${ids['pay']}`)).status).toBe(403);
  });
});

describe('an ACL module, over HTTP', () => {
  test('decides who may do what', async () => {
    const body = { name: 'm', credential_pairs: { m: 'value' } };
    const created = await moduleServer.call('user:alice', 'POST', '/v1/credentials', body);
    expect(created.status).toBe(200);
    const answer = await moduleServer.call('user:alice', 'GET', `/v1/credentials/${created.json.id}`);
    expect(answer.json).toMatchObject({ credential_pairs: {}, permissions: { metadata: true, get: false } });
    expect((await moduleServer.call('service:web', 'GET', '/v1/credentials')).status).toBe(403);
  });

  test('that throws denies access, is logged, and reveals nothing to the caller', async () => {
    const answer = await moduleServer.call('user:broken', 'GET', '/v1/credentials');
    expect(answer.status).toBe(403);
    expect(answer.text).not.toContain('secret detail');
    expect(moduleServer.log()).toContain('the access policy failed, which denies');
  });

  test('the server does not start with both a policy file and a module', async () => {
    await expect(startServer({ ACL_MODULE: './acl.mjs:check', ACL_POLICY_FILE: 'policy.yaml' })).rejects.toThrow(
      'set only one of them',
    );
  });

  test('the server does not start with a module or a policy file that does not exist', async () => {
    await expect(startServer({ ACL_MODULE: './no-such-acl.mjs:check' })).rejects.toMatchObject({
      message: 'ACL_MODULE cannot be used',
      cause: { message: expect.stringContaining('does not exist') },
    });
    await expect(startServer({ ACL_POLICY_FILE: './no-such-policy.yaml' })).rejects.toThrow('the file does not exist');
  });
});
