import { COMMANDS } from './table.js';
import { configFiles, profileNames } from '../../sdk/config/profile.js';
import { outputFormatsOf } from '../arguments/output-formats.js';
import {
  OUTPUT_FORMATS,
  PROGRAM,
  longName,
  shortName,
  takesValue,
  type OptionSpec,
} from '../arguments/command-spec.js';
import { GLOBAL_OPTIONS } from '../arguments/global-options.js';
import { UsageError } from '../arguments/errors.js';
import type { Handlers } from './handler.js';

export const handlers: Handlers<'completion'> = {
  async completion(context, _options, [shell = '']) {
    if (shell === PROFILES) {
      const names = await profileNames(configFiles(context.globals.configFiles));
      return { exitCode: 0, text: names.filter(isPlain).join('\n') };
    }
    const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
    if (script === undefined)
      throw new UsageError(`there is no completion for ${shell}: choose ${Object.keys(SCRIPTS).join(', ')}`);
    return { exitCode: 0, text: script() };
  },
};

/** The scripts use this word to list the names of profiles, which are read from the configuration without network. */
const PROFILES = 'profiles';

/** Whether a shell takes the name for one word without special characters. */
function isPlain(name: string): boolean {
  return /^\w[\w.@:+-]*$/.test(name);
}

const SCRIPTS: Record<string, () => string> = { bash, zsh, fish };

const commands = COMMANDS.map(({ name }) => name).join(' ');
/** Arguments other than options that are completed. */
const WORDS: Record<string, string> = { help: `${commands} all`, completion: Object.keys(SCRIPTS).join(' ') };

const names = (options: readonly OptionSpec[]): string => options.map((option) => `--${longName(option)}`).join(' ');

/** A shell pattern of the long and short names of options; a name means the same in every command. */
function patternOf(options: readonly OptionSpec[]): string {
  const all = options.flatMap((option) => {
    const short = shortName(option);
    return [`--${longName(option)}`, ...(short === undefined ? [] : [`-${short}`])];
  });
  return [...new Set(all)].join(' | ');
}

const valued = [...GLOBAL_OPTIONS, ...COMMANDS.flatMap(({ options }) => options)].filter(takesValue);
const jsonOptions = valued.filter(({ kind }) => kind === 'json');
const fileOptions = valued.filter(({ flags }) => /<files?>/.test(flags));
/** Options whose values cannot be completed. */
const otherOptions = valued.filter(
  (option) =>
    !jsonOptions.includes(option) &&
    !fileOptions.includes(option) &&
    option.choices === undefined &&
    longName(option) !== 'profile',
);

/**
 * Completes commands, their options, the values of options with choices, and files after `--`. Bash splits words at =, :
 * and @, and expects only what follows the last of them; COMP_LINE has the words as they were typed.
 */
function bash(): string {
  const choices = new Map(
    valued
      .filter((option) => longName(option) !== 'output')
      .flatMap((option) => (option.choices ? [[patternOf([option]), option.choices]] : [])),
  );
  const values = [...choices].map(([pattern, words]) => `    ${pattern}) offered="${words.join(' ')}" ;;`);
  const outputs = COMMANDS.map(
    (command) => `        ${command.name}) offered="${outputFormatsOf(command).join(' ')}" ;;`,
  );
  const cases = [
    ...Object.entries(WORDS).map(([name, words]) => `        ${name}) offered="${words}" ;;`),
    ...COMMANDS.filter(({ name }) => WORDS[name] === undefined).map(
      ({ name, options }) => `        ${name}) offered="${names(options)} --help" ;;`,
    ),
  ];
  return `_${PROGRAM}() {
  local line word="\${COMP_WORDS[COMP_CWORD]}" typed last kept current option value
  local command='' files='' offered='' name shown i newline=$'\\n'
  if [[ -n \${ZSH_VERSION-} ]]; then
    typed=("\${COMP_WORDS[@]:0:$((COMP_CWORD + 1))}")
  else
    line="\${COMP_LINE:0:$COMP_POINT}"
    read -ra typed <<<"$line"
    if [[ $line == *[[:space:]] ]]; then typed+=(''); fi
    if [[ $word =~ ^[=:]+@?$ ]]; then word="\${word##*[=:]}"; fi
  fi
  last=$((\${#typed[@]} - 1))
  kept="\${typed[last]%"$word"}"
  kept="\${kept%@}"
  current="\${typed[last]}" option="\${typed[last - 1]}" value="\${typed[last]}"
  if [[ $current == --*=* ]]; then option="\${current%%=*}" value="\${current#*=}"; fi
  for ((i = 1; i < last; i++)); do
    case "\${typed[i]}" in
      --config-files) files="\${typed[i + 1]}" ;;
      --config-files=*) files="\${typed[i]#*=}" ;;
    esac
    if [[ -n $command && "\${typed[i]}" != -- ]]; then continue; fi
    case "\${typed[i]}" in
      --) return ;;
      ${patternOf(GLOBAL_OPTIONS.filter(takesValue))}) ((i++)) ;;
      -*) ;;
      *) command="\${typed[i]}" ;;
    esac
  done
  case "$option" in
${values.join('\n')}
    -o | --output)
      case "$command" in
        '') offered="${OUTPUT_FORMATS.join(' ')}" ;;
${outputs.join('\n')}
      esac
      ;;
    --profile)
      offered="$(${PROGRAM} \${files:+--config-files "$files"} completion ${PROFILES} 2>/dev/null)"
      if [[ -z $offered ]]; then return; fi
      ;;
    ${patternOf(jsonOptions)})
      case "$value" in
        '') offered=@ && compopt -o nospace 2>/dev/null ;;
        @*)
          for name in "\${value#@}"*; do
            if [[ ! -e $name ]]; then continue; fi
            printf -v shown %q "$name"
            if [[ -d $name ]]; then shown+=/; fi
            offered+="@$shown$newline"
          done
          ;;
        *) return ;;
      esac
      ;;
    ${patternOf(fileOptions)}) return ;;
    ${patternOf(otherOptions)})
      compopt +o default 2>/dev/null
      return
      ;;
    *)
      option=''
      case "$command" in
        '') offered="${commands} help ${names(GLOBAL_OPTIONS)} --help --version" ;;
${cases.join('\n')}
        *) return ;;
      esac
      ;;
  esac
  if [[ -z $option ]]; then value="$current"; fi
  if [[ $value != @* ]]; then offered="\${offered// /$newline}"; fi
  while IFS= read -r name; do
    if [[ -z $name || $name != "$value"* ]]; then continue; fi
    name="\${current%"$value"}$name"
    COMPREPLY+=("\${name#"$kept"}")
  done <<<"$offered"
  if [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == @*/ ]]; then compopt -o nospace 2>/dev/null; fi
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
  const valuesOf = (spec: OptionSpec): string => {
    if (!takesValue(spec)) return '';
    if (spec.choices !== undefined) return ` -r -f -a ${quote(spec.choices.join(' '))}`;
    if (longName(spec) === 'profile') return ` -r -f -a '(__${PROGRAM}_profiles)'`;
    if (spec.kind === 'json') return ` -r -f -a '(__${PROGRAM}_json)'`;
    return fileOptions.includes(spec) ? ' -r -F' : ' -r -f';
  };
  const option = (spec: OptionSpec, condition = ''): string =>
    `complete -c ${PROGRAM}${condition === '' ? '' : ` -n ${quote(condition)}`} ${shortName(spec) === undefined ? '' : `-s ${shortName(spec)} `}-l ${longName(spec)}${valuesOf(spec)} -d ${quote(spec.text)}`;
  const first = `not __fish_seen_subcommand_from ${commands} help`;
  return [
    FISH_FUNCTIONS,
    ...GLOBAL_OPTIONS.map((spec) => option(spec)),
    ...Object.entries(WORDS).map(
      ([name, words]) =>
        `complete -c ${PROGRAM} -f -n ${quote(`__fish_seen_subcommand_from ${name}`)} -a ${quote(words)}`,
    ),
    `complete -c ${PROGRAM} -f -n ${quote(first)} -a help -d 'Print the help of a command'`,
    ...COMMANDS.flatMap(({ name, summary, options }) => [
      `complete -c ${PROGRAM} -f -n ${quote(first)} -a ${name} -d ${quote(summary)}`,
      ...options.map((spec) => option(spec, `__fish_seen_subcommand_from ${name}`)),
    ]),
    '',
  ].join('\n');
}

const FISH_FUNCTIONS = `function __${PROGRAM}_profiles
    set -l words (commandline -opc)
    set -l files
    if set -l at (contains -i -- --config-files $words)
        set files --config-files $words[(math $at + 1)]
    end
    ${PROGRAM} $files completion ${PROFILES} 2>/dev/null
end
function __${PROGRAM}_json
    set -l typed (commandline -ct)
    if string match -q '@*' -- $typed
        printf '@%s\\n' (__fish_complete_path (string sub -s 2 -- $typed))
    else
        echo @
    end
end`;
