import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import {
  ensurePrivateDirectory,
  PrivateFileError,
  privateFileExists,
  readPrivateFile,
  touchPrivateFile,
} from './private-files.js';

const FILE_NAME = 'server.lock';

/**
 * Locks the data directory for one server: two servers would overwrite each other's client files, and neither would see
 * which sessions the other has ended. Administrative commands and the workers of one server need no lock.
 *
 * The lock is SQLite's own on an empty database, which the operating system drops with the process, however it ends:
 * there is nothing to clean up after a crash.
 *
 * @returns a function that releases the lock
 * @throws PrivateFileError when another server has it, or the directory cannot be trusted
 */
export function lockDataDirectory(dataDir: string): () => void {
  ensurePrivateDirectory(dataDir);
  const path = join(dataDir, FILE_NAME);
  if (!privateFileExists(path)) touchPrivateFile(path);
  let db: InstanceType<typeof DatabaseSync> | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 0 });
    db.exec('BEGIN EXCLUSIVE');
    return () => db?.close();
  } catch (error) {
    db?.close();
    const isTaken = error instanceof Error && /locked/.test(error.message);
    throw new PrivateFileError(
      isTaken
        ? `another server runs with the data directory ${dataDir}${address(dataDir)}. Stop it, or set CONFIDANT_DATA_DIR ` +
            `to another directory.`
        : `the lock ${path} cannot be taken`,
      { cause: isTaken ? undefined : error },
    );
  }
}

/** The address of the server that holds the lock, for the message; empty when it is unknown. */
function address(dataDir: string): string {
  try {
    const url = /^\s+url: (http\S+)$/m.exec(readPrivateFile(join(dataDir, 'client.yaml')) ?? '')?.[1];
    return url === undefined ? '' : ` (its address: ${url})`;
  } catch {
    return '';
  }
}
