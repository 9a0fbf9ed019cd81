import { chmodSync, closeSync, openSync } from 'node:fs';

/** Makes a database file, or takes the one that is there, with mode 0600. SQLite gives its journals the same mode. */
export function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    // The file is not opened: closing any descriptor of it would drop the locks that this process holds on it.
    chmodSync(file, 0o600);
  }
}
