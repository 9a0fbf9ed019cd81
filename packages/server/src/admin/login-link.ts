import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { issueLoginLink, LOGIN_LINK_MINUTES, loginLink } from '../embedded/login-link.js';
import { readPrivateFile } from '../embedded/private-files.js';
import { AdminError, type CommandGroup } from './command.js';
import { adminSettings } from './settings.js';

/** Every setting: a server with an invalid one does not run. */
const ALL = /./;

/** Time for a server on this machine to answer its health check. */
const ANSWER_TIMEOUT_MS = 10_000;

/** `confidant-admin login-link` prints a new one-time link for the embedded server; the link before it stops working. */
export const loginLinkCommand: CommandGroup = (program, context) => {
  program
    .command('login-link')
    .description('print a one-time link that logs you in to the server on this machine')
    .action(async () => {
      const settings = await adminSettings(context, ALL);
      if (settings.kind === 'aws' || settings.USER_AUTH_MODULE !== 'local') {
        throw new AdminError('Only the embedded server has login links, and only with USER_AUTH_MODULE=local.');
      }
      const dataDir = settings.CONFIDANT_DATA_DIR;
      const url = urlOfServer(dataDir);
      await assertServerResponds(url);
      const secret = issueLoginLink(dataDir);
      context.out(`${loginLink(url, secret)}\nIt works once, within ${LOGIN_LINK_MINUTES} minutes.\n`);
    });
};

/** The URL in the client files of the data directory; PORT of this environment may differ from the server's. */
function urlOfServer(dataDir: string): string {
  const file = join(dataDir, 'client.yaml');
  if (!existsSync(file)) {
    throw new AdminError(`no server has run here (${file} does not exist): start it, or set CONFIDANT_DATA_DIR`);
  }
  const url = urlIn(readPrivateFile(file) ?? '');
  if (typeof url !== 'string' || !URL.canParse(url)) {
    throw new AdminError(`${file} has no server URL: restart the server, which writes the file again`);
  }
  return url;
}

/** The URL of the default profile; undefined if the text has none, or is not YAML. */
function urlIn(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: false, logLevel: 'silent' });
  return document.errors.length === 0 ? document.getIn(['default', 'url']) : undefined;
}

async function assertServerResponds(url: string): Promise<void> {
  try {
    const response = await fetch(new URL('/healthcheck', url), { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    await response.arrayBuffer();
  } catch (error) {
    throw new AdminError(`no server answers at ${url}: start it first`, 1, { cause: error });
  }
}
