import { PROGRAM } from './arguments/command-spec.js';
import { UsageError } from './arguments/errors.js';

/** Runs the command line. Resolves with the exit code; everything is printed by then. */
export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<number> {
  let command: string | undefined;
  try {
    const { parseArguments } = await import('./arguments/parse.js');
    const { COMMANDS } = await import('./commands/table.js');
    const request = parseArguments(argv, COMMANDS);
    if (request.kind === 'print') {
      process.stdout.write(request.text);
      return 0;
    }
    if (request.kind === 'no-command') {
      process.stderr.write(`${PROGRAM}: no command; ${PROGRAM} --help lists them\n`);
      // compat: the original's answer.
      process.stdout.write('{\n    "result": false\n}\n');
      return 1;
    }
    const { runCommand } = await import('./run.js');
    command = request.command.name;
    return await runCommand(request);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const help = [PROGRAM, error.command ?? command, '--help'].filter((word) => word !== undefined).join(' ');
    process.stderr.write(`${PROGRAM}: ${error.message}\n${PROGRAM}: see ${help}\n`);
    return 2;
  }
}
