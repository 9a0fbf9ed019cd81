import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ensurePrivateDirectory, PrivateFileError } from '../../src/embedded/private-files.js';
import { run } from '../harness/program.js';
import { temporaryDirectory } from './temporary-directory.js';

describe('a data directory', () => {
  test('is created with its missing parents, for its owner only', () => {
    const folder = temporaryDirectory();
    ensurePrivateDirectory(join(folder, 'a/b/data'));
    for (const made of ['a', 'a/b', 'a/b/data']) expect(statSync(join(folder, made)).mode & 0o777).toBe(0o700);
    // An existing directory is accepted.
    ensurePrivateDirectory(join(folder, 'a/b/data'));
  });

  test('that is a file, or below one, is refused', () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    expect(() => ensurePrivateDirectory(file)).toThrow(/cannot be created \(EEXIST\)/);
    expect(() => ensurePrivateDirectory(join(file, 'data'))).toThrow(PrivateFileError);
  });

  // This runs in a program that can be killed, because Node's recursive mkdir never returned here.
  test.skipIf(!existsSync('/proc/self'))('that cannot be created stops the start with one line', async () => {
    const program = await run({ CONFIDANT_DATA_DIR: '/proc/confidant/data' });
    expect([await program.exited, program.stderr()]).toEqual([
      1,
      expect.stringContaining('/proc/confidant/data cannot be created (ENOENT)'),
    ]);
  });
});
