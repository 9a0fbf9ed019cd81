/** Commands and options as data. The parser, the help, the completion and the test of the guide read them. */

export interface OptionSpec {
  /** `-u, --url <url>`; `<x...>` takes several words. */
  flags: string;
  text: string;
  required?: true;
  /**
   * - `whole`: a positive whole number; `seconds`: a number; `version`: 1 or 2;
   * - `json`: a JSON object: the text itself, `@file`, or `-` for standard input.
   */
  kind?: 'whole' | 'count' | 'seconds' | 'version' | 'json';
  choices?: readonly string[];
  fallback?: string | number;
  /** The long name of the option that this one requires. */
  needs?: string;
  /** The original does not have it: an abbreviation that also fits an option of the original means that one. */
  added?: true;
}

export interface CommandSpec {
  name: string;
  /** The original does not have it, so none of its options takes precedence when a name is abbreviated. */
  added?: true;
  summary: string;
  options: readonly OptionSpec[];
  /** Groups of options, by long name, of which at most one may be given, or exactly one if `required`. */
  exclusive?: readonly { of: readonly string[]; required?: true }[];
  /** Takes another command, which begins at the first word that is not an option, or after `--`. */
  takesCommand?: true;
  /** Arguments that are not options, as commander writes them: `<shell>`. */
  words?: string;
  /** If set, a failure prints nothing to standard output, instead of a JSON body with `result: false` and exit code 1. */
  failure?: { exitCode: number };
  /**
   * The output formats it has besides json and yaml: `values` of a credential or service and its `id`; `variables` only;
   * its `id` only; ids and a table of a `list`; `text` has no formats, not even json and yaml.
   */
  prints?: 'values' | 'variables' | 'id' | 'list' | 'text';
  examples: readonly string[];
  /** The module of commands/ with its handler, which is loaded only when the command runs. */
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
