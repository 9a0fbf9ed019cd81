import { listLogins } from './store.js';

export interface LoginChoice {
  /** Whether a login may say which server it is. */
  mayUse: boolean;
  /** Also one that has ended, where there is no other: it is begun anew, or taken away. */
  mayHaveEnded: boolean;
}

const SAY_WHICH = 'say which by --url, CONFIDANT_URL or url in the configuration';

/**
 * The server that the only login which has not ended was made for, where nothing else names a server. Undefined where
 * there is no such login or several, or there may be several, or none may be used; `hints` say then which there are, and
 * how to choose.
 */
export async function chooseLogin({
  mayUse,
  mayHaveEnded,
}: LoginChoice): Promise<{ server: string | undefined; hints: readonly string[] }> {
  const { logins, isPart } = await listLogins();
  const usable = logins.filter(({ hasEnded }) => !hasEnded);
  const candidates = usable.length === 0 && mayHaveEnded ? logins : usable;
  const shown = (candidates.length === 0 ? logins : candidates).map(({ server }) => server);
  const none = (...hints: string[]) => ({ server: undefined, hints });
  if (isPart !== undefined) {
    const others = shown.length === 0 ? '' : `, and logins are kept for ${shown.join(' and ')}`;
    return none(`${isPart}${others}: ${SAY_WHICH}`);
  }
  const [only, another] = candidates.map(({ server }) => server);
  if (only !== undefined && another === undefined) {
    return mayUse ? { server: only, hints: [] } : none(`a login is kept for ${only}: --login --url ${only} uses it`);
  }
  if (candidates.length > 0) return none(`logins are kept for ${shown.join(' and ')}: ${SAY_WHICH}`);
  return none(...shown.map((server) => `the login at ${server} has ended: confidant --url ${server} login`));
}
