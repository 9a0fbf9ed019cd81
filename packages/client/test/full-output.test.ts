import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { programPath } from './support/cli.js';

// This device behaves like a full disk.
const FULL = '/dev/full';

describe.skipIf(!existsSync(FULL))('a full disk', () => {
  const ends = (command: string, ...programs: string[]) => {
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent' };
    const input = '{"service": {"credentials": []}}';
    const args = ['-c', command, 'sh', process.execPath, ...programs];
    const { status, stderr } = spawnSync('sh', args, { env, input, encoding: 'utf8' });
    return { status, stderr };
  };

  test.each([
    ['confidant', '--help'],
    ['confidant', 'completion bash'],
    ['confidant-format', '--help'],
    ['confidant-format', '--out-format credential_combined --log-level error'],
  ] as const)(
    '%s %s reports in one line that its output cannot be written, and ends with exit code 1',
    (program, words) => {
      expect(ends(`"$1" "$2" ${words} > ${FULL}`, programPath(program))).toEqual({
        status: 1,
        stderr: `${program}: error: cannot write to standard output (ENOSPC)\n`,
      });
    },
  );

  test('confidant-format reports in one line that the file of --out cannot be written, and ends with exit code 1', () => {
    const words = `--out-format credential_combined --log-level error --out ${FULL}`;
    expect(ends(`"$1" "$2" ${words}`, programPath('confidant-format'))).toEqual({
      status: 1,
      stderr: `confidant-format: error: --out: cannot write ${FULL} (ENOSPC)\n`,
    });
  });
});
