import { constants } from 'node:os';
import type { ServiceBody } from '@confidant/contract';
import { isDangerousVariable } from '../../text/dangerous-variables.js';
import {
  conflictsOf,
  fitsVariable,
  isShellName,
  shellQuote,
  shownName,
  shownSource,
  valueText,
  variableName,
  variablesOf,
  type Variable,
} from '../../text/variables.js';
import { ConfigError } from '../../sdk/errors.js';
import { endAs, startChild } from '../process/child.js';
import type { Context } from '../context.js';
import type { Given } from '../arguments/options.js';
import { fetchService } from '../offline-copy.js';
import { renderValues, sourcesOf, success, type Handler, type Outcome } from '../output/outcome.js';
import type { OutputFormat } from '../arguments/command-spec.js';
import { UsageError, CommandError } from '../arguments/errors.js';
import { changedSources, fingerprintOf, runUntilDone } from '../process/watch.js';
import { decryptBlind } from './services.js';

/** compat: the command is not to act with the credentials this process used. */
const REMOVED = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SECURITY_TOKEN', 'AWS_SESSION_TOKEN'];
/** compat: the exit code of `env` when it could not run the command. */
const FAILED = 255;
/** With --strict: the value of a variable that says "this comes from Confidant". */
const PLACEHOLDER = 'confidant';
const MAX_COMPLAINTS = 20;
/** Credentials that one line names. */
const MAX_CHANGED = 5;
/** What Linux takes in `name=value`, without the NUL at its end, and in the environment and the arguments together. */
const MAX_VARIABLE_BYTES = 131_071;
const MAX_ENVIRONMENT_BYTES = 2 * 1024 * 1024;
/** The NUL at the end of each, and the pointer to it. */
const OVERHEAD_BYTES = 9;

export const handlers: Record<string, Handler> = { env: runEnv, run: runEnv };

async function runEnv(context: Context, given: Given): Promise<Outcome> {
  const profile = await context.configuration.profile();
  const service = given.needed('service');
  if (profile.commandWrap && !given.flag('wrapped')) return runWrapped(context, profile.commandWrap);
  if (profile.commandSafetyRegex && !given.flag('force') && (await isUnsafe(profile.commandSafetyRegex, service))) {
    const message = profile.commandSafetyMessage ?? `${service} matches command_safety_regex`;
    context.log.error(`${message} (--force goes on all the same)`);
    return { exitCode: FAILED };
  }
  const format = context.globals.text('output') as OutputFormat | undefined;
  const hasCommand = given.words.length > 0;
  if (format !== undefined && hasCommand) throw new UsageError('--output prints the variables: it takes no command');
  const fetched = await fetchVariables(context, given);
  const { variables, leftOut } = fetched;
  warn(context, fetched);
  if (leftOut.length > 0) context.log.info(`left out without --blind: ${leftOut.join(', ')}`);
  if (format !== undefined) return printVariables(context, given, format, variables);
  if (!hasCommand) {
    context.log.info('no command was given: nothing to run (--output shell prints the variables)');
    return { exitCode: 0 };
  }
  // From here on the terminal is the command's.
  context.progress.stop();
  const start = (now: readonly Variable[]) => startChild(given.words, environmentOf(given, now));
  if (!given.flag('watch')) return { exitCode: endAs(await runUntilDone(() => start(variables))) };
  return { exitCode: endAs(await watch(context, given, fetched, start)) };
}

/** compat: `<the words of command_wrap> confidant … env --wrapped …`, with the wrap's exit code. */
async function runWrapped(context: Context, wrap: string): Promise<Outcome> {
  const { before, command, after } = context.argv;
  const words = [...splitWords(wrap), process.argv[1] ?? 'confidant', ...before, command, '--wrapped', ...after];
  return { exitCode: endAs(await runUntilDone(() => startChild(words, ownEnvironment()))) };
}

function watch(
  context: Context,
  given: Given,
  first: Fetched,
  start: (variables: readonly Variable[]) => ReturnType<typeof startChild>,
): ReturnType<typeof runUntilDone> {
  const signal = given.text('watch-signal');
  if (signal !== undefined && !Object.hasOwn(constants.signals, signal)) {
    throw new UsageError(`--watch-signal must be a signal like SIGHUP, not ${signal}`);
  }
  let current = first;
  return runUntilDone(() => start(current.variables), {
    intervalMs: given.number('watch-interval')! * 1000,
    ...(signal === undefined ? {} : { signal: signal as NodeJS.Signals }),
    log: context.log,
    lookForChange: async () => {
      const client = await context.connections.client();
      const seen = await client.getService(given.needed('service'), { metadataOnly: true });
      if (fingerprintOf(chosen(seen, given)) === current.fingerprint) return undefined;
      const before = current;
      current = await fetchVariables(context, given, { mayWait: true });
      const sources = changedSources(before.variables, current.variables).map(shownSource);
      if (sources.length === 0) {
        context.log.debug('there are new revisions, which give the same variables');
        return undefined;
      }
      warn(context, current);
      const more = sources.length - MAX_CHANGED;
      return `what ${sources.slice(0, MAX_CHANGED).join(', ')}${more > 0 ? ` and ${more} more` : ''} gives changed`;
    },
  });
}

interface Fetched {
  variables: Variable[];
  /** The names of blind credentials that give no variables. */
  leftOut: string[];
  /** Changes when a credential does that is to give variables. */
  fingerprint: string;
  /** What is worth telling before they are used. */
  warnings: string[];
}

function warn({ log }: Context, { warnings }: Fetched): void {
  for (const warning of warnings) log.warning(warning);
}

/**
 * Throws {@link CommandError} when `--strict` or `--require` are not satisfied, and for what no environment can hold or
 * no credential is to set.
 */
async function fetchVariables(context: Context, given: Given, how: { mayWait?: boolean } = {}): Promise<Fetched> {
  const { service } = await fetchService(context, given.needed('service'), how);
  const fingerprint = fingerprintOf(chosen(service, given));
  if (given.flag('blind')) await decryptBlind(service, await context.connections.current());
  const variables = variablesOf(sourcesOf({ result: true, service: chosen(service, given) }), given.needed('prefix'));
  const warnings = [...emptiness(given, service, variables), ...checkNames(given, service, variables)];
  // Terraform takes the keys, and no environment.
  if (context.globals.text('output') !== 'tfvars') refuseDeciding(given, variables);
  const faulty = variables.find(({ name, value }) => !fitsVariable(name, value));
  if (faulty !== undefined) {
    throw new CommandError(
      `${JSON.stringify(faulty.name)} of ${shownName(faulty.source.name)} can not be an environment variable`,
    );
  }
  if (given.words.length > 0) refuseTooLarge(given, variables);
  return {
    variables,
    leftOut: given.flag('blind') ? [] : service.blind_credentials.map(({ name }) => name),
    fingerprint,
    warnings,
  };
}

/** Who may write a credential is not to run code wherever it is mapped. */
function refuseDeciding(given: Given, variables: readonly Variable[]): void {
  const allowed = requiredNames(given);
  const refused = variables.filter(({ name }) => isDangerousVariable(name) && !allowed.includes(name));
  if (refused.length === 0) return;
  const lines = refused.map(({ name, source }) => {
    const allowing = `--require ${shellQuote(shownName(name))} allows it, if it is meant`;
    return `${shownName(name)} of ${shownSource(source)} decides what programs load: ${allowing}`;
  });
  throw new CommandError(lines.slice(0, MAX_COMPLAINTS).join('\n'));
}

/** Before a command that runs is stopped for one that could not be started. Throws {@link CommandError}. */
function refuseTooLarge(given: Given, variables: readonly Variable[]): void {
  const sizeOf = (name: string, value: string): number => Buffer.byteLength(name) + 1 + Buffer.byteLength(value);
  for (const { name, value, source } of variables) {
    const size = sizeOf(name, valueText(value));
    if (size <= MAX_VARIABLE_BYTES) continue;
    throw new CommandError(
      `${shownName(name)} of ${shownSource(source)} is too large for an environment variable: ` +
        `${size} bytes with its name, ${MAX_VARIABLE_BYTES} at most`,
    );
  }
  const sizes = [
    ...Object.entries(environmentOf(given, variables)).map(([name, value]) => sizeOf(name, value)),
    ...given.words.map((word) => Buffer.byteLength(word)),
  ];
  const total = sizes.reduce((sum, size) => sum + size + OVERHEAD_BYTES, 0);
  if (total > MAX_ENVIRONMENT_BYTES) {
    throw new CommandError(
      `the environment and arguments of the command have ${total} bytes, ${MAX_ENVIRONMENT_BYTES} at most: ` +
        `${given.needed('service')} gives ${variables.length} variables`,
    );
  }
}

function requiredNames(given: Given): string[] {
  return (given.text('require') ?? '').split(',').filter((name) => name !== '');
}

/** compat: blind credentials give no variables unless asked for. */
function chosen(service: ServiceBody, given: Given): ServiceBody {
  return given.flag('blind') ? service : { ...service, blind_credentials: [] };
}

/** Says that there are no variables, and why: a command without its secrets fails later, and elsewhere. */
function emptiness(
  given: Given,
  { credentials, blind_credentials: blinds }: ServiceBody,
  { length }: readonly Variable[],
): string[] {
  if (length > 0) return [];
  const reason =
    credentials.length === 0 && blinds.length === 0
      ? 'nothing is mapped to it'
      : credentials.length === 0 && !given.flag('blind')
        ? 'only blind credentials are mapped to it (--blind opens them)'
        : 'the server shows no values of what is mapped to it';
  return [`${given.needed('service')} gives no variables: ${reason}`];
}

/** Answers what is worth a warning. Throws {@link CommandError} for what `--strict` or `--require` do not allow. */
function checkNames(given: Given, fetched: ServiceBody, variables: readonly Variable[]): string[] {
  const names = new Set(variables.map(({ name }) => name));
  const wanted = requiredNames(given);
  const isStrict = given.flag('strict');
  if (isStrict) wanted.push(...Object.keys(process.env).filter((name) => process.env[name] === PLACEHOLDER));
  const missing = wanted.filter((name) => !names.has(name));
  const service = given.needed('service');
  if (missing.length > 0) {
    const absent = [...new Set(missing)];
    const advice = absent.flatMap((name) => adviceFor(name, given, fetched, names));
    throw new CommandError([`${service} gives no ${absent.join(', ')}`, ...advice].join('\n'));
  }
  const complaints = [
    ...conflictsOf(variables).map(
      ({ name, source }) => `${shownName(name)} is given twice; ${shownSource(source)} counts`,
    ),
    ...variables
      .filter(({ key, name }) => isStrict && !(isShellName(key) && isShellName(name)))
      .map(({ name }) => `${shownName(name)} is no variable name`),
  ];
  if (isStrict && complaints.length > 0) throw new CommandError(complaints.join('\n'));
  return complaints;
}

/** Where a name is that was not given: in a blind credential, or under the prefix. */
function adviceFor(
  name: string,
  given: Given,
  { blind_credentials: blinds }: ServiceBody,
  names: ReadonlySet<string>,
): string[] {
  const prefix = given.needed('prefix');
  const holder = blinds.find(({ credential_keys: keys }) => keys?.some((key) => variableName(prefix, key) === name));
  if (holder !== undefined && !given.flag('blind')) {
    return [`${name} is in the blind credential ${shownSource(holder)}: add --blind`];
  }
  const prefixed = variableName(prefix, name);
  return prefix !== '' && names.has(prefixed) ? [`${name} is given as ${prefixed}: --prefix '' leaves that out`] : [];
}

function printVariables(context: Context, given: Given, format: OutputFormat, variables: readonly Variable[]): Outcome {
  if (format === 'id' || format === 'table') throw new UsageError(`--output ${format} has no meaning here`);
  if (format === 'json' || format === 'yaml') {
    return success({ variables: Object.fromEntries(variables.map(({ name, value }) => [name, valueText(value)])) });
  }
  return { exitCode: 0, text: renderValues(variables, format, context.log, requiredNames(given)) };
}

function environmentOf(given: Given, variables: readonly Variable[]): Record<string, string> {
  const environment = given.flag('pristine') ? {} : ownEnvironment();
  for (const name of REMOVED) delete environment[name];
  for (const { name, value } of variables) environment[name] = valueText(value);
  return environment;
}

function ownEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}

/** compat: searched anywhere in the name. RE2's syntax: it can not be made to hang. Rejects with ConfigError. */
async function isUnsafe(pattern: string, service: string): Promise<boolean> {
  const { RE2JS } = await import('re2js');
  try {
    return RE2JS.compile(pattern).matcher(service).find();
  } catch {
    throw new ConfigError(['command_safety_regex is no regular expression that RE2 knows (it has no lookaround)']);
  }
}

/** Words as a POSIX shell splits them, without expansions. Throws ConfigError for an open quote. */
function splitWords(line: string): string[] {
  const words: string[] = [];
  const token = /\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+)/gsy;
  const trimmed = line.trimEnd();
  while (token.lastIndex < trimmed.length) {
    const match = token.exec(trimmed);
    if (match === null) throw new ConfigError(['command_wrap has an open quote']);
    words.push(
      match[1]!.replace(
        /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs,
        (_, double?: string, single?: string, escaped?: string) =>
          double === undefined ? (single ?? escaped ?? '') : double.replace(/\\(["\\$`])/g, '$1'),
      ),
    );
  }
  return words;
}
