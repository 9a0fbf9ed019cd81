import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { aclCommands } from './acl.js';
import { archiveCommands } from './archive.js';
import { bootstrapCommands } from './bootstrap.js';
import { grantCommands } from './grants.js';
import { loginLinkCommand } from './login-link.js';
import { type AdminContext, AdminError, type CommandGroup } from './command.js';

/** The commands: a new group is one more of these. */
const GROUPS: readonly CommandGroup[] = [
  aclCommands,
  archiveCommands,
  bootstrapCommands,
  grantCommands,
  loginLinkCommand,
];

/** Letters by which the name of a command is known. */
const MIN_PART = 3;

/** Runs `confidant-admin` and resolves with its exit code: 2 for a mistake in the command line, 1 for a failure. */
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
    .description('Administers a Confidant server. It reads the settings of the server from the environment.')
    .version(`confidant-admin ${version()}`, '--version', 'print name and version')
    .exitOverride()
    .configureOutput({ writeOut: context.out, writeErr: context.err });
  for (const group of GROUPS) group(program, context);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has told what is wrong, or shown the help that was asked for.
      if (error.exitCode === 0) return 0;
      if (error.code !== 'commander.help') context.err(adviceFor(error, program));
      return 2;
    }
    context.err(`${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof AdminError ? error.exitCode : 1;
  }
}

/**
 * `confidant-admin` as this process. What it does goes on to its end also when its output can not be written, which is
 * told in one line and as exit code 1; a reader that has seen enough (`| head`) is no failure.
 */
export async function runAdmin(): Promise<void> {
  let isTold = false;
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE' || isTold) return;
    isTold = true;
    process.stderr.write(`confidant-admin: can not write to standard output (${code ?? 'failed'})\n`);
    process.exitCode = 1;
  });
  const exitCode = await adminMain(process.argv.slice(2));
  if (exitCode !== 0) process.exitCode = exitCode;
}

/** Commander itself suggests nothing for the beginning of a name. */
function adviceFor({ code, message }: CommanderError, program: Command): string {
  const typed = /'(.{1,64})'/s.exec(code === 'commander.unknownCommand' ? message : '')?.[1];
  const isTold = message.includes('Did you mean');
  const names = program.commands.map((command) => command.name());
  const meant = typed === undefined || isTold ? [] : names.filter((name) => name.startsWith(typed.slice(0, MIN_PART)));
  return `${meant.length === 0 ? '' : `(Did you mean ${meant.join(' or ')}?)\n`}see confidant-admin --help\n`;
}

function version(): string {
  return (createRequire(import.meta.url)('../../package.json') as { version: string }).version;
}
