import { COMMANDS } from './command-table.js';
import { similarTo } from './similar.js';
import { GLOBAL_OPTIONS, longName, shortName, takesValue, takesValues } from './spec.js';
import type { CommandSpec, OptionSpec } from './spec.js';
import { UsageError } from './usage-error.js';

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
 * {@link UsageError} for an ambiguous one, and a global one after the command without its value; all else is left for
 * commander to report.
 */
export function spellOut(argv: readonly string[]): SpelledOut {
  const globals: string[] = [];
  let at = 0;
  while (at < argv.length && isOption(argv[at]!) && argv[at] !== '--') {
    const { words, next } = readOption(argv, at, BEFORE_COMMAND);
    globals.push(...words);
    at = next;
  }
  const name = argv[at];
  const command = name === undefined ? undefined : findCommand(name);
  if (command === undefined) return { globals, command: name, rest: argv.slice(at + 1) };
  const own = [...command.options, HELP];
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
    const { words, next } = isOwn ? readOption(argv, at, own, command.name) : readOption(argv, at, BEFORE_COMMAND);
    // Put before the command, it would take that for its value.
    if (!isOwn && next > argv.length) throw new UsageError(`option '${words[0]}' argument missing`);
    (isOwn ? rest : globals).push(...words);
    at = next;
  }
  return { globals, command: command.name, rest };
}

/** The command that a mistyped name most likely means. */
export function similarCommand(name: string): string | undefined {
  const names = COMMANDS.map((command) => command.name);
  return similarTo(name.replaceAll('-', '_'), names, 1)[0];
}

/** The same for a program that has options only. */
export function spellOutOptions(argv: readonly string[], options: readonly OptionSpec[]): string[] {
  const spelled: string[] = [];
  for (let at = 0; at < argv.length;) {
    const { words, next } = isOption(argv[at]!)
      ? readOption(argv, at, [...options, HELP])
      : { words: [argv[at]!], next: at + 1 };
    spelled.push(...words);
    at = next;
  }
  return spelled;
}

/** A lone dash is a value: standard input. */
function isOption(word: string): boolean {
  return word.startsWith('-') && word !== '-';
}

/** By its name; a dash for an underscore is forgiven. */
function findCommand(name: string): CommandSpec | undefined {
  return COMMANDS.find((command) => command.name === name.replaceAll('-', '_'));
}

/** The option at `at` with its values, spelled out, and where the next word is. `command`: whose help lists it. */
function readOption(
  argv: readonly string[],
  at: number,
  options: readonly OptionSpec[],
  command?: string,
): { words: string[]; next: number } {
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
  let next = at + 1;
  if (takesValue(option) && !hasValue) next += 1;
  if (takesValues(option)) while (next < argv.length && !isOption(argv[next]!)) next += 1;
  return { words: [spelled, ...argv.slice(at + 1, next)], next };
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
