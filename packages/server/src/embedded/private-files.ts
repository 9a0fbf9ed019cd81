import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { shellQuote } from './shell-quote.js';

/*
 * The package kmsauth has private files too (`private-file.ts`). These differ in what they promise: the server needs
 * them before it starts, so they are synchronous; keys must survive a power cut, so files and directories are synced;
 * racing processes agree on one file; and a refusal names the command that repairs it.
 */

/** A file or directory of the embedded server cannot be trusted or used as it is; the message says what to do. */
export class PrivateFileError extends Error {
  override readonly name = 'PrivateFileError';
}

// Windows has no useful permission bits: there, the user's profile directory protects these files.
const hasModes = process.platform !== 'win32';

const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0');

/** Whether another user owns the file, who can then read it, change it and change its mode at any time. */
function isForeign({ uid }: Stats): boolean {
  return process.getuid !== undefined && uid !== process.getuid();
}

function foreignOwner(path: string, { uid }: Stats): PrivateFileError {
  return new PrivateFileError(
    `${path} belongs to another user (uid ${uid}, this process runs as ${process.getuid?.()}); run as its owner, ` +
      `or, if you trust its content, run: chown ${process.getuid?.()} ${shellQuote(path)}`,
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Makes the data directory with mode 0700, or accepts an existing one.
 *
 * An existing directory may be readable (the files in it are 0600), but must be ours and not writable by others: anyone
 * who can write to it can replace our key file. It may be reached by a link that we or root made.
 *
 * @throws PrivateFileError when it is not a directory, belongs to another user, or others can write to it
 */
export function ensurePrivateDirectory(path: string): void {
  try {
    makeDirectory(path);
  } catch (error) {
    throw new PrivateFileError(`the data directory ${path} cannot be created (${codeOf(error) ?? 'unknown'})`, {
      cause: error,
    });
  }
  const link = lstatSync(path);
  if (link.isSymbolicLink() && isForeign(link) && link.uid !== 0) throw foreignOwner(path, link);
  const stats = statSync(path);
  const { mode } = stats;
  if (isForeign(stats)) throw foreignOwner(path, stats);
  if (hasModes && (mode & 0o022) !== 0) {
    throw new PrivateFileError(
      `the data directory ${path} can be written by other users (mode ${octal(mode)}); run: chmod 700 ${shellQuote(path)}`,
    );
  }
}

/**
 * Makes a directory and its missing parents, one at a time: where none can be made (below /proc), Node's recursive
 * mkdir never ends.
 */
function makeDirectory(path: string, mayMakeParents = true): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (code !== 'ENOENT' || !mayMakeParents || dirname(path) === path) throw error;
    makeDirectory(dirname(path));
    makeDirectory(path, false);
  }
}

/**
 * Whether the private file exists.
 *
 * @throws PrivateFileError when it is not a regular file (a link is not), belongs to another user, or others may read or
 * write it: others may know a key that they could read, so it is not used until someone has checked it
 */
export function privateFileExists(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  assertPrivate(path, stats);
  return true;
}

function assertPrivate(path: string, stats: Stats): void {
  if (stats.isSymbolicLink()) {
    throw new PrivateFileError(
      `${path} is a symbolic link, which could lead to another user's file; replace it with the file itself`,
    );
  }
  if (!stats.isFile()) throw new PrivateFileError(`${path} is not a regular file`);
  if (isForeign(stats)) throw foreignOwner(path, stats);
  if (hasModes && (stats.mode & 0o077) !== 0) {
    throw new PrivateFileError(
      `${path} holds secrets but other users can read or write it (mode ${octal(stats.mode)}); ` +
        `if you are sure that no other user has read it, run: chmod 600 ${shellQuote(path)}`,
    );
  }
}

/**
 * The text of a private file, undefined when it does not exist. @throws PrivateFileError as {@link privateFileExists}
 */
export function readPrivateFile(path: string): string | undefined {
  if (!privateFileExists(path)) return undefined;
  // The opened file is checked again, in case another file has taken the name in between.
  const file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    assertPrivate(path, fstatSync(file));
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** Makes an empty file of mode 0600; one that exists is left alone. Safe when several processes do it at once. */
export function touchPrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/**
 * Writes a private file whole, under a name that does not exist yet; exactly one of several racing processes wins.
 * A crash at any moment leaves either no file or the complete one under `path`.
 *
 * @returns false when the file exists already; it is left as it is
 */
export function publishPrivateFile(path: string, text: string): boolean {
  const complete = writeTemporary(path, text);
  try {
    // link() refuses an existing name, which rename() would overwrite.
    linkSync(complete, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(complete);
  }
  syncDirectory(dirname(path));
  return true;
}

/** Writes a private file, in place of an older one if there is one; readers see the old text or the new, never half. */
export function replacePrivateFile(path: string, text: string): void {
  renameSync(writeTemporary(path, text), path);
  syncDirectory(dirname(path));
}

function writeTemporary(path: string, text: string): string {
  const temporary = `${path}.${randomUUID()}.tmp`;
  const file = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  } finally {
    closeSync(file);
  }
  return temporary;
}

/** A new name is durable only once its directory is. */
function syncDirectory(path: string): void {
  if (!hasModes) return;
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
