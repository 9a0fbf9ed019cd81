import { constants } from 'node:os';
import { ConfigError } from '../../sdk/errors.js';
import { shownSource, valueText, type Variable } from '../../text/variables.js';
import type { OutputFormat } from '../arguments/command-spec.js';
import { UsageError } from '../arguments/errors.js';
import type { Context } from '../context.js';
import { buildEnvironment, ownEnvironment } from '../environment/build.js';
import { requiredNames } from '../environment/check.js';
import { fetchVariables, variablesFingerprint, type Fetched } from '../environment/fetch.js';
import { success, type Outcome } from '../output/outcome.js';
import { renderValues } from '../output/render-values.js';
import { endAs, startChild } from '../process/child.js';
import { changedSources, runUntilDone } from '../process/watch.js';
import type { CommandOptions, Handlers } from './handler.js';

/** compat: the exit code of `env` when it could not run the command. */
const FAILED = 255;
/** The number of credentials that one line names. */
const MAX_CHANGED = 5;

export const handlers: Handlers<'env'> = { env: runEnv, run: runEnv };

type RunOptions = CommandOptions<'run'>;

async function runEnv(context: Context, options: RunOptions, words: readonly string[]): Promise<Outcome> {
  const profile = await context.configuration.profile();
  const { service } = options;
  if (profile.commandWrap && !options.wrapped) return runWrapped(context, profile.commandWrap);
  if (profile.commandSafetyRegex && !options.force && (await isUnsafe(profile.commandSafetyRegex, service))) {
    const message = profile.commandSafetyMessage ?? `${service} matches command_safety_regex`;
    context.log.error(`${message} (--force runs the command anyway)`);
    return { exitCode: FAILED };
  }
  const format = context.globals.output;
  const hasCommand = words.length > 0;
  if (format !== undefined && hasCommand)
    throw new UsageError('--output prints the variables and cannot be used with a command');
  const fetched = await fetchVariables(context, options, words);
  const { variables, undecrypted } = fetched;
  logWarnings(context, fetched);
  if (undecrypted.length > 0)
    context.log.info(`blind credentials are left out without --blind: ${undecrypted.join(', ')}`);
  if (format !== undefined) return printVariables(context, options, format, variables);
  if (!hasCommand) {
    context.log.info('there is no command to run (--output shell prints the variables)');
    return { exitCode: 0 };
  }
  // From here on the terminal belongs to the command.
  context.progress.stop();
  const start = (now: readonly Variable[]) => startChild(words, buildEnvironment(now, options));
  if (!options.watch) return { exitCode: endAs(await runUntilDone(() => start(variables))) };
  return { exitCode: endAs(await watch(context, options, words, fetched, start)) };
}

/** compat: runs `<the words of command_wrap> confidant … env --wrapped …`, and ends with its exit code. */
async function runWrapped(context: Context, wrap: string): Promise<Outcome> {
  const { before, command, after } = context.argv;
  const words = [...splitWords(wrap), process.argv[1] ?? 'confidant', ...before, command, '--wrapped', ...after];
  return { exitCode: endAs(await runUntilDone(() => startChild(words, ownEnvironment()))) };
}

function watch(
  context: Context,
  options: RunOptions,
  words: readonly string[],
  first: Fetched,
  start: (variables: readonly Variable[]) => ReturnType<typeof startChild>,
): ReturnType<typeof runUntilDone> {
  const signal = options.watchSignal;
  if (signal !== undefined && !Object.hasOwn(constants.signals, signal)) {
    throw new UsageError(`--watch-signal must be a signal like SIGHUP, not ${signal}`);
  }
  let current = first;
  return runUntilDone(() => start(current.variables), {
    intervalMs: options.watchInterval * 1000,
    ...(signal !== undefined && { signal: signal as NodeJS.Signals }),
    log: context.log,
    lookForChange: async () => {
      const client = await context.connections.client();
      const seen = await client.getService(options.service, { metadataOnly: true });
      if (variablesFingerprint(seen, options) === current.fingerprint) return undefined;
      const before = current;
      current = await fetchVariables(context, options, words, { mayWait: true });
      const sources = changedSources(before.variables, current.variables).map(shownSource);
      if (sources.length === 0) {
        context.log.debug('the new revisions set the same variables');
        return undefined;
      }
      logWarnings(context, current);
      const more = sources.length - MAX_CHANGED;
      return `${sources.slice(0, MAX_CHANGED).join(', ')}${more > 0 ? ` and ${more} more` : ''} changed`;
    },
  });
}

function logWarnings({ log }: Context, { warnings }: Fetched): void {
  for (const warning of warnings) log.warning(warning);
}

function printVariables(
  context: Context,
  options: RunOptions,
  format: OutputFormat,
  variables: readonly Variable[],
): Outcome {
  if (format === 'id' || format === 'table') throw new UsageError(`--output ${format} cannot be used here`);
  if (format === 'json' || format === 'yaml') {
    return success({ variables: Object.fromEntries(variables.map(({ name, value }) => [name, valueText(value)])) });
  }
  return { exitCode: 0, text: renderValues(variables, format, context.log, requiredNames(options)) };
}

/** compat: searched anywhere in the name. Uses RE2, which cannot be made to hang. Rejects with ConfigError. */
async function isUnsafe(pattern: string, service: string): Promise<boolean> {
  const { RE2JS } = await import('re2js');
  try {
    return RE2JS.compile(pattern).matcher(service).find();
  } catch {
    throw new ConfigError(['command_safety_regex is not a valid RE2 regular expression (RE2 has no lookarounds)']);
  }
}

/** Splits words as a POSIX shell does, without expansions. Throws ConfigError for a quote that is not closed. */
function splitWords(line: string): string[] {
  const words: string[] = [];
  const token = /\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+)/gsy;
  const trimmed = line.trimEnd();
  while (token.lastIndex < trimmed.length) {
    const match = token.exec(trimmed);
    if (match === null) throw new ConfigError(['command_wrap has an unclosed quote']);
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
