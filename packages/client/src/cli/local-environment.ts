import { lstatSync } from 'node:fs';

/** What the embedded default writes in the directory that it is started in. */
const DIRECTORY = './data';
const FILE = `${DIRECTORY}/client.env`;

/**
 * The line that points everything at the server that was started here; undefined where there is none. Who takes it in
 * runs what the file says: it is told of a file only that nobody else could have written or put there.
 */
export function localEnvironment(): string | undefined {
  const isOwn = (path: string, kind: 'isDirectory' | 'isFile'): boolean => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined || !found[kind]()) return false;
    return process.geteuid === undefined || (found.uid === process.geteuid() && (found.mode & 0o022) === 0);
  };
  try {
    return isOwn(DIRECTORY, 'isDirectory') && isOwn(FILE, 'isFile') ? `. ${FILE}` : undefined;
  } catch {
    return undefined;
  }
}
