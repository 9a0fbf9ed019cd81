/** Runs a program's main function as this process: its exit code, and what belongs to a process that a person started. */
export async function runAsProgram(main: () => Promise<number>): Promise<void> {
  // What a library says to its programmers (a version of Node will end) is not for who runs this.
  process.removeAllListeners('warning');
  // A reader that has seen enough (`| head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  process.exitCode = await main();
}
