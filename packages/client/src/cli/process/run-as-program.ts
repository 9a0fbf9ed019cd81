/**
 * Runs a program's main function and sets the exit code of this process. If standard output cannot be written, it
 * prints one line on standard error and exits with 1; if its reader has gone, it exits with 0.
 */
export async function runAsProgram(name: string, main: () => Promise<number>): Promise<void> {
  // Warnings of libraries are for programmers, for example that support for a version of Node ends.
  process.removeAllListeners('warning');
  // A reader that stops early (`| head`) is not a failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`${name}: error: cannot write to standard output (${error.code ?? 'failed'})\n`);
    process.exit(1);
  });
  process.exitCode = await main();
}
