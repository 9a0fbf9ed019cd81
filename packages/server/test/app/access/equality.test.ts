import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../../harness/server.js';

const POLICY = `
version: 1
include: default
rules:
  - name: eve writes credentials that she cannot read
    effect: deny
    principal: { name: eve }
    action: get
    resource: { type: credential }
`;
const ADMIN = 'user:admin';
const EVE = 'user:eve';
const GUESSES = [
  { how: 'the whole credential', body: { credential_pairs: { pin: '4711', user: 'u' } } },
  { how: 'one pair', body: { set: { pin: '4711' } } },
];

let folder: string;
let server: TestServer;
let serial = 0;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-equality-'));
  writeFileSync(join(folder, 'policy.yaml'), POLICY);
  server = await startServer({ ACL_POLICY_FILE: join(folder, 'policy.yaml'), MAXIMUM_ROTATION_DAYS: '30' });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function create(pin: string): Promise<string> {
  const body = { name: `Credential ${++serial}`, credential_pairs: { pin, user: 'u' } };
  return (await server.call(ADMIN, 'POST', '/v1/credentials', body)).json.id as string;
}
const call = (as: string, method: string, path: string, body?: object) =>
  server.call(as, method, `/v1/credentials/${path}`, body);

/** What somebody sees of a guess at the PIN, with everything left out that differs between any two credentials. */
async function seen(as: string, pin: string, guess: object): Promise<object> {
  const id = await create(pin);
  const before = (await call(as, 'GET', `${id}?metadata_only=true`)).json;
  const written = await call(as, 'PUT', id, guess);
  const after = (await call(as, 'GET', `${id}?metadata_only=true`)).json;
  const diff = (await call(as, 'GET', `${id}/1/2`)).json;
  const reverted = await call(as, 'PUT', `${id}/1`);
  return {
    status: written.status,
    isDateNew: before.last_rotation_date !== after.last_rotation_date,
    isDueDateNew: before.next_rotation_date !== after.next_rotation_date,
    pairs: diff.credential_pairs,
    reverted: [reverted.status, reverted.json.error],
  };
}

describe.each(GUESSES)('a caller who may write but not read, and writes $how as a guess,', ({ body }) => {
  test('sees the same whether the guess was right or wrong', async () => {
    const [right, wrong] = [await seen(EVE, '4711', body), await seen(EVE, '0815', body)];
    expect(right).toEqual(wrong);
    expect(right).toMatchObject({ status: 200, isDateNew: true });
  });
});

test.each(GUESSES)('a caller who may read sees what really changed after writing $how', async ({ body }) => {
  expect(await seen(ADMIN, '4711', body)).toMatchObject({ isDateNew: false, reverted: [400, expect.any(String)] });
  expect(await seen(ADMIN, '0815', body)).toMatchObject({
    isDateNew: true,
    pairs: { added: ['pin'], removed: ['pin'] },
    reverted: [200, undefined],
  });
});
