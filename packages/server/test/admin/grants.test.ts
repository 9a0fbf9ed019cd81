import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Keyring } from '../../src/embedded/keyring.js';
import { admin } from './run-admin.js';
import { startServer, type TestServer } from '../harness/server.js';

const KEY = 'alias/confidant-service';

let server: TestServer;
let keyring: Keyring;
beforeEach(async () => {
  server = await startServer({ KMS_AUTH_MANAGE_GRANTS: 'false' });
  keyring = Keyring.open(server.dataDir);
});
afterEach(async () => {
  keyring.close();
  await server.stop();
});

const run = (command: string, more: Record<string, string> = {}) =>
  admin([command], { CONFIDANT_DATA_DIR: server.dataDir, ...more });

describe('the grant commands', () => {
  test('create missing grants with the output of the original, and none twice', async () => {
    for (const id of ['web', 'api']) await server.call('user:alice', 'PUT', `/v1/services/${id}`, {});
    for (let time = 0; time < 2; time += 1) {
      expect(await run('manage_kms_auth_grants')).toEqual({
        exitCode: 0,
        out: 'Managing grants for api.\nManaging grants for web.\nFinished managing grants.\n',
        err: '',
      });
    }
    expect(keyring.grants('us-east-1', KEY)).toHaveLength(4);
    const refused = await run('manage_kms_auth_grants', { KMS_AUTH_MANAGE_GRANTS: 'false' });
    expect([refused.exitCode, refused.err]).toEqual([
      1,
      'KMS_AUTH_MANAGE_GRANTS is false: set it to true to manage grants\n',
    ]);
  });

  test('revoke the grants of services and leave other grants on the key', async () => {
    await server.call('user:alice', 'PUT', '/v1/services/web', {});
    await run('manage_kms_auth_grants');
    const principal = 'arn:aws:iam::000000000000:role/other';
    const foreign = [
      { operations: ['Decrypt'], contextSubset: {} },
      { operations: ['Decrypt', 'Encrypt', 'DescribeKey'], contextSubset: { from: 'web' } },
      { operations: ['Decrypt'], contextSubset: { to: 'web', more: 'x' } },
    ].map((grant) => keyring.createGrant('us-east-1', { keyId: KEY, granteePrincipal: principal, ...grant }));
    const { exitCode, out } = await run('revoke_all_kms_auth_grants');
    expect([
      exitCode,
      out.match(/^Revoking grant /gm)?.length,
      out.endsWith('Revoked 2 grants.\nFinished revoking grants.\n'),
    ]).toEqual([0, 2, true]);
    expect(
      keyring
        .grants('us-east-1', KEY)
        .map(({ grantId }) => grantId)
        .sort(),
    ).toEqual([...foreign].sort());
  });
});
