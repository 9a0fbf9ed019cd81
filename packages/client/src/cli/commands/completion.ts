import { COMMANDS } from '../command-table.js';
import { GLOBAL_OPTIONS, OUTPUT_FORMATS, PROGRAM, longName, takesValue } from '../spec.js';
import type { OptionSpec } from '../spec.js';
import type { Handler } from '../outcome.js';
import { UsageError } from '../usage-error.js';

export const handlers: Record<string, Handler> = {
  completion(_context, given) {
    const shell = given.words[0]!;
    const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
    if (script === undefined) throw new UsageError(`completion knows ${Object.keys(SCRIPTS).join(', ')}, not ${shell}`);
    return Promise.resolve({ exitCode: 0, text: script() });
  },
};

const SCRIPTS: Record<string, () => string> = { bash, zsh, fish };

const commands = COMMANDS.map(({ name }) => name).join(' ');
const listing = COMMANDS.filter(({ lists }) => lists).map(({ name }) => name);
/** What is no option but can be completed all the same. */
const WORDS: Record<string, string> = { help: commands, completion: Object.keys(SCRIPTS).join(' ') };

const names = (options: readonly OptionSpec[]): string => options.map((option) => `--${longName(option)}`).join(' ');

const valued = GLOBAL_OPTIONS.filter(takesValue).flatMap((option) => [
  `--${longName(option)}`,
  ...(option.flags.startsWith('-') && !option.flags.startsWith('--') ? [option.flags.slice(0, 2)] : []),
]);

/** Finds the command among the words before the cursor, then offers its options; after `--`, files. */
function bash(): string {
  const cases = [
    ...Object.entries(WORDS).map(([name, words]) => `    ${name}) offered="${words}" ;;`),
    ...COMMANDS.filter(({ name }) => WORDS[name] === undefined).map(
      ({ name, options }) => `    ${name}) offered="${names(options)} --help" ;;`,
    ),
  ].join('\n');
  return `_${PROGRAM}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command='' offered i
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ -n $command && "\${COMP_WORDS[i]}" != -- ]]; then continue; fi
    case "\${COMP_WORDS[i]}" in
      --) return ;;
      ${valued.join('|')}) ((i++)) ;;
      -*) ;;
      *) command="\${COMP_WORDS[i]}" ;;
    esac
  done
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in
    -o | --output)
      offered="${OUTPUT_FORMATS.filter((format) => format !== 'table').join(' ')}"
      case "$command" in '' | ${listing.join(' | ')}) offered="${OUTPUT_FORMATS.join(' ')}" ;; esac
      COMPREPLY=($(compgen -W "$offered" -- "$current"))
      return
      ;;
  esac
  case "$command" in
    '') offered="${commands} help ${names(GLOBAL_OPTIONS)} --help --version" ;;
${cases}
    *) return ;;
  esac
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
}
complete -o default -F _${PROGRAM} ${PROGRAM}
`;
}

function zsh(): string {
  return `#compdef ${PROGRAM}
autoload -U +X bashcompinit && bashcompinit
${bash()}`;
}

function fish(): string {
  const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const option = (condition: string, { text, ...spec }: OptionSpec): string =>
    `complete -c ${PROGRAM} -n ${quote(condition)} -l ${longName({ text, ...spec })}${takesValue({ text, ...spec }) ? ' -r' : ''}${spec.choices === undefined ? '' : ` -f -a ${quote(spec.choices.join(' '))}`} -d ${quote(text)}`;
  const first = `not __fish_seen_subcommand_from ${commands} help`;
  return [
    ...GLOBAL_OPTIONS.map((spec) => option(first, spec)),
    ...Object.entries(WORDS).map(
      ([name, words]) =>
        `complete -c ${PROGRAM} -f -n ${quote(`__fish_seen_subcommand_from ${name}`)} -a ${quote(words)}`,
    ),
    `complete -c ${PROGRAM} -f -n ${quote(first)} -a help -d 'Print the help of a command'`,
    ...COMMANDS.flatMap(({ name, summary, options }) => [
      `complete -c ${PROGRAM} -f -n ${quote(first)} -a ${name} -d ${quote(summary)}`,
      ...options.map((spec) => option(`__fish_seen_subcommand_from ${name}`, spec)),
    ]),
    '',
  ].join('\n');
}
