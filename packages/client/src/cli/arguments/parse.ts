import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { MAX_SECONDS } from '../../sdk/config/limits.js';
import { adviseCommand, expandArguments } from './expand.js';
import { fullHelp, programHelp } from './help.js';
import { assertOutputFits } from './output-formats.js';
import {
  PROGRAM,
  attributeOf,
  longName,
  takesValues,
  type CommandSpec,
  type OptionSpec,
  type OutputFormat,
} from './command-spec.js';
import { GLOBAL_OPTIONS } from './global-options.js';
import { UsageError } from './errors.js';

/** What the arguments ask for. */
export type Request =
  | {
      kind: 'run';
      command: CommandSpec;
      globals: Values;
      values: Values;
      words: readonly string[];
      /** The arguments before and after the command, with the full names of their options. */
      before: readonly string[];
      after: readonly string[];
    }
  | { kind: 'no-command' }
  | { kind: 'print'; text: string };

type Values = Readonly<Record<string, unknown>>;

/** Reads arguments (without node and script) for these commands. Throws {@link UsageError} for wrong ones. */
export function parseArguments(argv: readonly string[], commands: readonly CommandSpec[]): Request {
  let request: Request | undefined;
  const { globals, command: name, rest } = expandArguments(argv, commands);
  if (name === 'help') {
    return rest[0] === 'all'
      ? allHelp(commands)
      : parseArguments([...globals, ...rest.slice(0, 1), '--help'], commands);
  }
  if (name !== undefined && !commands.some((command) => command.name === name)) {
    throw new UsageError(`there is no command ${name}${adviseCommand(name, commands)}`);
  }
  const needed = commands.filter((command) => command.name === name);
  const program = buildProgram(needed, (command, values, words) => {
    assertOutputFits(command, program.opts<{ output?: OutputFormat }>().output, values);
    request = { kind: 'run', command, globals: program.opts(), values, words, before: globals, after: rest };
  });
  let printed = '';
  let complaint = '';
  const capture = { writeOut: (text: string) => (printed += text), writeErr: (text: string) => (complaint += text) };
  let isGlobal = false;
  for (const command of [program, ...program.commands]) {
    command.configureOutput(capture).exitOverride((error) => {
      isGlobal = command === program;
      throw error;
    });
  }
  program.helpInformation = () => programHelp(commands);
  try {
    program.parse([...globals, ...(name === undefined ? [] : [name]), ...rest], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'print', text: printed };
    // The help of the program explains the global options.
    throw new UsageError(describeComplaint(complaint), isGlobal ? undefined : name);
  }
  return request ?? { kind: 'no-command' };
}

/** Name and version, as `--version` prints them. */
export function versionText(program: string): string {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return `${program} ${version}`;
}

/** Commander's complaint without the value of an unknown option, which may be a secret. */
export function describeComplaint(complaint: string): string {
  return complaint
    .replace(/^error: /, '')
    .replace(/('--[^=']*)=.*'/s, "$1'")
    .trim();
}

type Selected = (command: CommandSpec, values: Values, words: readonly string[]) => void;

/** Builds commander's program with `commands`; building only the one that runs saves most of the time. */
function buildProgram(commands: readonly CommandSpec[], selected: Selected): Command {
  const program = new Command(PROGRAM)
    .description('Fetches and changes secrets kept by a Confidant server.')
    .version(versionText(PROGRAM), '--version', 'print name and version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .enablePositionalOptions()
    .usage('[global options] COMMAND [options]')
    .action(() => undefined);
  for (const option of GLOBAL_OPTIONS) program.addOption(toOption(option));
  for (const spec of commands) program.addCommand(buildCommand(spec, selected));
  return program;
}

function allHelp(commands: readonly CommandSpec[]): Request {
  const program = buildProgram(commands, () => undefined);
  const of = (command: Command): string => command.helpInformation();
  // The list of commands repeats what their own help says.
  const text = fullHelp(of(program).replace(/\nCommands:\n[^]*$/, ''), program.commands.map(of));
  return { kind: 'print', text };
}

function buildCommand(spec: CommandSpec, selected: Selected): Command {
  const command = new Command(spec.name)
    .description(spec.summary)
    .helpOption('-h, --help', 'print this help')
    .allowExcessArguments(false);
  for (const option of spec.options) command.addOption(withConflicts(toOption(option), option, spec));
  if (spec.takesCommand) command.argument('[command...]', 'command to run, preferably after --').passThroughOptions();
  if (spec.words !== undefined) command.argument(spec.words);
  const needed = (spec.exclusive ?? []).filter(({ required }) => required);
  if (needed.length > 0) {
    command.addHelpText('after', `\n${needed.map(({ of }) => `One of ${namesOf(of)} is required.`).join('\n')}`);
  }
  const examples = spec.examples.map((example) => `  ${PROGRAM} ${example}`).join('\n');
  command.addHelpText(
    'after',
    `\nExamples:\n${examples}\n\n${PROGRAM} --help lists the global options; you can give them here too.\n`,
  );
  const isGiven = (name: string): boolean => command.getOptionValueSource(attributeNamed(spec, name)) === 'cli';
  return command.action(() => {
    for (const option of spec.options) {
      if (option.needs !== undefined && isGiven(longName(option)) && !isGiven(option.needs)) {
        throw new UsageError(`--${longName(option)} needs --${option.needs}`, spec.name);
      }
    }
    for (const { of, required } of spec.exclusive ?? []) {
      if (required && !of.some(isGiven)) {
        const isRenamed = of.includes('id') && command.getOptionValueSource('name') === 'cli';
        const hint = isRenamed ? ', because --name is the new name' : '';
        throw new UsageError(`one of ${namesOf(of)} is required${hint}`, spec.name);
      }
    }
    selected(spec, command.opts(), command.args);
  });
}

function namesOf(options: readonly string[]): string {
  return options.map((name) => `--${name}`).join(', ');
}

export function toOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags, `${spec.text}${spec.required ? ' (required)' : ''}`);
  if (spec.required) option.makeOptionMandatory();
  if (spec.choices !== undefined) option.choices(spec.choices);
  if (spec.fallback !== undefined) option.default(spec.fallback);
  const expected = spec.kind === undefined || spec.kind === 'json' ? undefined : NUMBERS[spec.kind];
  if (expected !== undefined) {
    option.argParser((text) => {
      const value = Number(text);
      if (!/^\d+(\.\d+)?$/.test(text) || !expected.fits(value))
        throw new InvalidArgumentError(`It must be ${expected.text}.`);
      return value;
    });
  }
  if (takesValues(spec) && spec.choices === undefined) {
    option.argParser((word, before: string[] | undefined) => [...(before ?? []), word]);
  }
  return option;
}

const NUMBERS = {
  whole: { text: 'a whole number, 1 or more', fits: (value: number) => Number.isSafeInteger(value) && value >= 1 },
  count: { text: 'a whole number, 0 or more', fits: (value: number) => Number.isSafeInteger(value) },
  seconds: {
    text: `a number above 0, at most ${MAX_SECONDS}`,
    fits: (value: number) => value > 0 && value <= MAX_SECONDS,
  },
  version: { text: '1 or 2', fits: (value: number) => value === 1 || value === 2 },
};

function withConflicts(option: Option, spec: OptionSpec, command: CommandSpec): Option {
  const name = longName(spec);
  for (const { of } of command.exclusive ?? []) {
    if (of.includes(name))
      option.conflicts(of.filter((other) => other !== name).map((other) => attributeNamed(command, other)));
  }
  return option;
}

/** Commander's name of the option with this long name. */
function attributeNamed(command: CommandSpec, name: string): string {
  return attributeOf(command.options.find((option) => longName(option) === name)!);
}
