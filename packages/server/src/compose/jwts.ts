import type { Logger } from 'pino';
import { jwtKeys, jwtMemory } from '../adapters/signing/jwt-keys.js';
import type { JwtSettings } from '../app/app.js';
import type { Settings } from '../config/server-settings.js';

/** Opens what JWTs are signed with and cached in; `close` ends the connection to Redis. */
export async function openJwts(settings: Settings, logger: Logger): Promise<JwtSettings & { close(): void }> {
  const redis =
    settings.JWT_CACHING_ENABLED && settings.JWT_CACHING_USE_REDIS
      ? (await import('../adapters/expiring/redis.js')).openRedis({
          url: settings.REDIS_URL_JWT_CACHE,
          prefix: 'confidant:jwt:',
          timeoutMs: settings.REDIS_SOCKET_TIMEOUT * 1000,
          onFault: (error) => logger.error({ err: error }, 'the Redis of the JWT cache is out of reach'),
        })
      : undefined;
  return {
    keys: jwtKeys(settings.JWT_CERTIFICATE_AUTHORITIES, settings.JWT_ACTIVE_SIGNING_KEYS, (message, details) =>
      logger.error(details, message),
    ),
    lifetimeSeconds: settings.JWT_DEFAULT_JWT_EXPIRATION_SECONDS,
    cache: settings.JWT_CACHING_ENABLED
      ? { store: redis ?? jwtMemory(settings.JWT_CACHING_MAX_SIZE), ttlSeconds: settings.JWT_CACHING_TTL_SECONDS }
      : null,
    close: () => void redis?.close(),
  };
}
