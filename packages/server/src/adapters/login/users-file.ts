import { readFileSync, statSync } from 'node:fs';
import { isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import { BackendUnavailable } from '../../ports/unavailable.js';
import { resolveYaml } from '../yaml-entries.js';

/** A list of people is small; a larger file was probably not meant. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Returns a function for the e-mails in USERS_FILE: YAML, a map of e-mail to name or a list of e-mails (compat). It
 * reads the file again when it changes, so that removing someone ends their access at once. While the file cannot be
 * read or understood it throws {@link BackendUnavailable}: no one is admitted, and the error is reported as the
 * server's.
 *
 * @throws Error at once when the file cannot be used; it names the setting
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
  try {
    if (statSync(path).size > MAX_BYTES) throw new Error('the file is too large');
    return peopleIn(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`USERS_FILE cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

/** compat: as tolerant as PyYAML, with which the original reads the file, and never costlier than its length. */
function peopleIn(text: string): ReadonlySet<string> {
  const document = parseDocument(text, { schema: 'core', merge: false, uniqueKeys: false, logLevel: 'error' });
  const [fault] = document.errors;
  if (fault !== undefined) throw new Error(`it is not YAML: ${fault.message}`);
  const yaml = resolveYaml(document);
  const root = yaml.follow(document.contents);
  // An empty file is an empty list, which admits no one.
  if (root === undefined || (isScalar(root) && root.value === null)) return new Set();
  const names = isMap(root)
    ? [...yaml.entries(root).keys()]
    : isSeq(root)
      ? root.items.map((item) => scalarOf(yaml.follow(item)))
      : [undefined];
  if (!names.every((name) => typeof name === 'string')) {
    throw new Error('expected a YAML map of e-mail to name, or a list of e-mails');
  }
  return new Set(names.map((name) => name.trim().toLowerCase()));
}

function scalarOf(node: Node | undefined): unknown {
  return isScalar(node) ? node.value : undefined;
}
