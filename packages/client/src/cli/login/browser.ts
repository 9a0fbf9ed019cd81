import { spawn } from 'node:child_process';

/** A browser that cannot start fails sooner than this; one that starts may run for hours. */
const START_TIMEOUT_MS = 3000;

/** The program that opens an address; undefined if there is no screen. */
function findOpener(): { program: string; before: readonly string[] } | undefined {
  const { BROWSER, DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (BROWSER) return { program: BROWSER, before: [] };
  if (process.platform === 'darwin') return { program: 'open', before: [] };
  // Unlike `start`, it does not interpret anything in the address.
  if (process.platform === 'win32') return { program: 'rundll32', before: ['url.dll,FileProtocolHandler'] };
  return DISPLAY || WAYLAND_DISPLAY ? { program: 'xdg-open', before: [] } : undefined;
}

/** Whether {@link openBrowser} can open anything: there is a screen, or BROWSER names a program. */
export function hasBrowser(): boolean {
  return findOpener() !== undefined;
}

/** Opens an address in the browser that BROWSER names, or in the system's. Resolves to whether it started. */
export function openBrowser(url: string): Promise<boolean> {
  const found = findOpener();
  if (found === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const child = spawn(found.program, [...found.before, url], { stdio: 'ignore', detached: true });
    const timer = setTimeout(() => resolve(true), START_TIMEOUT_MS).unref();
    const decide = (started: boolean): void => {
      clearTimeout(timer);
      resolve(started);
    };
    child.once('error', () => decide(false)).once('exit', (code) => decide(code === 0));
    child.unref();
  });
}
