import { spawn } from 'node:child_process';

/** A browser that does not start says so at once; one that has started may run on for hours. */
const DECISION_MS = 3000;

/** The program that shows an address; undefined where there is no screen to show it on. */
function opener(): { program: string; before: readonly string[] } | undefined {
  const { BROWSER, DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (BROWSER) return { program: BROWSER, before: [] };
  if (process.platform === 'darwin') return { program: 'open', before: [] };
  // Unlike `start` it interprets nothing in the address.
  if (process.platform === 'win32') return { program: 'rundll32', before: ['url.dll,FileProtocolHandler'] };
  return DISPLAY || WAYLAND_DISPLAY ? { program: 'xdg-open', before: [] } : undefined;
}

/** Whether {@link openBrowser} has anything to try: there is a screen, or BROWSER names a program. */
export function hasBrowser(): boolean {
  return opener() !== undefined;
}

/** Shows an address in the person's browser: the program of BROWSER, or the system's. Answers whether one started. */
export function openBrowser(url: string): Promise<boolean> {
  const found = opener();
  if (found === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const child = spawn(found.program, [...found.before, url], { stdio: 'ignore', detached: true });
    const timer = setTimeout(() => resolve(true), DECISION_MS).unref();
    const decide = (started: boolean): void => {
      clearTimeout(timer);
      resolve(started);
    };
    child.once('error', () => decide(false)).once('exit', (code) => decide(code === 0));
    child.unref();
  });
}
