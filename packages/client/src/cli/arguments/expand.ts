import { longName, shortName, takesValue, takesValues, type CommandSpec, type OptionSpec } from './command-spec.js';
import { GLOBAL_OPTIONS } from './global-options.js';
import { similarTo } from './similar.js';
import { UsageError } from './errors.js';

const HELP: OptionSpec = { flags: '-h, --help', text: '' };
const BEFORE_COMMAND: readonly OptionSpec[] = [...GLOBAL_OPTIONS, HELP, { flags: '--version', text: '' }];

/** Arguments with the full names of their long options, and global options apart. */
export interface ExpandedArguments {
  globals: string[];
  /** The command as it was typed, or its full name. */
  command: string | undefined;
  /** What follows the command. */
  rest: string[];
}

/**
 * Rewrites arguments into the one form that commander understands: full names of long options, and global options before
 * the command wherever they were typed. compat: argparse takes any unambiguous beginning of a long option. Throws
 * {@link UsageError} for an option that is ambiguous or does not exist, for an option in the place of another one's
 * value, and for a global option after the command without its value. All else is left to commander, which would report
 * a missing option before a mistyped one.
 */
export function expandArguments(argv: readonly string[], commands: readonly CommandSpec[]): ExpandedArguments {
  const globals: string[] = [];
  let wrong: UsageError | undefined;
  let wantsHelp = false;
  let at = 0;
  while (at < argv.length && isOption(argv[at]!) && argv[at] !== '--') {
    const word = argv[at]!;
    const { words, next, fault } = readOption(argv, at, BEFORE_COMMAND);
    if (matches(word, BEFORE_COMMAND).length === 0)
      wrong ??= unknownOption(word, BEFORE_COMMAND, { hint: adviseOrder(word, commands) });
    wrong ??= fault;
    wantsHelp ||= asksForHelp(words[0]);
    globals.push(...words);
    at = next;
  }
  if (wrong !== undefined && !wantsHelp) throw wrong;
  const name = argv[at];
  const command = name === undefined ? undefined : findCommand(name, commands);
  if (command === undefined) return { globals, command: name, rest: argv.slice(at + 1) };
  const own = [...(command.added ? command.options.map(asAdded) : command.options), HELP];
  const rest: string[] = [];
  for (at += 1; at < argv.length;) {
    const word = argv[at]!;
    if (word === '--' || (!isOption(word) && command.takesCommand)) {
      rest.push(...argv.slice(at));
      break;
    }
    if (!isOption(word)) {
      rest.push(word);
      at += 1;
      continue;
    }
    const isOwn = matches(word, own).length > 0 || matches(word, BEFORE_COMMAND).length === 0;
    if (isOwn && matches(word, own).length === 0) {
      wrong ??= unknownOption(word, [...own, ...BEFORE_COMMAND], { command: command.name, commands });
    }
    const { words, next, fault } = isOwn
      ? readOption(argv, at, own, BEFORE_COMMAND, command.name)
      : readOption(argv, at, BEFORE_COMMAND, own);
    wrong ??= fault;
    // Before the command, it would take the command for its value.
    if (!isOwn && next > argv.length) throw new UsageError(`option '${words[0]}' argument missing`);
    wantsHelp ||= asksForHelp(words[0]);
    (isOwn ? rest : globals).push(...words);
    at = next;
  }
  if (wrong !== undefined && !wantsHelp) throw wrong;
  return { globals, command: command.name, rest };
}

function asAdded(option: OptionSpec): OptionSpec {
  return { ...option, added: true };
}

/** Advice on a command that does not exist, to append to the error; empty when no command is similar. */
export function adviseCommand(name: string, commands: readonly CommandSpec[]): string {
  if (/^(delete|destroy|rm|remove(?![_-]creds?$))/i.test(name)) {
    return (
      ': nothing is ever deleted. Credentials that are disabled and in no service are archived (docs/operations.md); ' +
      'remove_creds removes them from a service'
    );
  }
  const names = commands.map((command) => command.name);
  const meant = synonymsOf(name, names) ?? similarTo(name.replaceAll('-', '_'), names, 1);
  return meant.length === 0 ? '' : `; did you mean ${meant.join(', ')}?`;
}

/** The commands for a word that in other programs is one command. */
function synonymsOf(word: string, names: readonly string[]): readonly string[] | undefined {
  if (word === 'list') return names.filter((name) => name.startsWith('list_'));
  return word === 'get' ? ['get_service', 'get_credential'] : undefined;
}

/** As {@link expandArguments}, for a program without commands. */
export function expandOptions(argv: readonly string[], options: readonly OptionSpec[]): string[] {
  const expanded: string[] = [];
  const known = [...options, HELP];
  let wrong: UsageError | undefined;
  let wantsHelp = false;
  for (let at = 0; at < argv.length;) {
    const word = argv[at]!;
    const { words, next, fault }: ReadOption = isOption(word)
      ? readOption(argv, at, known)
      : { words: [word], next: at + 1 };
    if (isOption(word) && word !== '--' && matches(word, known).length === 0) wrong ??= unknownOption(word, known);
    wrong ??= fault;
    wantsHelp ||= asksForHelp(words[0]);
    expanded.push(...words);
    at = next;
  }
  if (wrong !== undefined && !wantsHelp) throw wrong;
  return expanded;
}

/** Advice on an option of a command that was typed before the command. */
function adviseOrder(word: string, commands: readonly CommandSpec[]): string {
  const isOfCommand = word.startsWith('--') && commands.some(({ options }) => matches(word, options).length > 0);
  return isOfCommand ? ': put the options of a command after it' : '';
}

function asksForHelp(word: string | undefined): boolean {
  return word === '--help' || word === '-h';
}

/**
 * The error for an option that does not exist. It shows nothing of a value that is joined to the option, which may be a
 * secret. `hint` is used when no name is similar.
 */
function unknownOption(
  word: string,
  options: readonly OptionSpec[],
  { hint = '', command, commands = [] }: { hint?: string; command?: string; commands?: readonly CommandSpec[] } = {},
): UsageError {
  const typed = /^-+([\w-]*)/.exec(word)?.[1] ?? '';
  const similar = similarTo(typed, options.map(longName), 1)[0];
  const shown = word.startsWith('--') ? `--${typed.slice(0, 64)}` : word.slice(0, 2);
  const hasOption = ({ name, options: own }: CommandSpec): boolean =>
    name !== command && own.some((each) => longName(each) === typed);
  const others = word.startsWith('--') ? commands.filter(hasOption) : [];
  const guess = similar === undefined ? hint : `; did you mean --${similar}?`;
  const names = others.map(({ name }) => name).slice(0, 3);
  const advice = names.length === 0 ? guess : `; it is an option of ${names.join(', ')}`;
  return new UsageError(`unknown option '${shown}'${advice}`, command);
}

/** A lone dash is a value: standard input. */
function isOption(word: string): boolean {
  return word.startsWith('-') && word !== '-';
}

/** Finds a command by its name, in which dashes may stand for underscores. */
function findCommand(name: string, commands: readonly CommandSpec[]): CommandSpec | undefined {
  return commands.find((command) => command.name === name.replaceAll('-', '_'));
}

interface ReadOption {
  words: string[];
  next: number;
  /** Set if the option needs a value, and another option is in its place. */
  fault?: UsageError;
}

/**
 * Reads the option at `at` with its values. Answers them with its full name, and the index of the next word. `others` are
 * further options that may follow, and `command` is the one whose help lists it.
 */
function readOption(
  argv: readonly string[],
  at: number,
  options: readonly OptionSpec[],
  others: readonly OptionSpec[] = [],
  command?: string,
): ReadOption {
  const word = argv[at]!;
  const [option, other] = matches(word, options);
  if (option === undefined) return { words: [word], next: at + 1 };
  if (other !== undefined) {
    const names = matches(word, options).map((match) => `--${longName(match)}`);
    throw new UsageError(`${word.split('=')[0]} could be ${names.join(' or ')}`, command);
  }
  const isLong = word.startsWith('--');
  const expanded = isLong ? `--${longName(option)}${word.includes('=') ? word.slice(word.indexOf('=')) : ''}` : word;
  const hasValue = isLong ? word.includes('=') : word.length > 2;
  const words = [expanded];
  let next = at + 1;
  const all = [...options, ...others];
  if (takesValue(option) && !hasValue) {
    const value = argv[next];
    if (value !== undefined && !isValue(value, all) && (value.startsWith('--') || matches(value, all).length > 0)) {
      return { words, next, fault: missingValue(longName(option), command) };
    }
    words.push(...argv.slice(next, next + 1));
    next += 1;
  }
  for (; takesValues(option) && next < argv.length && isValue(argv[next]!, all); next += 1) {
    // Commander takes a word with a dash for a value only directly after the option.
    words.push(...(isOption(argv[next]!) ? [`--${longName(option)}`] : []), argv[next]!);
  }
  return { words, next };
}

/**
 * Whether a word can be the value of the option before it instead of the next option. compat: argparse takes negative
 * numbers, and words with a space, for values.
 */
function isValue(word: string, options: readonly OptionSpec[]): boolean {
  if (!isOption(word) || /^-\d*\.?\d+$/.test(word)) return true;
  return /\s/.test(word) && !(word.startsWith('--') && matches(word, options).length > 0);
}

/** Does not show the word in the value's place: it may be a secret. */
function missingValue(name: string, command: string | undefined): UsageError {
  return new UsageError(
    `option '--${name}' needs a value, but an option follows; write a value that begins with a dash as --${name}=VALUE`,
    command,
  );
}

/** The options that a word can mean: the exact one, or those it abbreviates; the original's come before added ones. */
function matches(word: string, options: readonly OptionSpec[]): OptionSpec[] {
  if (!word.startsWith('--')) return options.filter((option) => shortName(option) === word[1]);
  const name = word.slice(2).split('=')[0]!;
  const exact = options.filter((option) => longName(option) === name);
  if (exact.length > 0) return exact;
  const fitting = options.filter((option) => longName(option).startsWith(name));
  const original = fitting.filter((option) => !option.added);
  return original.length > 0 ? original : fitting;
}
