import { Refusal } from '../domain/refusal.js';
import { microsecondsOf } from '../domain/instant.js';
import { metricPart } from '../domain/metric-name.js';
import type { PublicKey } from '../ports/jwt-keys.js';
import { audited, authorize } from './access.js';
import type { App, Caller } from './app.js';
import { timed } from './timers.js';

/** What is asked for. */
export interface TokenRequest {
  environment?: string | undefined;
  /** Whom the token is for; undefined: the caller. */
  id?: string;
  expirySeconds?: number;
}

/**
 * A signed token that says: `requester` asked for it, on behalf of `user`. The policy decides for whom the caller may
 * ask; by default a person for themselves, a service for nobody (bug 5).
 */
export async function getToken(app: App, caller: Caller, request: TokenRequest): Promise<string> {
  const { name, type } = caller.principal;
  const { environment } = request;
  // The policy is told the environment, so that comes first.
  if (!environment) throw new Refusal('invalid_request', 'Please specify an environment');
  const { id = name, expirySeconds } = await meantBy(app, caller, request);
  await authorize(
    app,
    caller,
    { resourceType: 'jwt', action: 'get', resourceId: name, jwt: { subject: id, environment } },
    `get JWT ${id}`,
    // compat: the body of this refusal names no reference.
    { reference: null },
  );
  return audited(app, caller, { resourceType: 'jwt', action: 'get', resourceId: id }, async (details) => {
    details.jwt = { environment };
    const key = app.jwts.keys.active(environment);
    if (key === undefined) throw new Refusal('invalid_request', 'There is no signing key for this environment');
    details.jwt = { environment, kid: key.kid };
    app.metrics.count(`jwt.get_active_key.${metricPart(environment)}.${metricPart(key.kid)}`);

    const longest = app.jwts.lifetimeSeconds;
    const lifetimeSeconds = Math.min(expirySeconds ?? longest, longest);
    const isService = type === 'service';
    const make = async (): Promise<string> => {
      const now = Math.floor(microsecondsOf(app.clock.now()) / 1_000_000);
      const token = await timed(app, 'jwt.get_jwt.encode', () =>
        key.sign({
          is_service: isService,
          requester: name,
          user: id,
          iat: now,
          nbf: now,
          exp: now + lifetimeSeconds,
        }),
      );
      app.metrics.count(`jwt.get_jwt.${metricPart(key.kid)}.${metricPart(name)}.create`);
      return token;
    };
    // The type is part of it: a service and a person may have the same name, but not the same token.
    // So is the environment: two of them may call different keys by the same kid.
    return cached(app, [environment, key.kid, type, name, id, lifetimeSeconds], lifetimeSeconds, make);
  });
}

/** The public keys of an environment, for anyone. */
export function getPublicKeys(app: App, environment: string): readonly PublicKey[] {
  const keys = app.jwts.keys.published(environment);
  if (keys === undefined) {
    // The original counts under the name that was asked for, which lets anyone make up metrics.
    app.metrics.count('jwt.get_jwks.unknown.miss');
    throw new Refusal('not_found', 'Public key not found for this environment');
  }
  app.metrics.count(`jwt.get_jwks.${metricPart(environment)}.hit`);
  return keys;
}

/**
 * compat: the original's client writes `token/<expiry>` when it has no id. A number that is nobody's name is an expiry
 * for the caller's own token.
 */
async function meantBy(
  app: App,
  caller: Caller,
  { id, expirySeconds }: TokenRequest,
): Promise<Pick<TokenRequest, 'id' | 'expirySeconds'>> {
  if (id === undefined) return {};
  const couldBeExpiry = expirySeconds === undefined && /^[1-9]\d{0,14}$/.test(id) && id !== caller.principal.name;
  if (couldBeExpiry && (await app.store.get('service', id)) === 'absent') return { expirySeconds: Number(id) };
  return { id, ...(expirySeconds !== undefined && { expirySeconds }) };
}

async function cached(
  app: App,
  key: readonly [
    environment: string,
    kid: string,
    type: string,
    requester: string,
    user: string,
    lifetimeSeconds: number,
  ],
  lifetimeSeconds: number,
  make: () => Promise<string>,
): Promise<string> {
  const { cache } = app.jwts;
  // Nobody is given a token that has less than half of its life before it.
  const ttlSeconds = cache === null ? 0 : Math.min(cache.ttlSeconds, Math.floor(lifetimeSeconds / 2));
  if (cache === null || ttlSeconds < 1) return make();
  const [, kid, , requester] = key;
  const name = JSON.stringify(key);
  const metric = `jwt.get_jwt.cache.${metricPart(kid)}.${metricPart(requester)}`;
  // Signing takes a millisecond: a cache out of reach is no reason to refuse.
  const found = await cache.store.get(name).catch((error: unknown) => {
    app.warn('the JWT cache could not be read', { error });
    return undefined;
  });
  if (found !== undefined) {
    app.metrics.count(`${metric}.hit`);
    return found;
  }
  app.metrics.count(`${metric}.miss`);
  const token = await make();
  await cache.store.set(name, token, ttlSeconds).catch((error: unknown) => {
    app.warn('the JWT cache could not be written', { error });
  });
  return token;
}
