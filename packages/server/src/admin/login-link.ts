import { withEmbeddedDefaults } from '../config/embedded.js';
import { isEmbedded, readSettings } from '../config/parse.js';
import { issueLoginLink, LOGIN_LINK_MINUTES, loginLink } from '../local/login-link.js';
import { AdminError, type CommandGroup } from './command.js';

/** `confidant-admin login-link`: another one-time link into the embedded default; the one before stops working. */
export const loginLinkCommand: CommandGroup = (program, context) => {
  program
    .command('login-link')
    .description('print a link that logs you in to the server on this machine, once')
    .action(() => {
      const { settings, faults } = readSettings(withEmbeddedDefaults(context.environment));
      if (faults.length > 0) throw new AdminError(faults.map((f) => `${f.setting}: ${f.problem}`).join('\n'));
      if (!isEmbedded(settings) || settings.USER_AUTH_MODULE !== 'local') {
        throw new AdminError('Only the embedded default has login links. Here people log in with USER_AUTH_MODULE.');
      }
      const secret = issueLoginLink(settings.CONFIDANT_DATA_DIR);
      context.out(
        `${loginLink(`http://127.0.0.1:${settings.PORT}`, secret)}\nIt works once, within ${LOGIN_LINK_MINUTES} minutes.\n`,
      );
    });
};
