import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  ensurePrivateDirectory,
  PrivateFileError,
  privateFileExists,
  publishPrivateFile,
  readPrivateFile,
  replacePrivateFile,
} from '../../src/embedded/private-files.js';
import { temporaryDirectory } from './temporary-directory.js';

afterEach(() => vi.restoreAllMocks());

/** Makes everything that exists by now belong to another user. */
function becomeAnother(): void {
  const uid = process.getuid!() + 1;
  vi.spyOn(process, 'getuid').mockReturnValue(uid);
}

describe('private files', () => {
  test('a file is read as it was written, and a missing one as undefined', () => {
    const path = join(temporaryDirectory(), 'key');
    expect([privateFileExists(path), readPrivateFile(path)]).toEqual([false, undefined]);
    expect([publishPrivateFile(path, 'one'), publishPrivateFile(path, 'two'), readPrivateFile(path)]).toEqual([
      true,
      false,
      'one',
    ]);
    replacePrivateFile(path, 'three');
    expect([privateFileExists(path), readPrivateFile(path)]).toEqual([true, 'three']);
  });

  test('a file of another user is refused, with advice', () => {
    const path = join(temporaryDirectory(), 'key');
    writeFileSync(path, 'planted', { mode: 0o600 });
    becomeAnother();
    for (const read of [privateFileExists, readPrivateFile]) {
      expect(() => read(path)).toThrow(PrivateFileError);
      expect(() => read(path)).toThrow(/key belongs to another user .*chown \d+ /);
    }
  });

  test('a link is refused, wherever it leads', () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'key'), 'private', { mode: 0o600 });
    for (const target of ['key', 'nowhere', '/etc/passwd']) {
      const path = join(folder, `to-${target.replaceAll('/', '')}`);
      symlinkSync(target, path);
      for (const read of [privateFileExists, readPrivateFile]) expect(() => read(path)).toThrow(/symbolic link/);
    }
  });

  test('a directory in place of a file is refused', () => {
    const path = join(temporaryDirectory(), 'key');
    mkdirSync(path);
    expect(() => readPrivateFile(path)).toThrow(/not a regular file/);
  });
});

describe('the owner of the data directory', () => {
  test('a data directory of another user is refused, with advice', () => {
    const path = join(temporaryDirectory(), 'data');
    ensurePrivateDirectory(path);
    becomeAnother();
    expect(() => ensurePrivateDirectory(path)).toThrow(PrivateFileError);
    expect(() => ensurePrivateDirectory(path)).toThrow(/data belongs to another user .*chown \d+ /);
  });

  test('a data directory may be reached through our own link', () => {
    const folder = temporaryDirectory();
    ensurePrivateDirectory(join(folder, 'data'));
    symlinkSync('data', join(folder, 'link'));
    ensurePrivateDirectory(join(folder, 'link'));
  });
});
