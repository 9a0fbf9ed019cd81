import { type ConfidantErrorCode, ConfidantError } from '../../sdk/errors.js';
import type { Context } from '../context.js';
import { endLogin } from '../login/store.js';

/** Clocks that differ by less do not make a token invalid: it is valid from three minutes before it is made. */
const NOTABLE_SKEW_MS = 2 * 60_000;

/** Refusals that do not depend on who asks. */
const OF_NOBODY: readonly ConfidantErrorCode[] = ['maintenance', 'csrf', 'login_failed'];

/**
 * Tells on standard error what may be the reason of a 401 or 403, and what to do: of a login that it has ended; of a
 * token that was not accepted, the clocks and the names it was made with; of all else, who asked. Says nothing of other
 * failures, and never fails itself.
 */
export async function adviseUnauthorized(context: Context, error: unknown): Promise<void> {
  if (!(error instanceof ConfidantError) || (error.status !== 401 && error.status !== 403)) return;
  for (const line of await adviceFor(context, error).catch(() => [])) context.log.error(line);
}

async function adviceFor(context: Context, error: ConfidantError): Promise<string[]> {
  // Whose name and keys were never sent, they are not the reason, and KMS need not be asked for them.
  if (error.anonymous) return [];
  if (await context.configuration.usesLogin()) return error.status === 401 ? [await adviseEnded(context)] : [];
  if (OF_NOBODY.includes(error.code)) return [];
  const { authContext, authKey, assumeRole, tokenLifetimeMinutes, tokenVersion } =
    await context.configuration.settings();
  const { region, token } = await context.connections.kms();
  const { to, userType } = authContext;
  const from = authContext.from ?? (await token()).username.split('/').at(-1)!;
  if (!isOfToken(error)) {
    return [`asked as the ${userType} ${from}; docs/access-control.md tells what a server lets whom do`];
  }
  const isUser = userType === 'user';
  return [
    ...describeSkew(error.serverClockAheadMs ?? 0),
    `the token was made with from ${from}, to ${to}, user_type ${userType}, auth_key ${authKey}, ` +
      `region ${await region()}, ${assumeRole ? `assume_role ${assumeRole}, ` : ''}token_version ${tokenVersion}, ` +
      `token_lifetime ${tokenLifetimeMinutes} (${await context.configuration.source()}, and options)`,
    `these must suit the server: to its AUTH_CONTEXT, auth_key its ${isUser ? 'USER_AUTH_KEY' : 'AUTH_KEY'} for ` +
      `user_type ${userType}, region its KMS's, token_lifetime at most its AUTH_TOKEN_MAX_LIFETIME`,
    ...(error.status === 401 ? ['or a proxy on the way takes the header Authorization away'] : []),
  ];
}

/** Remembers it, too: a login that has ended is not the only one any more. */
async function adviseEnded(context: Context): Promise<string> {
  const { url } = await context.configuration.serverSettings();
  await endLogin(url).catch(() => undefined);
  return `the login has ended: confidant --url ${url} login`;
}

/** Servers of the original have no codes, but answer a token that they do not accept with a page instead of JSON. */
function isOfToken({ code, body }: ConfidantError): boolean {
  if (code === 'http_error') return typeof body?.['error'] !== 'string';
  return code === 'token_rejected' || code === 'unauthenticated';
}

function describeSkew(aheadMs: number): string[] {
  const minutes = Math.round(Math.abs(aheadMs) / 60_000);
  if (Math.abs(aheadMs) <= NOTABLE_SKEW_MS) return [];
  const relation = aheadMs > 0 ? 'behind' : 'ahead of';
  return [`this machine's clock is ${minutes} minutes ${relation} the server's: set it, tokens are bound to the time`];
}
