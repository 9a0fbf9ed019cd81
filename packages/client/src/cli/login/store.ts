import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConfigError } from '../../sdk/errors.js';
import type { LoginSession } from '../../sdk/session-transport.js';

/** More than a session needs: browsers limit cookies to 4 KB. */
const MAX_BYTES = 16 * 1024;

/** The file of the login at a server, in `$XDG_STATE_HOME/confidant/logins`. */
export function loginFile(serverUrl: string): string {
  const state = process.env['XDG_STATE_HOME'] || join(homedir(), '.local/state');
  const name = createHash('sha256').update(identityOf(serverUrl)).digest('hex').slice(0, 40);
  return join(state, 'confidant/logins', `${name}.json`);
}

/**
 * Reads the login at a server; undefined if there is none. Throws {@link ConfigError} if the file is damaged, or if
 * other users can read or write it.
 */
export async function readLogin(serverUrl: string): Promise<LoginSession | undefined> {
  const path = loginFile(serverUrl);
  const { NotPrivate, readPrivateFile } = await privateFiles();
  const content = await readPrivateFile(path, { maxBytes: MAX_BYTES }).catch((error: NodeJS.ErrnoException) => {
    const reason = error instanceof NotPrivate ? error.message : `${error.code}`;
    throw new ConfigError([`${path} cannot be used (${reason}): delete it, and log in again`]);
  });
  if (content === undefined) return undefined;
  let kept: Partial<LoginSession & { server: string }>;
  try {
    kept = JSON.parse(content) as typeof kept;
  } catch {
    kept = {};
  }
  const { server, email, cookieName, cookie, csrfToken, endsAt } = kept;
  if (server !== identityOf(serverUrl) || !email || !cookieName || !cookie || !csrfToken) {
    throw new ConfigError([`${path} is damaged: delete it, and log in again`]);
  }
  return { email, cookieName, cookie, csrfToken, ...(typeof endsAt === 'string' ? { endsAt } : {}) };
}

/** Saves the login at a server, readable by its owner alone (mode 0600). Throws {@link ConfigError} if that fails. */
export async function writeLogin(serverUrl: string, session: LoginSession): Promise<void> {
  const path = loginFile(serverUrl);
  const content = JSON.stringify({ ...session, server: identityOf(serverUrl) });
  const { replaceFile } = await privateFiles();
  await replaceFile(path, content).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError([
      `${path} cannot be written (${error.code}): set XDG_STATE_HOME to a directory of yours, and log in again`,
    ]);
  });
}

/** Marks the login at a server as ended, and keeps its session: a later login ends that, too. */
export async function endLogin(serverUrl: string, now = Date.now()): Promise<void> {
  const session = await readLogin(serverUrl);
  if (session !== undefined) await writeLogin(serverUrl, { ...session, endsAt: new Date(now).toISOString() });
}

export async function removeLogin(serverUrl: string): Promise<void> {
  await rm(loginFile(serverUrl), { force: true });
}

/** Loaded only when a login is needed, because services have none. */
function privateFiles() {
  return import('@confidant/kmsauth/private-file');
}

/** The same text for all ways of writing an address. */
function identityOf(serverUrl: string): string {
  return URL.canParse(serverUrl) ? new URL(serverUrl).href.replace(/\/+$/, '') : serverUrl;
}

/** With more logins than this, the caller must name the server. */
const MAX_LOGINS = 50;

export interface SavedLogin {
  server: string;
  /** By the expiry that the server set; the server may have ended it earlier. */
  hasEnded: boolean;
}

/** The saved logins of this user. */
export interface SavedLogins {
  /** By server. */
  logins: readonly SavedLogin[];
  /** Why `logins` may be incomplete, as a sentence; undefined if it is complete. */
  incomplete?: string;
}

export async function listLogins(now = Date.now()): Promise<SavedLogins> {
  const directory = dirname(loginFile(''));
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => error);
  if (names instanceof Error) {
    return {
      logins: [],
      ...(names.code !== 'ENOENT' && { incomplete: `${directory} cannot be read (${names.code})` }),
    };
  }
  const files = names.filter((name) => name.endsWith('.json')).map((name) => join(directory, name));
  if (files.length > MAX_LOGINS) return { logins: [], incomplete: `there are more than ${MAX_LOGINS} saved logins` };
  if (files.length === 0) return { logins: [] };
  const found = await Promise.all(files.map(async (file) => (await readSavedLogin(file, now)) ?? file));
  const logins = found.filter((each) => typeof each !== 'string').sort((a, b) => (a.server < b.server ? -1 : 1));
  const damaged = found.find((each) => typeof each === 'string');
  return { logins, ...(damaged !== undefined && { incomplete: `${damaged} cannot be used: delete it` }) };
}

/** Reads one login's server and state; undefined if the file cannot be used. */
async function readSavedLogin(file: string, now: number): Promise<SavedLogin | undefined> {
  const { readPrivateFile } = await privateFiles();
  try {
    const kept = JSON.parse((await readPrivateFile(file, { maxBytes: MAX_BYTES })) ?? '') as Record<string, unknown>;
    const { server, endsAt } = kept;
    // The server will be shown and contacted, so it must be the one that this file is named after.
    if (typeof server !== 'string' || loginFile(server) !== file) return undefined;
    return { server, hasEnded: typeof endsAt === 'string' && Date.parse(endsAt) <= now };
  } catch {
    return undefined;
  }
}
