import { OUTPUT_FORMATS, type OptionSpec } from './command-spec.js';

const options = [
  {
    flags: '--config-files <files>',
    text: 'configuration files, separated by commas; only the first that exists is read (default: CONFIDANT_CONFIG_FILES, else ~/.confidant,/etc/confidant/config)',
  },
  { flags: '--profile <name>', text: 'profile in the configuration (default: CONFIDANT_PROFILE, else default)' },
  {
    flags: '-u, --url <url>',
    text: 'address of the server (default: url in the configuration, else CONFIDANT_URL, else the server of your only login)',
  },
  { flags: '-v, --verify-ssl', text: 'verify certificates (always on)' },
  {
    flags: '--retries <n>',
    text: 'maximum number of retries of a read or update (default: 5)',
    kind: 'count',
  },
  {
    flags: '--timeout <seconds>',
    text: 'seconds to wait for a connection or for more data (default: 5)',
    kind: 'seconds',
  },
  { flags: '-k, --auth-key <key>', text: 'KMS key for authentication: an ARN or alias/name' },
  { flags: '-l, --token-lifetime <minutes>', text: 'lifetime of tokens (default: 10)', kind: 'seconds' },
  { flags: '--token-version <n>', text: 'version of tokens (default: 2)', kind: 'version' },
  { flags: '--from <name>', text: 'IAM role or user to authenticate as' },
  { flags: '--to <name>', text: 'name of the server: its AUTH_CONTEXT' },
  { flags: '--user-type <type>', text: 'whether to authenticate as a user or as a service' },
  { flags: '--mfa', text: 'ask for the code of your MFA device' },
  {
    flags: '--mfa-serial <serial>',
    text: 'serial number or ARN of your MFA device (default: the device named after your IAM user); implies --mfa',
    added: true,
  },
  { flags: '--assume-role <role>', text: 'name or ARN of a role to assume' },
  { flags: '--region <region>', text: 'AWS region of the authentication key' },
  {
    flags: '--log-level <level>',
    text: 'what to log; debug shows configuration, authentication and every request, but no secrets',
    choices: ['debug', 'info', 'warning', 'error', 'critical'],
    fallback: 'info',
  },
  {
    flags: '-o, --output <format>',
    text: 'json (default), yaml, id, table (for lists), or dotenv, shell or tfvars (for values)',
    choices: OUTPUT_FORMATS,
    added: true,
  },
  {
    flags: '--login',
    text: 'authenticate with your saved login (the default if no authentication key is set)',
    added: true,
  },
  {
    flags: '--no-offline-copy',
    text: 'do not write or use an offline copy, even if the configuration asks for it',
    added: true,
  },
] as const satisfies readonly OptionSpec[];

/** Options of every command; they may stand before or after it. compat: names, defaults and short forms. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = options;

/** The spec of any global option, with its literal types. */
export type GlobalOption = (typeof options)[number];
