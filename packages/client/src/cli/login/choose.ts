import { listLogins } from './store.js';

export interface LoginChoice {
  /** Whether a saved login may choose the server. */
  mayUse: boolean;
  /** Whether this may be one that has ended if there is no other, to renew or remove it. */
  mayHaveEnded: boolean;
}

const HOW_TO_CHOOSE = 'choose one with --url, CONFIDANT_URL or url in the configuration';

/**
 * Chooses the server when nothing else names one: that of the only saved login which has not ended. `server` is
 * undefined if there is no such login, or several, or perhaps several, or if none may be used; then `hints` say which
 * logins there are and how to choose one.
 */
export async function chooseLogin({
  mayUse,
  mayHaveEnded,
}: LoginChoice): Promise<{ server: string | undefined; hints: readonly string[] }> {
  const { logins, incomplete } = await listLogins();
  const usable = logins.filter(({ hasEnded }) => !hasEnded);
  const candidates = usable.length === 0 && mayHaveEnded ? logins : usable;
  const shown = (candidates.length === 0 ? logins : candidates).map(({ server }) => server);
  const none = (...hints: string[]) => ({ server: undefined, hints });
  if (incomplete !== undefined) {
    const others = shown.length === 0 ? '' : `, and you are logged in at ${shown.join(' and ')}`;
    return none(`${incomplete}${others}: ${HOW_TO_CHOOSE}`);
  }
  const [only, another] = candidates.map(({ server }) => server);
  if (only !== undefined && another === undefined) {
    return mayUse
      ? { server: only, hints: [] }
      : none(`you are logged in at ${only}: to use this login, give --login --url ${only}`);
  }
  if (candidates.length > 0) return none(`you are logged in at ${shown.join(' and ')}: ${HOW_TO_CHOOSE}`);
  return none(...shown.map((server) => `the login at ${server} has ended: run confidant --url ${server} login`));
}
