import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { issueLoginLink, LOGIN_LINK_MINUTES, loginLink } from '../embedded/login-link.js';
import { readPrivateFile } from '../embedded/private-files.js';
import { AdminError, type CommandGroup } from './command.js';
import { adminSettings } from './settings.js';

/** Every setting: a server with an invalid one does not run. */
const ALL = /./;

/** A server on the same machine that is alive answers its health check within this. */
const ANSWER_TIMEOUT_MS = 10_000;

/** `confidant-admin login-link`: another one-time link into the embedded default; the one before stops working. */
export const loginLinkCommand: CommandGroup = (program, context) => {
  program
    .command('login-link')
    .description('print a link that logs you in to the server on this machine, once')
    .action(async () => {
      const settings = await adminSettings(context, ALL);
      if (settings.kind === 'aws' || settings.USER_AUTH_MODULE !== 'local') {
        throw new AdminError('Only the embedded default has login links. Here people log in with USER_AUTH_MODULE.');
      }
      const dataDir = settings.CONFIDANT_DATA_DIR;
      const url = urlOfServer(dataDir);
      await mustAnswer(url);
      const secret = issueLoginLink(dataDir);
      context.out(`${loginLink(url, secret)}\nIt works once, within ${LOGIN_LINK_MINUTES} minutes.\n`);
    });
};

/** The address that the server last started on this data directory wrote for its clients; PORT may say another here. */
function urlOfServer(dataDir: string): string {
  const file = join(dataDir, 'client.yaml');
  if (!existsSync(file)) {
    throw new AdminError(`no server has run here (there is no ${file}): start it, or set CONFIDANT_DATA_DIR`);
  }
  const profiles = parse(readPrivateFile(file) ?? '') as { default?: { url?: unknown } } | null;
  const url = profiles?.default?.url;
  if (typeof url !== 'string' || !URL.canParse(url)) {
    throw new AdminError(`${file} names no server: start the server again, which writes the file anew`);
  }
  return url;
}

async function mustAnswer(url: string): Promise<void> {
  try {
    const answer = await fetch(new URL('/healthcheck', url), { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    await answer.arrayBuffer();
  } catch (error) {
    throw new AdminError(`nobody answers at ${url}: start the server first`, 1, { cause: error });
  }
}
