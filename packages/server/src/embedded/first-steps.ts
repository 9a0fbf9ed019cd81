import { LOGIN_LINK_MINUTES } from './login-link.js';
import { shellQuote } from './shell-quote.js';

/**
 * The text that each start prints: where everything is, and lines that, pasted into another shell in the same
 * directory, store a credential, map it to a service and fetch it as that service.
 */
export function firstSteps(at: {
  serverUrl: string;
  kmsUrl: string;
  envFile: string;
  dataDir: string;
  /** Whether commands use this data directory unless CONFIDANT_DATA_DIR names another. */
  isUsualDataDir: boolean;
  /** Address of the one-time login link; undefined when people log in another way. */
  loginUrl: string | undefined;
}): string {
  const link = `${at.isUsualDataDir ? '' : `CONFIDANT_DATA_DIR=${shellQuote(at.dataDir)} `}npx confidant-admin login-link`;
  const browser = `
  Browser    ${at.loginUrl}
             (logs you in, once, within ${LOGIN_LINK_MINUTES} minutes; another one: ${link})`;
  return `
Confidant is ready.

  API        ${at.serverUrl}/v1${at.loginUrl === undefined ? '' : browser}
  KMS        ${at.kmsUrl}  (embedded, for this machine only)
  State      ${at.dataDir}  (keep it private, and back it up: it holds all keys and secrets)

Try it: paste these lines into another terminal, in this directory.

  . ${shellQuote(at.envFile)}
  npx confidant create_credential --name 'Demo database' --credential-pairs '{"db_password":"correct horse"}'
  npx confidant map --service demo-app --cred-names 'Demo database'
  npx confidant --profile demo get_service --service demo-app

The first three act as you, the last one as the service demo-app, which gets what is mapped to it and nothing else.

`;
}
