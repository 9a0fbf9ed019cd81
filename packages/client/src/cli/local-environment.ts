import { lstatSync } from 'node:fs';

/** The embedded server writes this into the directory that it is started in. */
const DIRECTORY = './data';
const FILE = `${DIRECTORY}/client.env`;

/**
 * The shell line that sets up the client for the server that was started here; undefined where there is none. The line
 * runs the file, so it is offered only for a file that no other user could have written or put there.
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
