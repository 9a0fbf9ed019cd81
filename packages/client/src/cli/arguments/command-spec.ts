/** What commands and options there are, as data: the parser, the help, the completion and the guide's test read it. */

export interface OptionSpec {
  /** `-u, --url <url>`; `<x...>` takes several words. */
  flags: string;
  text: string;
  required?: true;
  /**
   * - `whole`: a positive whole number; `seconds`: a number; `version`: 1 or 2;
   * - `json`: a JSON object, given as it is, as `@file`, or as `-` for standard input.
   */
  kind?: 'whole' | 'count' | 'seconds' | 'version' | 'json';
  choices?: readonly string[];
  fallback?: string | number;
  /** The long name of the option without which this one means nothing. */
  needs?: string;
  /** Ours, not the original's: a shortened name that also fits one of the original's options means that one. */
  added?: true;
}

export interface CommandSpec {
  name: string;
  /** Ours, not the original's: no option of it was ever shortened, so none comes before another. */
  added?: true;
  summary: string;
  options: readonly OptionSpec[];
  /** Of these options, by long name, at most one may be given; exactly one when `required`. */
  exclusive?: readonly { of: readonly string[]; required?: true }[];
  /** Takes the words of another command, which begin at the first word that is no option or after `--`. */
  takesCommand?: true;
  /** Words that are no options, as commander writes them: `<shell>`. */
  words?: string;
  /** What a failure prints to standard output: a JSON body with `result: false` (exit 1), or nothing. */
  failure?: { exitCode: number };
  /**
   * What forms of the output it has besides those of the whole answer: `values` of a credential or service, and its
   * `id`; `variables` alone; the `id` alone; ids and a table of a `list`; or none at all, since it prints `text`.
   */
  prints?: 'values' | 'variables' | 'id' | 'list' | 'text';
  examples: readonly string[];
  /** Which module of commands/ runs it; loaded only then. */
  module: 'services' | 'credentials' | 'blind' | 'certificates' | 'history' | 'env' | 'token' | 'login' | 'completion';
}

export const PROGRAM = 'confidant';

export const OUTPUT_FORMATS = ['json', 'yaml', 'dotenv', 'shell', 'tfvars', 'id', 'table'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Options that stand before the command; ours may also stand after it. compat: names, defaults and short forms. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
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
];

/** `credential-pairs` of `--credential-pairs <json>`; `store-keys` of `--no-store-keys` keeps its `no-`. */
export function longName({ flags }: OptionSpec): string {
  return /--([a-z-]+)/.exec(flags)![1]!;
}

/** `u` of `-u, --url <url>`. */
export function shortName({ flags }: OptionSpec): string | undefined {
  return /^-([a-z]),/.exec(flags)?.[1];
}

export function takesValue({ flags }: OptionSpec): boolean {
  return flags.includes('<');
}

export function takesValues({ flags }: OptionSpec): boolean {
  return flags.includes('...>');
}
