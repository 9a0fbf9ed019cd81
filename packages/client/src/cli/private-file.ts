import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

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
