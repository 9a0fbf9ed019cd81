import { COMMANDS } from '../commands/table.js';
import {
  GLOBAL_OPTIONS,
  longName,
  shortName,
  takesValue,
  takesValues,
  type CommandSpec,
  type OptionSpec,
} from './command-spec.js';
import { similarTo } from './similar.js';
import { UsageError } from './errors.js';

const HELP: OptionSpec = { flags: '-h, --help', text: '' };
const BEFORE_COMMAND: readonly OptionSpec[] = [...GLOBAL_OPTIONS, HELP, { flags: '--version', text: '' }];

/** Arguments with every long option spelled out and global options apart. */
export interface SpelledOut {
  globals: string[];
  /** What was typed as the command, and what follows it. */
  command: string | undefined;
  rest: string[];
}

/**
 * Rewrites arguments into the one form commander understands: long options spelled out, and global options before the
 * command wherever they stood. compat: argparse takes any unambiguous beginning of a long option. Throws
 * {@link UsageError} for an ambiguous one, one that does not exist, one with another option in the place of its
 * value, and a global one after the command without its value; all else is left for commander to report. It would tell of a missing option first, and leave a mistyped one
 * to be guessed.
 */
export function spellOut(argv: readonly string[]): SpelledOut {
  const globals: string[] = [];
  let wrong: UsageError | undefined;
  let helps = false;
  let at = 0;
  while (at < argv.length && isOption(argv[at]!) && argv[at] !== '--') {
    const word = argv[at]!;
    const { words, next, fault } = readOption(argv, at, BEFORE_COMMAND);
    if (matches(word, BEFORE_COMMAND).length === 0) wrong ??= unknownOption(word, BEFORE_COMMAND, placeOf(word));
    wrong ??= fault;
    helps ||= asksForHelp(words[0]);
    globals.push(...words);
    at = next;
  }
  if (wrong !== undefined && !helps) throw wrong;
  const name = argv[at];
  const command = name === undefined ? undefined : findCommand(name);
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
      wrong ??= unknownOption(word, [...own, ...BEFORE_COMMAND], '', command.name);
    }
    const { words, next, fault } = isOwn
      ? readOption(argv, at, own, BEFORE_COMMAND, command.name)
      : readOption(argv, at, BEFORE_COMMAND, own);
    wrong ??= fault;
    // Put before the command, it would take that for its value.
    if (!isOwn && next > argv.length) throw new UsageError(`option '${words[0]}' argument missing`);
    helps ||= asksForHelp(words[0]);
    (isOwn ? rest : globals).push(...words);
    at = next;
  }
  if (wrong !== undefined && !helps) throw wrong;
  return { globals, command: command.name, rest };
}

function asAdded(option: OptionSpec): OptionSpec {
  return { ...option, added: true };
}

/** What a name that is no command's most likely means, to put after it; empty when it is like none. */
export function adviseCommand(name: string): string {
  if (/^(delete|destroy|rm|remove(?![_-]creds?$))/i.test(name)) {
    return (
      ': nothing is deleted. Credentials that are disabled and in no service are archived (docs/operations.md); ' +
      'remove_creds takes them away from a service'
    );
  }
  const names = COMMANDS.map((command) => command.name);
  const meant =
    (Object.hasOwn(MEANT_BY, name) ? MEANT_BY[name] : undefined) ?? similarTo(name.replaceAll('-', '_'), names, 1);
  return meant.length === 0 ? '' : `; did you mean ${meant.join(', ')}?`;
}

/** Words that other programs have for what is several commands here. */
const MEANT_BY: Readonly<Record<string, readonly string[] | undefined>> = {
  list: COMMANDS.map(({ name }) => name).filter((name) => name.startsWith('list_')),
  get: ['get_service', 'get_credential'],
};

/** The same for a program that has options only. Throws {@link UsageError} for one it does not have, too. */
export function spellOutOptions(argv: readonly string[], options: readonly OptionSpec[]): string[] {
  const spelled: string[] = [];
  const known = [...options, HELP];
  let wrong: UsageError | undefined;
  let helps = false;
  for (let at = 0; at < argv.length;) {
    const word = argv[at]!;
    const { words, next, fault }: ReadOption = isOption(word)
      ? readOption(argv, at, known)
      : { words: [word], next: at + 1 };
    if (isOption(word) && word !== '--' && matches(word, known).length === 0) wrong ??= unknownOption(word, known);
    wrong ??= fault;
    helps ||= asksForHelp(words[0]);
    spelled.push(...words);
    at = next;
  }
  if (wrong !== undefined && !helps) throw wrong;
  return spelled;
}

/** Where an option belongs that no program has, but a command. */
function placeOf(word: string): string {
  const isOfCommand = word.startsWith('--') && COMMANDS.some(({ options }) => matches(word, options).length > 0);
  return isOfCommand ? ': the options of a command stand after it' : '';
}

/** What helps with an option that does not exist. */
function asksForHelp(word: string | undefined): boolean {
  return word === '--help' || word === '-h';
}

/** Shows nothing of a value that is joined to the option: it may be a secret. `hint`: when no name is similar. */
function unknownOption(word: string, options: readonly OptionSpec[], hint = '', command?: string): UsageError {
  const typed = /^-+([\w-]*)/.exec(word)?.[1] ?? '';
  const similar = similarTo(typed, options.map(longName), 1)[0];
  const shown = word.startsWith('--') ? `--${typed.slice(0, 64)}` : word.slice(0, 2);
  const isOfOthers = (of: CommandSpec): boolean =>
    of.name !== command && of.options.some((each) => longName(each) === typed);
  const others = command === undefined || !word.startsWith('--') ? [] : COMMANDS.filter(isOfOthers);
  const guess = similar === undefined ? hint : `; did you mean --${similar}?`;
  const names = others.map(({ name }) => name).slice(0, 3);
  const advice = names.length === 0 ? guess : `; it is an option of ${names.join(', ')}`;
  return new UsageError(`unknown option '${shown}'${advice}`, command);
}

/** A lone dash is a value: standard input. */
function isOption(word: string): boolean {
  return word.startsWith('-') && word !== '-';
}

/** By its name; a dash for an underscore is forgiven. */
function findCommand(name: string): CommandSpec | undefined {
  return COMMANDS.find((command) => command.name === name.replaceAll('-', '_'));
}

interface ReadOption {
  words: string[];
  next: number;
  /** It needs a value, and the next option stands in its place. */
  fault?: UsageError;
}

/**
 * The option at `at` with its values, spelled out, and where the next word is. `others`: what may stand beside these
 * options. `command`: whose help lists it.
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
  const spelled = isLong ? `--${longName(option)}${word.includes('=') ? word.slice(word.indexOf('=')) : ''}` : word;
  const hasValue = isLong ? word.includes('=') : word.length > 2;
  const words = [spelled];
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
    // Only directly after the option is a word with a dash certain to be taken for its value.
    words.push(...(isOption(argv[next]!) ? [`--${longName(option)}`] : []), argv[next]!);
  }
  return { words, next };
}

/**
 * Whether a word can be the value of the option before it, not the next option. compat: argparse takes negative numbers,
 * and what has a space in it, for values.
 */
function isValue(word: string, options: readonly OptionSpec[]): boolean {
  if (!isOption(word) || /^-\d*\.?\d+$/.test(word)) return true;
  return /\s/.test(word) && !(word.startsWith('--') && matches(word, options).length > 0);
}

/** Does not show the word in its place: that may be a secret. */
function missingValue(name: string, command: string | undefined): UsageError {
  return new UsageError(
    `option '--${name}' needs a value, and an option follows; a value that begins with a dash is given as --${name}=VALUE`,
    command,
  );
}

/** The options a word can mean: one when it is exact; else the original's before ours. */
function matches(word: string, options: readonly OptionSpec[]): OptionSpec[] {
  if (!word.startsWith('--')) return options.filter((option) => shortName(option) === word[1]);
  const name = word.slice(2).split('=')[0]!;
  const exact = options.filter((option) => longName(option) === name);
  if (exact.length > 0) return exact;
  const fitting = options.filter((option) => longName(option).startsWith(name));
  const original = fitting.filter((option) => !option.added);
  return original.length > 0 ? original : fitting;
}
