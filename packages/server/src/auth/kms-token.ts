import { KmsUnavailable, TokenRejected, type TokenValidator } from '@confidant/kmsauth';
import type { Principal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import { BackendUnavailable } from '../ports/unavailable.js';
import { type Authenticator, type AuthRequest, headerOf } from './authenticate.js';

/**
 * KMS tokens, as HTTP Basic or X-Auth-From and X-Auth-Token. compat: credentials that cannot be parsed are 401, a name
 * without a token and an invalid token are 403. An unreachable KMS is 503 (bug 7), never a refusal.
 */
export function kmsTokenAuthentication(
  validator: Pick<TokenValidator, 'validate'>,
  rejected: (reason: string) => void,
): Authenticator {
  return (request) => {
    const credentials = credentialsOf(request);
    return credentials && verify(validator, credentials, request.remoteAddress, rejected);
  };
}

interface Credentials {
  username: string;
  token: string;
}

async function verify(
  validator: Pick<TokenValidator, 'validate'>,
  { username, token }: Credentials,
  address: string,
  rejected: (reason: string) => void,
): Promise<Principal> {
  try {
    const verified = await validator.validate(username, token, address);
    return {
      name: verified.from,
      type: verified.userType === 'user' ? 'user' : 'service',
      account: verified.account,
      groups: [],
      authenticatedBy: 'kms-token',
    };
  } catch (error) {
    if (error instanceof KmsUnavailable) throw new BackendUnavailable('kms', { cause: error });
    if (!(error instanceof TokenRejected)) throw error;
    // The reason is only logged, because a caller could use it to probe.
    rejected(error.reason);
    throw new Refusal('token_rejected');
  }
}

function credentialsOf(request: AuthRequest): Credentials | undefined {
  const from = headerOf(request, 'x-auth-from');
  const token = headerOf(request, 'x-auth-token');
  if (from !== undefined || token !== undefined) {
    if (!from) throw new Refusal('unauthenticated');
    return { username: from, token: token ?? '' };
  }
  const authorization = headerOf(request, 'authorization');
  if (authorization === undefined) return undefined;
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(authorization)?.[1];
  if (encoded === undefined) throw new Refusal('unauthenticated');
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 1) throw new Refusal('unauthenticated');
  return { username: decoded.slice(0, colon), token: decoded.slice(colon + 1) };
}
