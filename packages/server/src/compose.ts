import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { awsKms, DataKeys, type KmsGrants, type KmsLike, keyReference, TokenValidator } from '@confidant/kmsauth';
import type { Logger } from 'pino';
import { authKeyGrants } from './adapters/auth-key-grants.js';
import { systemClock } from './adapters/clock.js';
import { createDynamoTable, openDynamoStore } from './adapters/dynamodb.js';
import { iamRoles } from './adapters/iam.js';
import { auditLog } from './adapters/log.js';
import type { Prometheus } from './adapters/prometheus.js';
import { clearSealer, fernetSealer } from './adapters/sealer.js';
import { openSqliteStore } from './adapters/sqlite.js';
import type { App } from './app/app.js';
import { NameIndex, ServiceIndex } from './app/indexes.js';
import { kmsTokenAuthentication } from './auth/kms-token.js';
import { caNames, openAuthorities, openJwts } from './compose-signing.js';
import { isEmbedded } from './config/parse.js';
import type { Settings } from './config/settings.js';
import { type Acl, defaultAcl, noAcl } from './domain/acl.js';
import { handlersFor } from './http/handlers.js';
import { withTimers } from './http/route-timers.js';
import { httpServer } from './http/server.js';
import { Keyring, LOCAL_ACCOUNT_ID } from './local/keyring.js';
import type { Metrics, Roles, Store } from './ports.js';
import { unauthenticated } from './auth/none.js';
import { openTelemetry } from './telemetry.js';

/** Region of the embedded keyring: its keys are made there. */
const EMBEDDED_REGION = 'us-east-1';
/** KMS and DynamoDB are asked at most this often for one call. */
const MAX_ATTEMPTS = 3;
/** IAM has no settings of its own; its lists take longer than KMS does. */
const IAM_TIMEOUT_MS = 5000;

/** The server's parts, joined. Only the compose modules and main construct adapters. */
export interface Composed {
  server: ReturnType<typeof httpServer>;
  /** Undefined: METRICS_PORT is not set. */
  prometheus: Prometheus | undefined;
  close(): Promise<void>;
}

export async function compose(settings: Settings, logger: Logger): Promise<Composed> {
  const kms = openKms(settings);
  const store = await openStore(settings, logger);
  const roles = isEmbedded(settings) ? localRoles(store) : openIam(settings, logger);
  const telemetry = openTelemetry(settings, logger);
  const { metrics, events, prometheus } = telemetry;
  const inMaintenance = maintenance(settings);
  const clock = systemClock();
  const authorities = openAuthorities(settings, { clock, metrics, logger });
  const jwts = openJwts(settings, { logger });
  const app: App = {
    store,
    sealer: settings.USE_ENCRYPTION
      ? fernetSealer(
          new DataKeys({
            kms,
            masterKey: keyReference(settings.KMS_MASTER_KEY),
            cacheSize: settings.DATA_KEY_CACHE_SIZE,
            cacheTtlMs: settings.DATA_KEY_CACHE_TTL_SECONDS * 1000,
            onEvent: ({ name, count }) => metrics.count(name, count),
          }),
        )
      : clearSealer(() => randomBytes(32)),
    acl: builtInAcl(settings),
    clock,
    audit: auditLog(logger),
    events,
    metrics,
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
  const server = httpServer({
    handlers: withTimers(handlersFor(app), metrics),
    authenticate: settings.USE_AUTH
      ? [
          kmsTokenAuthentication(tokenValidator(settings, kms, metrics), (reason) => {
            prometheus?.tokenRejected(reason);
            logger.info({ reason }, 'token rejected');
          }),
        ]
      : [unauthenticated],
    inMaintenance,
    logger,
    maxBodyBytes: settings.MAX_REQUEST_BODY_BYTES,
    requestTimeoutMs: settings.REQUEST_TIMEOUT_SECONDS * 1000,
    trustProxy: settings.FORWARDED_ALLOW_IPS.includes('*') ? true : [...settings.FORWARDED_ALLOW_IPS],
    ready: () => store.ping(),
    ...(prometheus && { onAnswer: (answer) => prometheus.request(answer) }),
  });
  return {
    server,
    prometheus,
    close: async () => {
      await server.close();
      // The last requests have published their events by now.
      await telemetry.close();
      roles.close();
      authorities.close();
      jwts.close();
      await store.close();
      kms.close();
    },
  };
}

function openKms(settings: Settings): KmsLike & KmsGrants & { close(): void } {
  if (isEmbedded(settings)) {
    const keyring = Keyring.open(settings.CONFIDANT_DATA_DIR);
    return { ...keyring.kms(EMBEDDED_REGION), close: () => keyring.close() };
  }
  return awsKms({
    region: settings.AWS_DEFAULT_REGION,
    ...(settings.KMS_URL !== '' && { endpoint: settings.KMS_URL }),
    connectTimeoutMs: settings.KMS_CONNECTION_TIMEOUT * 1000,
    requestTimeoutMs: settings.KMS_READ_TIMEOUT * 1000,
    maxSockets: settings.KMS_MAX_POOL_CONNECTIONS,
    maxAttempts: MAX_ATTEMPTS,
  });
}

async function openStore(settings: Settings, logger: Logger): Promise<Store> {
  const onDamagedRow = (row: { id: string; problem: string }): void => logger.error(row, 'a damaged row was left out');
  if (isEmbedded(settings)) {
    return openSqliteStore({ file: databaseFile(settings), busyTimeoutMs: 5000, onDamagedRow });
  }
  const options = {
    table: settings.DYNAMODB_TABLE,
    region: settings.AWS_DEFAULT_REGION,
    ...(settings.DYNAMODB_URL !== '' && { endpoint: settings.DYNAMODB_URL }),
    connectTimeoutMs: settings.PYNAMO_CONNECT_TIMEOUT_SECONDS * 1000,
    readTimeoutMs: settings.PYNAMO_READ_TIMEOUT_SECONDS * 1000,
    maxSockets: settings.PYNAMO_CONNECTION_POOL_SIZE,
    maxAttempts: MAX_ATTEMPTS,
    onDamagedRow,
  };
  if (settings.DYNAMODB_CREATE_TABLE) {
    const archive = settings.DYNAMODB_TABLE_ARCHIVE;
    await createDynamoTable(options, archive === '' ? {} : { archiveTable: archive });
  }
  return openDynamoStore(options);
}

/** compat: a refresh rate under a minute counts as a minute. */
const MIN_ROLE_REFRESH_SECONDS = 60;

function openIam(settings: Settings, logger: Logger): Roles {
  const refreshSeconds = Math.max(MIN_ROLE_REFRESH_SECONDS, settings.BACKGROUND_CACHE_IAM_ROLE_REFRESH_RATE);
  return iamRoles({
    region: settings.AWS_DEFAULT_REGION,
    connectTimeoutMs: IAM_TIMEOUT_MS,
    requestTimeoutMs: IAM_TIMEOUT_MS,
    maxAttempts: MAX_ATTEMPTS,
    ...(settings.BACKGROUND_CACHE_IAM_ROLES && {
      cache: {
        refreshMs: refreshSeconds * 1000,
        jitterMs: Math.min(settings.BACKGROUND_CACHE_IAM_ROLE_JITTER, refreshSeconds) * 1000,
      },
    }),
    onRefreshFailed: (error) => logger.error({ err: error }, 'the list of IAM roles could not be refreshed'),
  });
}

/** There is no IAM in the embedded default: every name is a role's, and those of the services are listed. */
function localRoles(store: Store): Roles {
  return {
    list: async () => (await store.list('service', { archived: false })).rows.map(({ id }) => id).sort(),
    arnOf: (name) => Promise.resolve(`arn:aws:iam::${LOCAL_ACCOUNT_ID}:role/${name}`),
    close: () => undefined,
  };
}

/** Where the embedded default keeps its rows. */
export function databaseFile(settings: Settings): string {
  return join(settings.CONFIDANT_DATA_DIR, 'confidant.db');
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

/** compat: the original's built-in policies go by their Python names; `readSettings` refused all others. */
function builtInAcl(settings: Settings): Acl {
  return settings.ACL_MODULE.endsWith(':no_acl') ? noAcl : defaultAcl(caNames(settings));
}

/** compat: the touch file is looked for at each write. */
function maintenance(settings: Settings): () => boolean {
  const file = settings.MAINTENANCE_MODE_TOUCH_FILE;
  return () => settings.MAINTENANCE_MODE || (file !== '' && existsSync(file));
}
