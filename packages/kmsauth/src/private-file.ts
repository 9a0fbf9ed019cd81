import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file is not its owner's alone, or no file to read; the message is a sentence about it: `another user owns it`. */
export class NotPrivate extends Error {
  override readonly name = 'NotPrivate';
}

export interface PrivateFileLimits {
  maxBytes: number;
  /** Others may read it, but never write it. Default false. */
  readableByOthers?: boolean;
}

/**
 * The text of a file that nobody but us could have written; undefined when there is none. Follows no link, waits for no
 * pipe, and reads nothing of what is too large. Rejects with {@link NotPrivate}, and with Node's own errors.
 */
export async function readPrivateFile(
  path: string,
  { maxBytes, readableByOthers = false }: PrivateFileLimits,
): Promise<string | undefined> {
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const handle = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error.code === 'ELOOP' ? new NotPrivate('it is a link (ELOOP)') : error;
  });
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new NotPrivate('it is not a regular file');
    if (process.geteuid !== undefined) {
      if (stats.uid !== process.geteuid()) throw new NotPrivate('another user owns it');
      if ((stats.mode & 0o022) !== 0) throw new NotPrivate('other users can write it');
      if (!readableByOthers && (stats.mode & 0o044) !== 0) throw new NotPrivate('other users can read it');
    }
    if (stats.size > maxBytes) throw new NotPrivate('it is too large');
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** Writes a file whole or not at all, for its owner alone; missing directories are made for the owner alone too. */
export async function replaceFile(path: string, content: string): Promise<void> {
  await makeDirectory(dirname(path));
  const draft = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(content);
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
}

/**
 * Makes a directory and those above it that are missing, one at a time: where none can be made (below /proc), Node's
 * way of making several never ends.
 */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What is there and no directory is noticed by who writes there.
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path));
    await mkdir(path, { mode: 0o700 }).catch((problem: NodeJS.ErrnoException) => {
      // Somebody else made it meanwhile.
      if (problem.code !== 'EEXIST') throw problem;
    });
  }
}
