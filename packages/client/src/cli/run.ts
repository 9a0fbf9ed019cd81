import { ConfidantError, ConfigError } from '../sdk/errors.js';
import { PROGRAM, type CommandSpec, type OutputFormat } from './arguments/command-spec.js';
import { CommandError, UsageError } from './arguments/errors.js';
import { readGlobals } from './arguments/read-globals.js';
import { toOptions } from './arguments/options.js';
import type { Request } from './arguments/parse.js';
import { UnknownOutcome } from './changes/unknown-outcome.js';
import type { Handlers } from './commands/handler.js';
import { Context } from './context.js';
import { adviseUnauthorized } from './failures/advise-unauthorized.js';
import { failure, type Outcome } from './output/outcome.js';
import { render } from './output/render.js';
import { NotRunnable } from './process/child.js';
import { openLog, visible, type Log } from './terminal/log.js';
import { Interrupted } from './terminal/prompt.js';

/** Runs one command and prints its result. Resolves with the exit code. Rejects with {@link UsageError} only. */
export async function runCommand({
  command,
  globals: globalValues,
  values,
  words,
  before,
  after,
}: Extract<Request, { kind: 'run' }>): Promise<number> {
  // What several commands have, and printing depends on.
  const { key, prefix = '' } = values as { key?: string; prefix?: string };
  const globals = readGlobals(globalValues);
  const log = openLog(globals.logLevel, PROGRAM);
  const context = new Context(globals, log, { before, command: command.name, after });
  const format = globals.output ?? 'json';
  try {
    const run = await load(command);
    const outcome = await run(context, toOptions(command.options, values), words);
    await print(outcome, format, prefix, log);
    return outcome.exitCode;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    // Like `env`, --key prints for another program, which must not take an error for a value.
    const bare = key === undefined ? command.failure?.exitCode : 1;
    const code = await fail(error, command, bare, format, log);
    await adviseUnauthorized(context, error instanceof UnknownOutcome ? error.cause : error);
    return code;
  } finally {
    await context.close();
  }
}

const MODULES: { readonly [Module in CommandSpec['module']]: () => Promise<{ handlers: Handlers<Module> }> } = {
  services: () => import('./commands/services.js'),
  credentials: () => import('./commands/credentials.js'),
  blind: () => import('./commands/blind.js'),
  certificates: () => import('./commands/certificates.js'),
  history: () => import('./commands/history.js'),
  env: () => import('./commands/env.js'),
  token: () => import('./commands/token.js'),
  login: () => import('./commands/login.js'),
  completion: () => import('./commands/completion.js'),
};

/** A handler without the types of its options, which {@link Handlers} checks against the specs. */
type AnyHandler = (context: Context, options: unknown, words: readonly string[]) => Promise<Outcome>;

async function load(command: CommandSpec): Promise<AnyHandler> {
  const { handlers } = await MODULES[command.module]();
  return (handlers as unknown as Readonly<Record<string, AnyHandler>>)[command.name]!;
}

async function print({ body, text }: Outcome, format: OutputFormat, prefix: string, log: Log): Promise<void> {
  const printed = text ?? (body === undefined ? '' : await render(body, format, { prefix, log }));
  // Text that others wrote must not steer a person's terminal; a file or another program gets it as it is.
  process.stdout.write(process.stdout.isTTY ? visible(printed) : printed);
}

/** compat: the recordings have no `error` on standard output for refused proof and for commands on blind credentials. */
function isBare(error: unknown, command: CommandSpec): boolean {
  if (error instanceof CommandError) return false;
  return command.module === 'blind' || (error instanceof ConfidantError && error.status === 401);
}

/**
 * Reports a failure. compat: exit 1 with `{"result": false}`, and without output for a bad configuration; `env` exits
 * with 255. `bare` is the exit code of a command that prints nothing after a failure.
 */
async function fail(
  error: unknown,
  command: CommandSpec,
  bare: number | undefined,
  format: OutputFormat,
  log: Log,
): Promise<number> {
  if (error instanceof Interrupted) return 130;
  // Loaded only now: most commands do not fail, and some need nothing of KMS.
  const { describeError, failureBody } = await import('./failures/describe-error.js');
  if (error instanceof NotRunnable) {
    log.error(error.message);
    return error.exitCode;
  }
  log.error(describeError(error));
  // The stack without the message, which may quote anything.
  if (error instanceof Error) log.debug(/(\n +at .*)+$/.exec(error.stack ?? '')?.[0].trim() ?? error.name);
  if (error instanceof ConfigError) {
    log.error(`see ${PROGRAM} --help`);
    return 1;
  }
  if (bare !== undefined) return bare;
  const outcome = failure(isBare(error, command) ? {} : failureBody(error));
  await print(outcome, format, '', log);
  return outcome.exitCode;
}
