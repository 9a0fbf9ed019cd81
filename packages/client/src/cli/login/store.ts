import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConfigError } from '../../sdk/errors.js';
import type { LoginSession } from '../../sdk/session-transport.js';

/** As large as a session can be: cookies end at 4 KB. */
const MAX_BYTES = 16 * 1024;

/** Where the session at a server is kept: `$XDG_STATE_HOME/confidant/logins`, one file a server. */
export function loginFile(serverUrl: string): string {
  const state = process.env['XDG_STATE_HOME'] || join(homedir(), '.local/state');
  const name = createHash('sha256').update(identityOf(serverUrl)).digest('hex').slice(0, 40);
  return join(state, 'confidant/logins', `${name}.json`);
}

/**
 * The session at a server; undefined when there is none. Throws {@link ConfigError} for a file that is not the caller's
 * alone, or that holds something else.
 */
export async function readLogin(serverUrl: string): Promise<LoginSession | undefined> {
  const path = loginFile(serverUrl);
  const { NotPrivate, readPrivateFile } = await privateFiles();
  const content = await readPrivateFile(path, { maxBytes: MAX_BYTES }).catch((error: NodeJS.ErrnoException) => {
    const reason = error instanceof NotPrivate ? error.message : `${error.code}`;
    throw new ConfigError([`${path} can not be used (${reason}): delete it, and log in again`]);
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

/** Keeps the session at a server, for its owner alone (mode 0600). Throws {@link ConfigError} when that fails. */
export async function writeLogin(serverUrl: string, session: LoginSession): Promise<void> {
  const path = loginFile(serverUrl);
  const content = JSON.stringify({ ...session, server: identityOf(serverUrl) });
  const { replaceFile } = await privateFiles();
  await replaceFile(path, content).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError([
      `${path} can not be written (${error.code}): set XDG_STATE_HOME to a directory of yours, and log in again`,
    ]);
  });
}

/** Notes that the server has ended the session; another command may still end or take over what is kept. */
export async function endLogin(serverUrl: string, now = Date.now()): Promise<void> {
  const session = await readLogin(serverUrl);
  if (session !== undefined) await writeLogin(serverUrl, { ...session, endsAt: new Date(now).toISOString() });
}

export async function removeLogin(serverUrl: string): Promise<void> {
  await rm(loginFile(serverUrl), { force: true });
}

/** Loaded when a login is looked for: services have none. */
function privateFiles() {
  return import('@confidant/kmsauth/private-file');
}

/** One text for the ways to write one address. */
function identityOf(serverUrl: string): string {
  return URL.canParse(serverUrl) ? new URL(serverUrl).href.replace(/\/+$/, '') : serverUrl;
}

/** More are not looked at: who has so many logins has to say which. */
const MAX_LOGINS = 50;

export interface SavedLogin {
  server: string;
  /** By what the server said of its end; one that was ended before can not be told from here. */
  hasEnded: boolean;
}

/** The logins of this user. */
export interface SavedLogins {
  /** By server. */
  logins: readonly SavedLogin[];
  /** Why there may be others, in words: of a part nobody could say that one is the only one. Undefined: these are all. */
  isPart?: string;
}

export async function listLogins(now = Date.now()): Promise<SavedLogins> {
  const directory = dirname(loginFile(''));
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => error);
  if (names instanceof Error) {
    return {
      logins: [],
      ...(names.code === 'ENOENT' ? {} : { isPart: `${directory} can not be read (${names.code})` }),
    };
  }
  const files = names.filter((name) => name.endsWith('.json')).map((name) => join(directory, name));
  if (files.length > MAX_LOGINS) return { logins: [], isPart: `more than ${MAX_LOGINS} logins are kept` };
  if (files.length === 0) return { logins: [] };
  const found = await Promise.all(files.map(async (file) => (await readSavedLogin(file, now)) ?? file));
  const logins = found.filter((each) => typeof each !== 'string').sort((a, b) => (a.server < b.server ? -1 : 1));
  const damaged = found.find((each) => typeof each === 'string');
  return { logins, ...(damaged === undefined ? {} : { isPart: `${damaged} can not be used: delete it` }) };
}

/** Undefined: the file can not be used. */
async function readSavedLogin(file: string, now: number): Promise<SavedLogin | undefined> {
  const { readPrivateFile } = await privateFiles();
  try {
    const kept = JSON.parse((await readPrivateFile(file, { maxBytes: MAX_BYTES })) ?? '') as Record<string, unknown>;
    const { server, endsAt } = kept;
    // It is shown and asked, so it must be what names this very file.
    if (typeof server !== 'string' || loginFile(server) !== file) return undefined;
    return { server, hasEnded: typeof endsAt === 'string' && Date.parse(endsAt) <= now };
  } catch {
    return undefined;
  }
}
