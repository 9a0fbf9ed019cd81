import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { admin } from './run-admin.js';

const PROGRAM = fileURLToPath(new URL('../../bin/confidant-admin.js', import.meta.url));
// A device that is always full.
const FULL = '/dev/full';

describe('the command line of confidant-admin', () => {
  test('prints its version, and exits with 2 for unknown commands, options and values', async () => {
    expect(await admin(['--version'])).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/^confidant-admin \d+\.\d+\.\d+\n$/),
    });
    for (const args of [['--unknown'], ['no_such_command'], ['archive_credentials', '--days', 'many']]) {
      expect([args, (await admin(args)).exitCode]).toEqual([args, 2]);
    }
  });

  test('suggests a command with a similar name, and where to find help', async () => {
    const errorOf = async (...args: string[]) => (await admin(args)).err;
    const help = 'see confidant-admin --help\n';
    expect(await errorOf('archve')).toBe(
      `error: unknown command 'archve'\n(Did you mean archive_credentials?)\n${help}`,
    );
    expect(await errorOf('archive_credential')).toBe(
      `error: unknown command 'archive_credential'\n(Did you mean archive_credentials?)\n${help}`,
    );
    expect(await errorOf('zzz')).toBe(`error: unknown command 'zzz'\n${help}`);
    expect(await errorOf('--unknown')).toBe(`error: unknown option '--unknown'\n${help}`);
    expect(await errorOf()).toMatch(/^Usage: confidant-admin (?!.*see confidant-admin)/s);
  });

  const ends = (command: string) => {
    const { status, stderr } = spawnSync('sh', ['-c', command, 'sh', process.execPath, PROGRAM], {
      env: { PATH: process.env['PATH'] },
      encoding: 'utf8',
    });
    return { status, stderr };
  };

  test.skipIf(!existsSync(FULL))('reports output that cannot be written in one line, and exits with 1', () => {
    expect(ends(`"$1" "$2" --help > ${FULL}`)).toEqual({
      status: 1,
      stderr: 'confidant-admin: cannot write to standard output (ENOSPC)\n',
    });
  });

  test('exits with 0 when the reader of its output closes the pipe', () => {
    expect(ends('("$1" "$2" --help; echo "ended with $?" >&2) | true')).toEqual({
      status: 0,
      stderr: 'ended with 0\n',
    });
  });
});
