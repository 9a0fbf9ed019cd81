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

describe('confidant-admin', () => {
  test('makes a bootstrap blob from a file, and shows what one holds', async () => {
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

  test('a file that can not be read or written is told in plain words', async () => {
    const none = join(directory, 'none.yaml');
    expect(await admin(['generate_secrets_bootstrap', '--in', none], environment)).toEqual({
      exitCode: 1,
      out: '',
      err: `--in: ${none} can not be read: there is no such file or directory\n`,
    });
    const unwritable = await admin(
      ['generate_secrets_bootstrap', '--in', '/dev/null', '--out', directory],
      environment,
    );
    expect([unwritable.exitCode, unwritable.err]).toEqual([
      1,
      `--out: ${directory} can not be written: it is a directory\n`,
    ]);
  });

  test('tells its version, and ends with 2 for a command line that it does not understand', async () => {
    expect(await admin(['--version'], environment)).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/^confidant-admin \d+\.\d+\.\d+\n$/),
    });
    for (const args of [['--unknown'], ['no_such_command'], ['archive_credentials', '--days', 'many']]) {
      expect([args, (await admin(args, environment)).exitCode]).toEqual([args, 2]);
    }
  });

  test('tells which command may be meant, and where help is', async () => {
    const toldOf = async (...args: string[]) => (await admin(args, environment)).err;
    const help = 'see confidant-admin --help\n';
    expect(await toldOf('archve')).toBe(
      `error: unknown command 'archve'\n(Did you mean archive_credentials?)\n${help}`,
    );
    expect(await toldOf('archive_credential')).toBe(
      `error: unknown command 'archive_credential'\n(Did you mean archive_credentials?)\n${help}`,
    );
    expect(await toldOf('zzz')).toBe(`error: unknown command 'zzz'\n${help}`);
    expect(await toldOf('--unknown')).toBe(`error: unknown option '--unknown'\n${help}`);
    expect(await toldOf()).toMatch(/^Usage: confidant-admin (?!.*see confidant-admin)/s);
  });

  test('1 when there is nothing to decrypt, or no key to encrypt with', async () => {
    expect((await admin(['decrypt_secrets_bootstrap'], environment)).exitCode).toBe(1);
    const production = { KMS_MASTER_KEY: 'alias/production' };
    const refused = await admin(['generate_secrets_bootstrap', '--in', '/dev/null'], production);
    expect([refused.exitCode, refused.err]).toEqual([1, 'DYNAMODB_TABLE: required when KMS_MASTER_KEY is set\n']);
  });
});
