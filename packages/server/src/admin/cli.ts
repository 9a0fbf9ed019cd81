import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { aclCommands } from './acl.js';
import { archiveCommands } from './archive.js';
import { bootstrapCommands } from './bootstrap.js';
import { grantCommands } from './grants.js';
import { loginLinkCommand } from './login-link.js';
import { type AdminContext, AdminError, type CommandGroup } from './command.js';

/** Every group of commands. */
const GROUPS: readonly CommandGroup[] = [
  aclCommands,
  archiveCommands,
  bootstrapCommands,
  grantCommands,
  loginLinkCommand,
];

/** Number of first letters that a suggested command shares with the unknown one. */
const SUGGESTED_BY = 3;

/** Runs one command. Resolves with the exit code: 0 when all was done, 1 for a failure, 2 for a mistake in `args`. */
export async function adminMain(
  args: readonly string[],
  surroundings: Partial<Omit<AdminContext, 'exitCode'>> = {},
): Promise<number> {
  const context: AdminContext = {
    environment: process.env,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    ...surroundings,
    exitCode: 0,
  };
  const program = new Command('confidant-admin')
    .description('Administers a Confidant server. Settings are read from the environment, as the server reads them.')
    .version(`confidant-admin ${version()}`, '--version', 'print name and version')
    .exitOverride()
    .configureOutput({ writeOut: context.out, writeErr: context.err });
  for (const group of GROUPS) group(program, context);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed the error or the help itself.
      if (error.exitCode === 0) return 0;
      if (error.code !== 'commander.help') context.err(adviceFor(error, program));
      return 2;
    }
    context.err(`${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof AdminError ? error.exitCode : 1;
  }
}

/**
 * Runs `confidant-admin` as this process, and sets its exit code. When its output cannot be written, the command still
 * does all of its work, reports the problem in one line, and exits with 1. A reader that closes the pipe (`| head`) is
 * not a problem.
 */
export async function runAdmin(): Promise<void> {
  let reported = false;
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE' || reported) return;
    reported = true;
    process.stderr.write(`confidant-admin: cannot write to standard output (${code ?? 'failed'})\n`);
    process.exitCode = 1;
  });
  const exitCode = await adminMain(process.argv.slice(2));
  if (exitCode !== 0) process.exitCode = exitCode;
}

/** Suggests commands that begin like an unknown one, which Commander does not. */
function adviceFor({ code, message }: CommanderError, program: Command): string {
  const typed = /'(.{1,64})'/s.exec(code === 'commander.unknownCommand' ? message : '')?.[1];
  const isSuggested = message.includes('Did you mean');
  const names = program.commands.map((command) => command.name());
  const similar =
    typed === undefined || isSuggested ? [] : names.filter((name) => name.startsWith(typed.slice(0, SUGGESTED_BY)));
  return `${similar.length === 0 ? '' : `(Did you mean ${similar.join(' or ')}?)\n`}see confidant-admin --help\n`;
}

function version(): string {
  return (createRequire(import.meta.url)('../../package.json') as { version: string }).version;
}
