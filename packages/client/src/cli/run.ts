import { ConfidantError, ConfigError } from '../sdk/errors.js';
import { NotRunnable } from './process/child.js';
import { Context } from './context.js';
import { Given } from './arguments/options.js';
import { UnknownOutcome } from './changes/unknown-outcome.js';
import { openLog, visible, type Log, type LogLevel } from './terminal/log.js';
import { failure, render, type Handler, type Outcome } from './output/outcome.js';
import type { Request } from './arguments/parse.js';
import { Interrupted } from './terminal/prompt.js';
import { adviseUnauthorized } from './failures/advise-unauthorized.js';
import { PROGRAM, type CommandSpec, type OutputFormat } from './arguments/command-spec.js';
import { UsageError, CommandError } from './arguments/errors.js';

/** Runs one command and prints its answer. Resolves with the exit code. Rejects with {@link UsageError} only. */
export async function runCommand({
  command,
  globals,
  values,
  words,
  before,
  after,
}: Extract<Request, { kind: 'run' }>): Promise<number> {
  const given = new Given(values, words);
  const options = new Given(globals);
  const log = openLog(options.text('log-level') as LogLevel, PROGRAM);
  const context = new Context(options, log, { before, command: command.name, after });
  try {
    const outcome = await (await load(command))(context, given);
    await print(outcome, (options.text('output') ?? 'json') as OutputFormat, given, log);
    return outcome.exitCode;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    // Like `env`, --key prints for another program: it must not take an error for a value.
    const bare = given.text('key') === undefined ? command.failure?.exitCode : 1;
    const code = await fail(error, command, bare, options.text('output'), log);
    await adviseUnauthorized(context, error instanceof UnknownOutcome ? error.cause : error);
    return code;
  } finally {
    await context.close();
  }
}

const MODULES: Record<CommandSpec['module'], () => Promise<{ handlers: Record<string, Handler> }>> = {
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

async function load(command: CommandSpec): Promise<Handler> {
  const { handlers } = await MODULES[command.module]();
  return handlers[command.name]!;
}

async function print({ body, text }: Outcome, format: OutputFormat, given: Given, log: Log): Promise<void> {
  const printed =
    text ?? (body === undefined ? '' : await render(body, format, { prefix: given.text('prefix') ?? '', log }));
  // What others wrote must not steer a person's terminal; a file or another program gets it as it is.
  process.stdout.write(process.stdout.isTTY ? visible(printed) : printed);
}

/** compat: recorded without an `error` on standard output: refused proof, and every command for blind credentials. */
function isBare(error: unknown, command: CommandSpec): boolean {
  if (error instanceof CommandError) return false;
  return command.module === 'blind' || (error instanceof ConfidantError && error.status === 401);
}

/**
 * compat: exit 1 with `{"result": false}`, nothing for a bad configuration; `env` answers 255. `bare` is the exit code of
 * a command that prints nothing after a failure.
 */
async function fail(
  error: unknown,
  command: CommandSpec,
  bare: number | undefined,
  output: string | undefined,
  log: Log,
): Promise<number> {
  if (error instanceof Interrupted) return 130;
  // Loaded only now: most commands fail seldom, and some need nothing of KMS.
  const { describeError, failureBody } = await import('./failures/describe-error.js');
  if (error instanceof NotRunnable) {
    log.error(error.message);
    return error.exitCode;
  }
  log.error(describeError(error));
  // Where it happened, without the message: that may quote anything.
  if (error instanceof Error) log.debug(/(\n +at .*)+$/.exec(error.stack ?? '')?.[0].trim() ?? error.name);
  if (error instanceof ConfigError) {
    log.error(`see ${PROGRAM} --help`);
    return 1;
  }
  if (bare !== undefined) return bare;
  const outcome = failure(isBare(error, command) ? {} : failureBody(error));
  await print(outcome, (output ?? 'json') as OutputFormat, new Given({}), log);
  return outcome.exitCode;
}
