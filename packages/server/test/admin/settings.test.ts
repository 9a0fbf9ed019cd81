import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sealBootstrap } from '../../src/adapters/sealing/secrets-bootstrap.js';
import { Keyring } from '../../src/embedded/keyring.js';
import { admin } from './run-admin.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'confidant-admin-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** A server with OpenID login, whose secrets are only in the bootstrap. */
async function environmentWith(secrets: string): Promise<Record<string, string>> {
  const dataDir = join(directory, 'data');
  const keyring = Keyring.open(dataDir);
  const SECRETS_BOOTSTRAP = await sealBootstrap(secrets, keyring.kms('us-east-1'), 'alias/confidant-master');
  keyring.close();
  return {
    CONFIDANT_DATA_DIR: dataDir,
    SECRETS_BOOTSTRAP,
    USER_AUTH_MODULE: 'oidc',
    OIDC_ISSUER: 'https://login.example.com',
  };
}

const OPENID_SECRETS = 'OIDC_CLIENT_ID: confidant\nOIDC_CLIENT_SECRET: secret\n';

describe('confidant-admin reads settings as the server does', () => {
  test('a setting that stands only in SECRETS_BOOTSTRAP counts as set', async () => {
    const { exitCode, err } = await admin(['login-link'], await environmentWith(OPENID_SECRETS));
    // The command is refused because of the login, not because settings seem to be missing.
    expect([exitCode, err]).toEqual([1, expect.stringContaining('USER_AUTH_MODULE')]);
    expect(err).not.toContain('OIDC');
  });

  test('a command lists every invalid setting that it uses, SECRETS_BOOTSTRAP among them', async () => {
    const environment = { ...(await environmentWith(OPENID_SECRETS)), SECRETS_BOOTSTRAP: '{}', PORT: 'x' };
    const { exitCode, err } = await admin(['login-link'], environment);
    expect([exitCode, err.match(/^\w+(?=: )/gm)]).toEqual([1, ['PORT', 'SECRETS_BOOTSTRAP']]);
  });

  test('commands ignore invalid settings that only the server uses', async () => {
    const environment = { ...(await environmentWith(OPENID_SECRETS)), SECRETS_BOOTSTRAP: '{}', PORT: 'x' };
    expect((await admin(['restore_credentials', '--all'], environment)).exitCode).toBe(0);
    await writeFile(join(directory, 'in.yaml'), 'SESSION_SECRET: s\n');
    const made = await admin(['generate_secrets_bootstrap', '--in', join(directory, 'in.yaml')], environment);
    expect(made.exitCode).toBe(0);
    const asked = ['acl', 'explain', '--principal', 'service:web', '--action', 'get', '--resource', 'service:web'];
    expect((await admin(asked, environment)).exitCode).toBe(0);
  });

  test('the embedded keyring never replaces KMS because the table was forgotten', async () => {
    const dataDir = join(directory, 'none');
    const environment = { CONFIDANT_DATA_DIR: dataDir, KMS_MASTER_KEY: 'alias/production', SECRETS_BOOTSTRAP: '{}' };
    expect(await admin(['create_dynamodb_tables'], environment)).toMatchObject({
      exitCode: 1,
      err: 'DYNAMODB_TABLE: required when KMS_MASTER_KEY is set\n',
    });
    expect(existsSync(dataDir)).toBe(false);
  });
});
