import { createHash } from 'node:crypto';
import { readFile, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../config.js';
import type { LoginSession } from '../login-session.js';
import { replaceFile } from './private-file.js';

/** As large as a session can be: cookies end at 4 KB. */
const MAX_BYTES = 16 * 1024;

/** Where the session at a server is kept: `$XDG_STATE_HOME/confidant/logins`, one file a server. */
export function loginFile(serverUrl: string): string {
  const state = process.env['XDG_STATE_HOME'] || join(homedir(), '.local/state');
  const name = createHash('sha256').update(identityOf(serverUrl)).digest('hex').slice(0, 40);
  return join(state, 'confidant/logins', `${name}.json`);
}

/**
 * The session at a server; undefined when there is none. Throws {@link ConfigError} for a file that others can read or
 * write, or that holds something else.
 */
export async function readLogin(serverUrl: string): Promise<LoginSession | undefined> {
  const file = loginFile(serverUrl);
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return undefined;
  if ((found.mode & 0o077) !== 0)
    throw new ConfigError([`${file} is open to other users: delete it, and log in again`]);
  const content = found.size > MAX_BYTES ? '' : await readFile(file, 'utf8');
  let kept: Partial<LoginSession & { server: string }>;
  try {
    kept = JSON.parse(content) as typeof kept;
  } catch {
    kept = {};
  }
  const { server, email, cookieName, cookie, csrfToken } = kept;
  if (server !== identityOf(serverUrl) || !email || !cookieName || !cookie || !csrfToken) {
    throw new ConfigError([`${file} is damaged: delete it, and log in again`]);
  }
  return { email, cookieName, cookie, csrfToken };
}

/** Keeps the session at a server, for its owner alone (mode 0600). */
export async function writeLogin(serverUrl: string, session: LoginSession): Promise<void> {
  await replaceFile(loginFile(serverUrl), JSON.stringify({ ...session, server: identityOf(serverUrl) }));
}

export async function removeLogin(serverUrl: string): Promise<void> {
  await rm(loginFile(serverUrl), { force: true });
}

/** One text for the ways to write one address. */
function identityOf(serverUrl: string): string {
  return URL.canParse(serverUrl) ? new URL(serverUrl).href.replace(/\/+$/, '') : serverUrl;
}
