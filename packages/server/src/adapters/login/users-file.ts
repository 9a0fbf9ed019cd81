import { isPlainObject } from '@confidant/contract';
import { readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { BackendUnavailable } from '../../ports/unavailable.js';

/** A list of people is small; a larger file was probably not meant. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Returns a function for the e-mails in USERS_FILE: YAML, a map of e-mail to name or a list of e-mails (compat). It
 * reads the file again when it changes, so that removing someone ends their access at once. While the file cannot be
 * read or understood it throws {@link BackendUnavailable}: no one is admitted, and the error is reported as the
 * server's.
 *
 * @throws Error at once when the file cannot be used
 */
export function usersFile(path: string): () => ReadonlySet<string> {
  let people = read(path);
  let seen = version(path);
  return () => {
    try {
      const now = version(path);
      if (now !== seen) {
        people = read(path);
        seen = now;
      }
      return people;
    } catch (error) {
      seen = '';
      throw new BackendUnavailable('users-file', { cause: error });
    }
  };
}

function version(path: string): string {
  const { mtimeMs, ctimeMs, size, ino } = statSync(path);
  return [mtimeMs, ctimeMs, size, ino].join(' ');
}

function read(path: string): ReadonlySet<string> {
  if (statSync(path).size > MAX_BYTES) throw new Error('USERS_FILE is too large');
  const content: unknown = parse(readFileSync(path, 'utf8'), { schema: 'core', maxAliasCount: 0 });
  // An empty file is an empty list, which admits no one.
  const entries: unknown = isPlainObject(content) ? Object.keys(content) : (content ?? []);
  if (!Array.isArray(entries) || entries.some((entry) => typeof entry !== 'string')) {
    throw new Error('USERS_FILE must be a YAML map of e-mail to name, or a list of e-mails');
  }
  return new Set((entries as string[]).map((entry) => entry.trim().toLowerCase()));
}
