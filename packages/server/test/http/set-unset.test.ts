import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';

const POLICY = `
version: 1
include: default
rules:
  - name: bob writes credentials that he cannot read
    effect: deny
    principal: { name: bob }
    action: get
    resource: { type: credential }
`;
const ADMIN = 'user:admin';
const BOB = 'user:bob';

let folder: string;
let server: TestServer;
let serial = 0;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-set-'));
  writeFileSync(join(folder, 'policy.yaml'), POLICY);
  server = await startServer({ ACL_POLICY_FILE: join(folder, 'policy.yaml') });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function create(): Promise<string> {
  const body = { name: `Credential ${++serial}`, credential_pairs: { user: 'u', password: 'p', port: 5432 } };
  return (await server.call(ADMIN, 'POST', '/v1/credentials', body)).json.id as string;
}
const put = (as: string, id: string, body: object, query = '') =>
  server.call(as, 'PUT', `/v1/credentials/${id}${query}`, body);
const pairs = async (id: string): Promise<object> =>
  (await server.call(ADMIN, 'GET', `/v1/credentials/${id}`)).json.credential_pairs as object;
/** The audited actions on a credential, in order. */
const audited = (id: string): string[] =>
  server
    .log()
    .split('\n')
    .filter((line) => line.includes(id) && line.includes('"audit":'))
    .map((line) => (JSON.parse(line) as { audit: { action: string } }).audit.action);

describe('single pairs', () => {
  test('are added, changed and removed in one revision, and the others stay as they were', async () => {
    const id = await create();
    const { status, json } = await put(ADMIN, id, { set: { Password: 'new', host: 'db' }, unset: ['USER'] });
    expect([status, json.revision]).toEqual([200, 2]);
    expect(await pairs(id)).toEqual({ password: 'new', port: 5432, host: 'db' });
  });

  test('are written by a caller who may not read the others, and who is shown no value', async () => {
    const id = await create();
    const { status, text, json } = await put(BOB, id, { set: { password: 'of-bob' } });
    expect([status, json.credential_pairs, json.credential_keys]).toEqual([200, {}, ['user', 'password', 'port']]);
    expect(text).not.toContain('of-bob');
    expect(await pairs(id)).toEqual({ user: 'u', password: 'of-bob', port: 5432 });
  });

  test('that stay the same keep the date of the last new values', async () => {
    const id = await create();
    const before = (await server.call(ADMIN, 'GET', `/v1/credentials/${id}`)).json.last_rotation_date as string;
    const { json } = await put(ADMIN, id, { set: { password: 'p' }, documentation: 'd' });
    expect(json.last_rotation_date).toBe(before);
  });

  test.each([
    [{ set: { a: 'b' }, credential_pairs: { a: 'b' } }, 'set: send either credential_pairs'],
    [{ unset: ['user'], credential_pairs: { a: 'b' } }, 'set: send either credential_pairs'],
    [{ set: { a: '1', A: '2' } }, 'set: two keys differ only in upper and lower case'],
    [{ set: { 'a b': '1' } }, 'set: credential key must not contain whitespace'],
    [{ set: { user: 'x' }, unset: ['User'] }, 'unset: the key "user" is set as well'],
    [{ unset: ['absent'] }, 'unset: there is no key "absent"'],
    [{ unset: ['user', 'password', 'port'] }, 'unset: Credential Pairs cannot be empty.'],
    [{ set: { a: ['list'] } }, 'set'],
    [{ set: 'text' }, 'set'],
    [{ unset: 'user' }, 'unset'],
    [{ unset: [7] }, 'unset'],
  ])('refuse %j with the name of the field, and store nothing', async (body, message) => {
    const id = await create();
    const { status, json } = await put(ADMIN, id, body);
    expect([status, json.error]).toEqual([400, expect.stringContaining(message)]);
    expect((await server.call(ADMIN, 'GET', `/v1/credentials/${id}`)).json.revision).toBe(1);
  });

  test('that would collide in a service are refused', async () => {
    const [one, two] = [await create(), await create()];
    await put(ADMIN, two, { credential_pairs: { other: 'x' } });
    await server.call(ADMIN, 'PUT', `/v1/services/set-${serial}`, { credentials: [one, two] });
    const { status, headers } = await put(ADMIN, two, { set: { password: 'x' } });
    expect([status, headers.get('x-confidant-error')]).toEqual([400, 'key_conflict']);
    expect(await pairs(two)).toEqual({ other: 'x' });
  });

  test('of two writers at once are both kept', async () => {
    const id = await create();
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map((key) => put(ADMIN, id, { set: { [key]: key } })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await pairs(id)).toMatchObject({ user: 'u', a: 'a', b: 'b', c: 'c', d: 'd' });
  });
});

describe('a write with metadata_only', () => {
  test('is answered without values, and counts as no read of them', async () => {
    const id = await create();
    const { text, json } = await put(ADMIN, id, { set: { password: 'quiet' } }, '?metadata_only=true');
    expect([json.revision, json.credential_pairs, text.includes('quiet')]).toEqual([2, {}, false]);
    await put(ADMIN, id, { documentation: 'd' }, '?metadata_only=true');
    expect(audited(id).filter((action) => action === 'get')).toEqual([]);
    await put(ADMIN, id, { documentation: 'e' });
    expect(audited(id).filter((action) => action === 'get')).toEqual(['get']);
  });

  test('that creates is answered without values too', async () => {
    const body = { name: `Credential ${++serial}`, credential_pairs: { a: 'made-here' } };
    const { status, text, json } = await server.call(ADMIN, 'POST', '/v1/credentials?metadata_only=true', body);
    expect([status, json.credential_keys, text.includes('made-here')]).toEqual([200, ['a'], false]);
  });
});
