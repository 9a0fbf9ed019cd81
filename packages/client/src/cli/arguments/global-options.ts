import { OUTPUT_FORMATS, type OptionSpec } from './command-spec.js';

const options = [
  {
    flags: '--config-files <files>',
    text: 'configuration files, separated by commas; the first that exists is used (default: CONFIDANT_CONFIG_FILES, else ~/.confidant,/etc/confidant/config)',
  },
  { flags: '--profile <name>', text: 'profile of the configuration (default: CONFIDANT_PROFILE, else default)' },
  {
    flags: '-u, --url <url>',
    text: 'address of the server (default: url of the configuration, else CONFIDANT_URL, else that of the only login)',
  },
  { flags: '-v, --verify-ssl', text: 'verify certificates (always on)' },
  {
    flags: '--retries <n>',
    text: 'repetitions of reads and updates after 5xx and failures (default: 5)',
    kind: 'count',
  },
  { flags: '--timeout <seconds>', text: 'to connect, and between two signs of life (default: 5)', kind: 'seconds' },
  { flags: '-k, --auth-key <key>', text: 'KMS key for authentication: an ARN or alias/name' },
  { flags: '-l, --token-lifetime <minutes>', text: 'lifetime of tokens (default: 10)', kind: 'seconds' },
  { flags: '--token-version <n>', text: 'version of tokens (default: 2)', kind: 'version' },
  { flags: '--from <name>', text: 'IAM role or user to authenticate as' },
  { flags: '--to <name>', text: 'name of the server: its AUTH_CONTEXT' },
  { flags: '--user-type <type>', text: 'user or service' },
  { flags: '--mfa', text: 'ask for the code of an MFA device' },
  { flags: '--assume-role <role>', text: 'name or ARN of a role to assume' },
  { flags: '--region <region>', text: 'AWS region of the authentication key' },
  {
    flags: '--log-level <level>',
    text: 'what goes to standard error; debug tells configuration, authentication and every request, no secret',
    choices: ['debug', 'info', 'warning', 'error', 'critical'],
    fallback: 'info',
  },
  {
    flags: '-o, --output <format>',
    text: 'json (default), yaml, id, for lists table, or the values as dotenv, shell or tfvars',
    choices: OUTPUT_FORMATS,
    added: true,
  },
  {
    flags: '--login',
    text: 'authenticate with the session of confidant login (the default without an authentication key)',
    added: true,
  },
  {
    flags: '--no-offline-copy',
    text: 'neither keep nor use an offline copy, whatever the configuration says',
    added: true,
  },
] as const satisfies readonly OptionSpec[];

/** Options of every command; they may stand before or after it. compat: names, defaults and short forms. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = options;

/** The spec of any global option, with its literal types. */
export type GlobalOption = (typeof options)[number];
