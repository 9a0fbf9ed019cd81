import { directory as webDirectory } from '@confidant/web';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { DataKeys, type KmsLike, keyReference, TokenValidator } from '@confidant/kmsauth';
import type { Logger } from 'pino';
import { authKeyGrants } from '../adapters/aws/kms-grants.js';
import { systemClock } from '../adapters/clock.js';
import { auditLog } from '../adapters/telemetry/log.js';
import type { Prometheus } from '../adapters/telemetry/prometheus.js';
import { cachingSealer } from '../adapters/sealing/caching-sealer.js';
import { clearSealer, fernetSealer } from '../adapters/sealing/fernet-sealer.js';
import type { App } from '../app/app.js';
import { NameIndex, ServiceIndex } from '../app/indexes.js';
import { kmsTokenAuthentication } from '../auth/kms-token.js';
import { unauthenticated } from '../auth/unauthenticated.js';
import type { Settings } from '../config/server-settings.js';
import { handlersFor } from '../http/handlers.js';
import { withTimers } from '../http/route-timers.js';
import { httpServer } from '../http/server.js';
import type { Sealer } from '../ports/sealer.js';
import type { Metrics } from '../ports/telemetry.js';
import { openAccessPolicy } from './access-policy.js';
import { openAuthorities } from './certificates.js';
import { openJwts } from './jwts.js';
import { checkKeys, openKms } from './kms.js';
import { openLogin } from './login.js';
import { openRoles } from './roles.js';
import { openArchive, openStore } from './store.js';
import { openTelemetry } from './telemetry.js';
import { readWebApp } from './web-app.js';

/** Characters of ciphertext whose plaintext may stay in memory, which takes about twice that many bytes. */
const OPENED_CHARACTERS = 32 * 1024 * 1024;

/** The HTTP server with everything behind it. */
export interface OpenedServer {
  server: ReturnType<typeof httpServer>;
  /** Undefined without METRICS_PORT. */
  prometheus: Prometheus | undefined;
  /** Logs what is wrong with the KMS keys; never rejects. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the server of the settings: constructs the adapters, the use-cases and the HTTP server, which does not listen
 * yet. Rejects with a text for the operator when a part cannot be opened.
 */
export async function openServer(settings: Settings, logger: Logger): Promise<OpenedServer> {
  // The policy is opened first: if it prevents the start, nothing else has to be closed.
  const access = await openAccessPolicy(settings, logger).catch((error: unknown) => {
    const setting = settings.ACL_POLICY_FILE === '' ? 'ACL_MODULE' : 'ACL_POLICY_FILE';
    throw new Error(`${setting} cannot be used`, { cause: error });
  });
  const kms = openKms(settings);
  const store = await openStore(settings, logger);
  const archive = await openArchive(settings);
  const roles = openRoles(settings, store, logger);
  const telemetry = openTelemetry(settings, logger);
  const { metrics, events, prometheus } = telemetry;
  const inMaintenance = maintenance(settings);
  const clock = systemClock();
  const authorities = await openAuthorities(settings, { clock, metrics, logger });
  const jwts = await openJwts(settings, logger);
  const app: App = {
    store,
    sealer: openSealer(settings, kms, metrics),
    acl: access.acl,
    clock,
    audit: auditLog(logger),
    events,
    metrics,
    archive,
    roles,
    authGrants: authKeyGrants(kms, keyReference(settings.AUTH_KEY)),
    authorities,
    jwts,
    services: new ServiceIndex(store),
    names: new NameIndex(store),
    rotation: {
      maximumDays: settings.MAXIMUM_ROTATION_DAYS,
      daysByTag: settings.ROTATION_DAYS_CONFIG,
      excludingTags: settings.TAGS_EXCLUDING_ROTATION,
    },
    accounts: Object.values(settings.SCOPED_AUTH_KEYS),
    ignoreConflicts: settings.IGNORE_CONFLICTS,
    enforceDocumentation: settings.ENFORCE_DOCUMENTATION,
    manageGrants: settings.KMS_AUTH_MANAGE_GRANTS,
    minimumTokenVersion: settings.KMS_MINIMUM_TOKEN_VERSION,
    clientConfig: { defined: settings.CLIENT_CONFIG, xsrfCookieName: settings.XSRF_COOKIE_NAME },
    historyPageLimit: settings.HISTORY_PAGE_LIMIT,
    recordDecryptions: settings.ENABLE_SAVE_LAST_DECRYPTION_TIME,
    inMaintenance,
    warn: (message, details) => logger.warn(details, message),
  };
  const authenticators = settings.USE_AUTH
    ? [
        kmsTokenAuthentication(tokenValidator(settings, kms, metrics), (reason) => {
          prometheus?.tokenRejected(reason);
          logger.info({ reason }, 'token rejected');
        }),
      ]
    : [unauthenticated];
  const login = await openLogin(settings, authenticators, { audit: app.audit, logger });
  const server = httpServer({
    handlers: withTimers(handlersFor(app), metrics),
    login: login.options,
    customDirectory: settings.CUSTOM_FRONTEND_DIRECTORY,
    webApp: readWebApp(webDirectory),
    inMaintenance,
    logger,
    maxBodyBytes: settings.MAX_REQUEST_BODY_BYTES,
    requestTimeoutMs: settings.REQUEST_TIMEOUT_SECONDS * 1000,
    trustProxy: settings.FORWARDED_ALLOW_IPS.includes('*') ? true : [...settings.FORWARDED_ALLOW_IPS],
    ready: () => store.ping(),
    ...(prometheus && { onResponse: (response) => prometheus.request(response) }),
  });
  return {
    server,
    prometheus,
    check: () => checkKeys(settings, kms, logger),
    close: async () => {
      await server.close();
      // Telemetry closes after the last request, because requests publish events.
      await telemetry.close();
      access.close();
      roles.close();
      await login.close();
      authorities.close();
      jwts.close();
      await archive?.close();
      await store.close();
      kms.close();
    },
  };
}

function openSealer(settings: Settings, kms: KmsLike, metrics: Metrics): Sealer {
  if (!settings.USE_ENCRYPTION) return clearSealer(() => randomBytes(32));
  const dataKeys = new DataKeys({
    kms,
    masterKey: keyReference(settings.KMS_MASTER_KEY),
    cacheSize: settings.DATA_KEY_CACHE_SIZE,
    cacheTtlMs: settings.DATA_KEY_CACHE_TTL_SECONDS * 1000,
    onEvent: ({ name, count }) => metrics.count(name, count),
  });
  return cachingSealer(fernetSealer(dataKeys), {
    entries: settings.OPENED_CREDENTIAL_CACHE_SIZE,
    ttlMs: settings.OPENED_CREDENTIAL_CACHE_TTL_SECONDS * 1000,
    maxCharacters: OPENED_CHARACTERS,
  });
}

function tokenValidator(settings: Settings, kms: KmsLike, metrics: Metrics): TokenValidator {
  const serviceKeys = new Map<string, string | null>();
  if (settings.AUTH_KEY !== '') serviceKeys.set(keyReference(settings.AUTH_KEY), null);
  for (const [key, account] of Object.entries(settings.SCOPED_AUTH_KEYS)) serviceKeys.set(keyReference(key), account);
  return new TokenValidator({
    kms,
    to: settings.AUTH_CONTEXT,
    serviceKeys,
    userKeys: settings.USER_AUTH_KEY === '' ? [] : [keyReference(settings.USER_AUTH_KEY)],
    userTypes: settings.KMS_AUTH_USER_TYPES,
    minimumVersion: settings.KMS_MINIMUM_TOKEN_VERSION as 1 | 2,
    maximumVersion: settings.KMS_MAXIMUM_TOKEN_VERSION as 1 | 2,
    maxLifetimeMinutes: settings.AUTH_TOKEN_MAX_LIFETIME,
    cacheSize: settings.KMS_AUTH_TOKEN_CACHE_SIZE,
    onEvent: (event) =>
      event.kind === 'timer' ? metrics.timing(event.name, event.durationMs) : metrics.count(event.name, event.count),
  });
}

/** compat: whether the touch file exists is looked up at each write. */
function maintenance(settings: Settings): () => boolean {
  const file = settings.MAINTENANCE_MODE_TOUCH_FILE;
  return () => settings.MAINTENANCE_MODE || (file !== '' && existsSync(file));
}
