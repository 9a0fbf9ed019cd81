import { Refusal } from '../domain/refusal.js';
import { microsecondsOf } from '../domain/instant.js';
import { metricPart } from '../domain/metric-name.js';
import type { PublicKey } from '../ports/jwt-keys.js';
import { audited, authorize } from './access.js';
import type { App, Caller } from './app.js';
import { timed } from './timers.js';

/** A request for a JWT. */
export interface TokenRequest {
  environment?: string | undefined;
  /** The user or service that the token is for; undefined means the caller. */
  id?: string;
  expirySeconds?: number;
}

/**
 * Returns a signed token which says that `requester` requested it on behalf of `user`. The policy decides whether the
 * caller may; by default people may request tokens for themselves, and services may request none (bug 5).
 */
export async function getToken(app: App, caller: Caller, request: TokenRequest): Promise<string> {
  const { name, type } = caller.principal;
  const { environment } = request;
  // The policy has to know the environment, so this is checked first.
  if (!environment) throw new Refusal('invalid_request', 'Please specify an environment');
  const { id = name, expirySeconds } = await readRequest(app, caller, request);
  await authorize(
    app,
    caller,
    { resourceType: 'jwt', action: 'get', resourceId: name, jwt: { subject: id, environment } },
    `get JWT ${id}`,
    // compat: the body of this refusal has no reference.
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
    // The type is part of the cache key: a service and a person may have the same name, but not the same token.
    // So is the environment: two environments may use the same kid for different keys.
    return cached(app, [environment, key.kid, type, name, id, lifetimeSeconds], lifetimeSeconds, make);
  });
}

/** The public keys of an environment, for anyone. */
export function getPublicKeys(app: App, environment: string): readonly PublicKey[] {
  const keys = app.jwts.keys.published(environment);
  if (keys === undefined) {
    // The original counts under any requested name, which lets callers create any number of metrics.
    app.metrics.count('jwt.get_jwks.unknown.miss');
    throw new Refusal('not_found', 'Public key not found for this environment');
  }
  app.metrics.count(`jwt.get_jwks.${metricPart(environment)}.hit`);
  return keys;
}

/**
 * Reads the id and the expiry. compat: the original's client writes `token/<expiry>` when it has no id. A number that
 * is not the name of a caller or service is the expiry of the caller's own token.
 */
async function readRequest(
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
  // A token from the cache has at least half of its lifetime left.
  const ttlSeconds = cache === null ? 0 : Math.min(cache.ttlSeconds, Math.floor(lifetimeSeconds / 2));
  if (cache === null || ttlSeconds < 1) return make();
  const [, kid, , requester] = key;
  const name = JSON.stringify(key);
  const metric = `jwt.get_jwt.cache.${metricPart(kid)}.${metricPart(requester)}`;
  // Signing takes a millisecond, so an unreachable cache is not a reason to refuse.
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
