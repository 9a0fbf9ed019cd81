import { keptLogins } from './login-file.js';

export interface LoginChoice {
  /** Whether a login may say which server it is. */
  mayUse: boolean;
  /** Also one that has ended, where there is no other: it is begun anew, or taken away. */
  mayHaveEnded: boolean;
}

/**
 * The server that the only login which has not ended was made for, where nothing else names a server. Undefined where
 * there is no such login or several, or none may be used; `hints` say then which there are, and how to choose.
 */
export async function chooseLogin({
  mayUse,
  mayHaveEnded,
}: LoginChoice): Promise<{ server: string | undefined; hints: readonly string[] }> {
  const logins = await keptLogins();
  const usable = logins.filter(({ hasEnded }) => !hasEnded);
  const candidates = usable.length === 0 && mayHaveEnded ? logins : usable;
  const [only, another] = candidates.map(({ server }) => server);
  if (only !== undefined && another === undefined) {
    if (mayUse) return { server: only, hints: [] };
    return { server: undefined, hints: [`a login is kept for ${only}: --login --url ${only} uses it`] };
  }
  const shown = (candidates.length === 0 ? logins : candidates).map(({ server }) => server);
  if (shown.length === 0) return { server: undefined, hints: [] };
  const hint =
    candidates.length === 0
      ? shown.map((server) => `the login at ${server} has ended: confidant --url ${server} login`)
      : [`logins are kept for ${shown.join(' and ')}: say which by --url, CONFIDANT_URL or url in the configuration`];
  return { server: undefined, hints: hint };
}
