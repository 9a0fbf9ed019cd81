/**
 * Runs a program's main function as this process: its exit code, and what belongs to a process that a person started.
 * An output that can not be written is told in one line, and ends it with 1.
 */
export async function runAsProgram(name: string, main: () => Promise<number>): Promise<void> {
  // What a library says to its programmers (a version of Node will end) is not for who runs this.
  process.removeAllListeners('warning');
  // A reader that has seen enough (`| head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`${name}: error: can not write to standard output (${error.code ?? 'failed'})\n`);
    process.exit(1);
  });
  process.exitCode = await main();
}
