/**
 * Resolves with the signal's name at the first SIGTERM or SIGINT, or with `disconnect` when the supervisor of this
 * process is gone. A second signal ends the process at once, with exit code 1.
 */
export function stopRequested(): Promise<string> {
  return new Promise((resolve) => {
    let requested = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (requested) process.exit(1);
        requested = true;
        resolve(signal);
      });
    }
    process.on('disconnect', () => resolve('disconnect'));
  });
}
