import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awsKms } from '@confidant/kmsauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { authKeyGrants } from '../../../src/adapters/aws/kms-grants.js';
import { openAccessKey } from '../../../src/embedded/access-key.js';
import { Keyring } from '../../../src/embedded/keyring.js';
import { startKmsEndpoint } from '../../../src/embedded/kms-endpoint.js';
import { type AuthKeyGrants, GrantRefused } from '../../../src/ports/grants.js';

const KEY = 'alias/confidant-service';
const [WEB, API] = ['arn:aws:iam::000000000000:role/web', 'arn:aws:iam::000000000000:role/api'];

let dataDir: string;
let keyring: Keyring;
let endpoint: Awaited<ReturnType<typeof startKmsEndpoint>>;
let kms: ReturnType<typeof awsKms>;
let grants: AuthKeyGrants;
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'confidant-grants-'));
  keyring = Keyring.open(dataDir);
  const accessKey = openAccessKey(dataDir);
  endpoint = await startKmsEndpoint({ host: '127.0.0.1', port: 0, keyring, accessKey, onFault: () => undefined });
  kms = awsKms({
    region: 'us-east-1',
    endpoint: endpoint.url,
    credentials: accessKey,
    connectTimeoutMs: 20_000,
    requestTimeoutMs: 20_000,
    maxSockets: 5,
    maxAttempts: 3,
  });
  grants = authKeyGrants(kms, KEY);
});
afterAll(async () => {
  kms.close();
  await endpoint.close();
  keyring.close();
  rmSync(dataDir, { recursive: true });
});

test('grants are created, listed by principal and revoked through the AWS client, and revoking one twice is not an error', async () => {
  const shape = { operations: ['Decrypt'], context: { to: 'web' } };
  await grants.create({ principal: WEB!, ...shape });
  await grants.create({ principal: API!, operations: ['Decrypt'], context: { to: 'api' } });
  const [mine, ...others] = await grants.listOf(WEB!);
  expect([mine, others]).toEqual([{ id: expect.any(String), principal: WEB, ...shape }, []]);
  expect(await grants.list()).toHaveLength(2);
  await grants.revoke(mine!.id);
  await grants.revoke(mine!.id);
  expect(await grants.listOf(WEB!)).toEqual([]);
  expect(await grants.list()).toHaveLength(1);
});

test('a key that does not exist is a refusal, not an empty list', async () => {
  await expect(authKeyGrants(kms, 'alias/none').listOf(WEB!)).rejects.toBeInstanceOf(GrantRefused);
});
