import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../bin/confidant-admin.js', import.meta.url));
// What holds nothing: as a full disk.
const FULL = '/dev/full';

describe('what confidant-admin prints', () => {
  const ends = (command: string) => {
    const { status, stderr } = spawnSync('sh', ['-c', command, 'sh', process.execPath, PROGRAM], {
      env: { PATH: process.env['PATH'] },
      encoding: 'utf8',
    });
    return { status, stderr };
  };

  test.skipIf(!existsSync(FULL))('and can not be written is told in one line, and ends it with 1', () => {
    expect(ends(`"$1" "$2" --help > ${FULL}`)).toEqual({
      status: 1,
      stderr: 'confidant-admin: can not write to standard output (ENOSPC)\n',
    });
  });

  test('and nobody reads any more is no failure', () => {
    expect(ends('("$1" "$2" --help; echo "ended with $?" >&2) | true')).toEqual({
      status: 0,
      stderr: 'ended with 0\n',
    });
  });
});
