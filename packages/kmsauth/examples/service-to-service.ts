// One service authenticates another over plain HTTP, with KMS as the only thing they both trust.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import {
  KmsUnavailable,
  TokenGenerator,
  TokenRejected,
  TokenValidator,
  awsKms,
  type KmsLike,
  type VerifiedToken,
} from '@confidant/kmsauth';

const kmsOfRegion = (region: string): KmsLike =>
  awsKms({ region, connectTimeoutMs: 1000, requestTimeoutMs: 1000, maxSockets: 100, maxAttempts: 2 });

/** The caller: `billing` asks `invoices`. Its IAM role may Encrypt under the key with the context from=billing. */
export function billingTokens(kms: KmsLike = kmsOfRegion('us-east-1')): TokenGenerator {
  return new TokenGenerator({
    kms,
    authKey: 'alias/authnz',
    from: 'billing',
    to: 'invoices',
    userType: 'service',
    version: 2,
    lifetimeMinutes: 10,
  });
}

/** Calls with the caller's token; a new one is made only when the last has run out. */
export async function fetchAs(generator: TokenGenerator, url: string): Promise<Response> {
  const { username, token } = await generator.token();
  return fetch(url, { headers: { 'X-Auth-From': username, 'X-Auth-Token': token }, redirect: 'error' });
}

/** The receiver: `invoices` may Decrypt under the key with the context to=invoices, and DescribeKey. */
export function invoicesValidator(kms: KmsLike = kmsOfRegion('us-east-1')): TokenValidator {
  return new TokenValidator({
    kms,
    to: 'invoices',
    serviceKeys: new Map([['alias/authnz', null]]),
    userKeys: [],
    userTypes: ['service'],
    minimumVersion: 2,
    maximumVersion: 2,
    maxLifetimeMinutes: 60,
    cacheSize: 4096,
  });
}

type AuthenticatedListener = (request: IncomingMessage, response: ServerResponse, caller: VerifiedToken) => void;

/** Middleware: passes on only requests whose token proves one of `allowed` sent it. */
export function requireCaller(
  validator: TokenValidator,
  allowed: ReadonlySet<string>,
  next: AuthenticatedListener,
): RequestListener {
  const admit = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { 'x-auth-from': username, 'x-auth-token': token } = request.headers;
    if (typeof username !== 'string' || typeof token !== 'string') return refuse(response, 401);
    let caller: VerifiedToken;
    try {
      caller = await validator.validate(username, token);
    } catch (error) {
      // A KMS out of reach proves nothing against the caller: it may try again.
      if (error instanceof KmsUnavailable) return refuse(response, 503);
      return refuse(response, error instanceof TokenRejected ? 403 : 500);
    }
    if (caller.userType !== 'service' || !allowed.has(caller.from)) return refuse(response, 403);
    next(request, response, caller);
  };
  return (request, response) => {
    admit(request, response).catch(() => response.destroy());
  };
}

function refuse(response: ServerResponse, status: number): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ error: 'not authenticated' }));
}
