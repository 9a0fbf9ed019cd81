import { type ConfidantErrorCode, ConfidantError } from '../../sdk/errors.js';
import type { Context } from '../context.js';
import { endLogin } from '../login/store.js';

/** A smaller clock skew does not invalidate a token, which is valid from three minutes before it was made. */
const NOTABLE_SKEW_MS = 2 * 60_000;

/** Codes of refusals that do not depend on the caller. */
const CALLER_INDEPENDENT: readonly ConfidantErrorCode[] = ['maintenance', 'csrf', 'login_failed'];

/**
 * Logs the likely reason of a 401 or 403 and what to do about it: that a login has ended; for a rejected token, clock
 * skew and the settings that the token was made with; otherwise, whom the caller authenticated as. Ignores other
 * errors, and never throws.
 */
export async function adviseUnauthorized(context: Context, error: unknown): Promise<void> {
  if (!(error instanceof ConfidantError) || (error.status !== 401 && error.status !== 403)) return;
  for (const line of await adviceFor(context, error).catch(() => [])) context.log.error(line);
}

async function adviceFor(context: Context, error: ConfidantError): Promise<string[]> {
  // No name or key was sent, so neither is the reason, and KMS need not be called.
  if (error.anonymous) return [];
  if (await context.configuration.usesLogin()) return error.status === 401 ? [await adviseEnded(context)] : [];
  if (CALLER_INDEPENDENT.includes(error.code)) return [];
  const { authContext, authKey, assumeRole, tokenLifetimeMinutes, tokenVersion } =
    await context.configuration.settings();
  const { region, token } = await context.connections.kms();
  const { to, userType } = authContext;
  const from = authContext.from ?? (await token()).username.split('/').at(-1)!;
  if (!isAboutToken(error)) {
    return [`You authenticated as ${userType} ${from}. See docs/access-control.md for who may do what.`];
  }
  const isUser = userType === 'user';
  return [
    ...describeSkew(error.serverClockAheadMs ?? 0),
    `the token was made with from ${from}, to ${to}, user_type ${userType}, auth_key ${authKey}, ` +
      `region ${await region()}, ${assumeRole ? `assume_role ${assumeRole}, ` : ''}token_version ${tokenVersion}, ` +
      `token_lifetime ${tokenLifetimeMinutes} (${await context.configuration.source()}, and options)`,
    `Check these against the server: to must equal AUTH_CONTEXT, auth_key must be ` +
      `${isUser ? 'USER_AUTH_KEY (for users)' : 'AUTH_KEY (for services)'}, region must be its KMS region, and ` +
      'token_lifetime at most AUTH_TOKEN_MAX_LIFETIME.',
    ...(error.status === 401 ? ['A proxy on the way may also have removed the Authorization header.'] : []),
  ];
}

/** Also marks the saved login as ended, so that it no longer counts as a login to choose from. */
async function adviseEnded(context: Context): Promise<string> {
  const { url } = await context.configuration.serverSettings();
  await endLogin(url).catch(() => undefined);
  return `the login has ended: run confidant --url ${url} login`;
}

/** compat: servers of the original send no code, but an HTML page instead of JSON, for a token that they reject. */
function isAboutToken({ code, body }: ConfidantError): boolean {
  if (code === 'http_error') return typeof body?.['error'] !== 'string';
  return code === 'token_rejected' || code === 'unauthenticated';
}

function describeSkew(aheadMs: number): string[] {
  const minutes = Math.round(Math.abs(aheadMs) / 60_000);
  if (Math.abs(aheadMs) <= NOTABLE_SKEW_MS) return [];
  const relation = aheadMs > 0 ? 'behind' : 'ahead of';
  return [
    `this machine's clock is ${minutes} minutes ${relation} the server's: correct it, because tokens are valid for minutes only`,
  ];
}
