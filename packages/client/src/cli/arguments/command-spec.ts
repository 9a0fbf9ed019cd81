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

/** Commander's name of an option: `credIds` of `--cred-ids <ids...>`, `browser` of `--no-browser`. */
export function attributeOf(spec: OptionSpec): string {
  return longName(spec)
    .replace(/^no-/, '')
    .replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
