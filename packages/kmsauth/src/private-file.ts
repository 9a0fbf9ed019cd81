import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Other users may read or write the file, or it is not a regular file. The message says which: `another user owns it`.
 */
export class NotPrivate extends Error {
  override readonly name = 'NotPrivate';
}

export interface PrivateFileLimits {
  maxBytes: number;
  /** Whether other users may read the file; they may never write it. Default false. */
  readableByOthers?: boolean;
}

/**
 * Reads a text file that no other user can have written; returns undefined if there is no such file. It does not follow
 * links, wait for pipes or read a file larger than `maxBytes`. Rejects with {@link NotPrivate}, and with Node's own
 * errors.
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

/** Replaces a file atomically, readable by its owner alone (mode 0600). Creates missing directories with mode 0700. */
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
 * Creates a directory and its missing parents, one at a time: Node's recursive mkdir never returns where it cannot
 * create any (below /proc).
 */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // If this is not a directory, writing into it fails.
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path));
    await mkdir(path, { mode: 0o700 }).catch((problem: NodeJS.ErrnoException) => {
      // Another process may have created it meanwhile.
      if (problem.code !== 'EEXIST') throw problem;
    });
  }
}
