import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { admin } from './run-admin.js';

let directory: string;
let environment: Record<string, string>;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'confidant-bootstrap-'));
  environment = { CONFIDANT_DATA_DIR: join(directory, 'data') };
});
afterEach(() => rm(directory, { recursive: true }));

describe('the bootstrap commands', () => {
  test('encrypt a file as a bootstrap blob, decrypt it again, and keep files readable by their owner only', async () => {
    const [input, blob, shown] = ['in.yaml', 'out.blob', 'shown.yaml'].map((name) => join(directory, name));
    await writeFile(input!, 'WEBHOOK_PASSWORD: "p: w"\nSESSION_SECRET: s\n');
    const made = await admin(['generate_secrets_bootstrap', '--in', input!, '--out', blob!], environment);
    expect(made).toEqual({ exitCode: 0, out: '', err: '' });
    expect((await stat(blob!)).mode & 0o777).toBe(0o600);
    expect(await readFile(blob!, 'utf8')).not.toContain('p: w');

    const withBlob = { ...environment, SECRETS_BOOTSTRAP: `file://${blob}` };
    expect(await admin(['decrypt_secrets_bootstrap'], withBlob)).toEqual({
      exitCode: 0,
      out: 'SESSION_SECRET: s\nWEBHOOK_PASSWORD: "p: w"\n',
      err: '',
    });
    await writeFile(shown!, 'before', { mode: 0o644 });
    expect((await admin(['decrypt_secrets_bootstrap', '--out', shown!], withBlob)).exitCode).toBe(0);
    expect((await stat(shown!)).mode & 0o777).toBe(0o600);
    const again = await admin(['generate_secrets_bootstrap', '--in', shown!], environment);
    expect(JSON.parse(again.out)).toEqual({ data_key: expect.any(String), secrets: expect.any(String) });
  });

  test('name the file that cannot be read or written, and why', async () => {
    const none = join(directory, 'none.yaml');
    expect(await admin(['generate_secrets_bootstrap', '--in', none], environment)).toEqual({
      exitCode: 1,
      out: '',
      err: `--in: cannot read ${none}: the file or directory does not exist\n`,
    });
    const unwritable = await admin(
      ['generate_secrets_bootstrap', '--in', '/dev/null', '--out', directory],
      environment,
    );
    expect([unwritable.exitCode, unwritable.err]).toEqual([1, `--out: cannot write ${directory}: it is a directory\n`]);
  });

  test('exit with 1 when there is nothing to decrypt, or no key to encrypt with', async () => {
    expect((await admin(['decrypt_secrets_bootstrap'], environment)).exitCode).toBe(1);
    const production = { KMS_MASTER_KEY: 'alias/production' };
    const refused = await admin(['generate_secrets_bootstrap', '--in', '/dev/null'], production);
    expect([refused.exitCode, refused.err]).toEqual([1, 'DYNAMODB_TABLE: required when KMS_MASTER_KEY is set\n']);
  });
});
