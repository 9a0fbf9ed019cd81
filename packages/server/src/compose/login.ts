import cluster from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { expiringMemory, type SharedEntry } from '../adapters/expiring/memory.js';
import { usersFile } from '../adapters/login/users-file.js';
import { CliCodes } from '../auth/cli-codes.js';
import type { Authenticator } from '../auth/authenticate.js';
import { headerLogin } from '../auth/header-login.js';
import { LoginFlows } from '../auth/login-flow.js';
import { Sessions } from '../auth/sessions.js';
import { canPeopleLogIn, sessionSecrets } from '../config/login-checks.js';
import { isEmbedded, isLoopback } from '../config/parse.js';
import { samlSettings } from '../config/saml.js';
import type { Settings } from '../config/settings.js';
import type { Admission, Person } from '../domain/person.js';
import { type BrowserLogin, Authentication } from '../http/authentication.js';
import type { LoginModule, LoginOptions } from '../http/login-options.js';
import { proxyList, type TransportOptions } from '../http/security.js';
import { openSessionSecret, redeemLoginLink } from '../embedded/login-link.js';
import type { ExpiringStore } from '../ports/expiring.js';
import type { Audit } from '../ports/telemetry.js';

const GOOGLE_ISSUER = 'https://accounts.google.com';
/** Time for an OpenID provider to answer. */
const PROVIDER_TIMEOUT_MS = 10_000;
/** Writers of the embedded default's sessions hold its file for a moment only. */
const SESSIONS_BUSY_MS = 500;
/** A shorter SESSION_SECRET can be guessed by whoever holds a cookie of their own. */
const GOOD_SECRET_LENGTH = 32;

/** How people log in, as the settings say. */
export interface Login {
  options: LoginOptions;
  close(): Promise<void>;
}

/**
 * Joins sessions, login providers and what tells browsers apart.
 *
 * @param authenticators evidence that needs no session, asked for first
 */
export async function openLogin(
  settings: Settings,
  authenticators: readonly Authenticator[],
  { audit, logger }: { audit: Audit; logger: Logger },
): Promise<Login> {
  const now = (): number => Date.now() / 1000;
  const transport = transportOptions(settings);
  const used = await openExpiring(settings, logger);
  const flowCookie = `${settings.SESSION_COOKIE_NAME}_login`;
  const base = { transport, flowCookie, sessionCookie: settings.SESSION_COOKIE_NAME, used, audit, now };
  const close = (): Promise<void> => used.close();
  if (!canPeopleLogIn(settings)) {
    const kind = settings.USE_AUTH ? ('nobody' as const) : ('everybody' as const);
    const authentication = new Authentication(authenticators, undefined, transport);
    return { options: { ...base, module: { kind }, authentication, sessions: undefined, cliCodes: undefined }, close };
  }

  const secrets = secretsOf(settings, logger);
  const admission = admissionOf(settings);
  const shared = settings.REDIS_URL_FLASK_SESSIONS !== '';
  const sessions = new Sessions({
    secrets,
    idleSeconds: settings.PERMANENT_SESSION_LIFETIME,
    maximumSeconds: settings.MAX_PERMANENT_SESSION_LIFETIME,
    admission,
    ...(shared && { records: used }),
    signIds: settings.SESSION_USE_SIGNER,
    ended: used,
    now,
  });
  const module = await moduleOf(settings, new LoginFlows(secrets, used, now), now);
  const browsers: BrowserLogin = {
    sessions,
    admission,
    sessionCookie: settings.SESSION_COOKIE_NAME,
    xsrfCookie: settings.XSRF_COOKIE_NAME,
    ...(module.kind === 'header' && {
      header: headerLogin({
        username: settings.HEADER_AUTH_USERNAME_HEADER,
        email: settings.HEADER_AUTH_EMAIL_HEADER,
        firstName: settings.HEADER_AUTH_FIRST_NAME_HEADER,
        lastName: settings.HEADER_AUTH_LAST_NAME_HEADER,
        groups: settings.HEADER_AUTH_GROUPS_HEADER,
      }),
    }),
  };
  // A proxy that vouches for people vouches for none of their command lines.
  const cliCodes = module.kind === 'header' ? undefined : new CliCodes({ secrets, sessions, used, shared, now });
  return {
    options: {
      ...base,
      module,
      authentication: new Authentication(authenticators, browsers, transport),
      sessions,
      cliCodes,
    },
    close,
  };
}

function transportOptions(settings: Settings): TransportOptions {
  const root = settings.PUBLIC_URL || (settings.USER_AUTH_MODULE === 'saml' ? settings.SAML_CONFIDANT_URL_ROOT : '');
  return {
    redirectToHttps: settings.SSLIFY && !settings.DEBUG,
    publicUrl: root.replace(/\/+$/, ''),
    pretendHttps: settings.SAML_FAKE_HTTPS && settings.DEBUG,
    isTrustedProxy: proxyList(settings.FORWARDED_ALLOW_IPS),
    loopbackNamesOnly: isLoopback(settings.HOST) && (!settings.USE_AUTH || settings.USER_AUTH_MODULE === 'local'),
  };
}

/**
 * Redis where it is configured; a file of the embedded default; else this process, which tells the machine's other
 * workers what it learns.
 */
// Libraries of providers and of Redis are loaded where they are used: they are half of what a start would load.
async function openExpiring(settings: Settings, logger: Logger): Promise<ExpiringStore> {
  if (settings.REDIS_URL_FLASK_SESSIONS !== '') {
    const { openRedis } = await import('../adapters/expiring/redis.js');
    return openRedis({
      url: settings.REDIS_URL_FLASK_SESSIONS,
      prefix: settings.SESSION_KEY_PREFIX,
      timeoutMs: settings.REDIS_SOCKET_TIMEOUT * 1000,
      onFault: (error) => logger.error({ err: error }, 'Redis is out of reach: sessions are refused until it is back'),
    });
  }
  if (isEmbedded(settings)) {
    const { openExpiringSqlite } = await import('../adapters/expiring/sqlite.js');
    const file = join(settings.CONFIDANT_DATA_DIR, 'sessions.db');
    return openExpiringSqlite({ file, busyTimeoutMs: SESSIONS_BUSY_MS });
  }
  const memory = expiringMemory((entry) => {
    if (cluster.isWorker) process.send?.({ expiring: entry });
  });
  let catchUp = (): void => undefined;
  const caughtUp = new Promise<void>((resolve) => (catchUp = resolve));
  const learn = (message: { expiring?: SharedEntry; allExpiring?: SharedEntry[] }): void => {
    if (message.expiring !== undefined) memory.learn(message.expiring);
    if (message.allExpiring === undefined) return;
    for (const entry of message.allExpiring) memory.learn(entry);
    catchUp();
  };
  process.on('message', learn);
  if (cluster.isWorker) {
    process.send?.({ asksForExpiring: true });
    await caughtUp;
  }
  return {
    ...memory,
    close: async () => {
      process.off('message', learn);
      await memory.close();
    },
  };
}

function secretsOf(settings: Settings, logger: Logger): string[] {
  const secrets = sessionSecrets(settings);
  if (secrets.some((secret) => secret.length < GOOD_SECRET_LENGTH)) {
    logger.warn(`SESSION_SECRET is short: use ${GOOD_SECRET_LENGTH} random characters or more`);
  }
  if (secrets.length > 0) return secrets;
  // Outside of the embedded default readSettings refused to start without a secret.
  return [isEmbedded(settings) ? openSessionSecret(settings.CONFIDANT_DATA_DIR) : randomBytes(32).toString('base64')];
}

function admissionOf(settings: Settings): Admission {
  // The person of the one-time link is whoever runs the server, and has no e-mail.
  if (settings.USER_AUTH_MODULE === 'local') return { emailSuffix: '', listed: () => undefined };
  return {
    emailSuffix: settings.USER_EMAIL_SUFFIX,
    listed: settings.USERS_FILE === '' ? () => undefined : usersFile(settings.USERS_FILE),
  };
}

async function moduleOf(settings: Settings, flows: LoginFlows, now: () => number): Promise<LoginModule> {
  switch (settings.USER_AUTH_MODULE) {
    case 'google':
    case 'oidc': {
      const { openIdProvider } = await import('../adapters/login/openid.js');
      return { kind: 'openid', flows, provider: openIdProvider(openIdOptions(settings)) };
    }
    case 'saml': {
      const { samlProvider } = await import('../adapters/login/saml.js');
      const options = samlSettings(settings, () => undefined);
      const { entityId, consumeUrl, logoutUrl, audiences, sign, want, idp } = options;
      const shown = {
        entityId,
        consumeUrl,
        logoutUrl,
        audiences,
        sign,
        want,
        idp: { ...idp, certificates: undefined },
      };
      return {
        kind: 'saml',
        flows,
        provider: samlProvider(options, now),
        debug: (settings.SAML_DEBUG ?? settings.DEBUG) ? shown : null,
      };
    }
    case 'header':
      return { kind: 'header' };
    case 'local': {
      const person: Person = { email: userInfo().username, firstName: null, lastName: null, groups: [] };
      return {
        kind: 'local',
        redeem: (secret) => (redeemLoginLink(settings.CONFIDANT_DATA_DIR, secret) ? person : undefined),
      };
    }
  }
  return { kind: 'nobody' };
}

/** Google is an OpenID provider like others; only its address is known beforehand. */
export function openIdOptions(settings: Settings) {
  const google = settings.USER_AUTH_MODULE === 'google';
  return {
    issuer: google ? GOOGLE_ISSUER : settings.OIDC_ISSUER,
    clientId: google ? settings.GOOGLE_OAUTH_CLIENT_ID : settings.OIDC_CLIENT_ID,
    clientSecret: google ? settings.GOOGLE_OAUTH_CONSUMER_SECRET : settings.OIDC_CLIENT_SECRET,
    scopes: settings.OIDC_SCOPES,
    claims: {
      email: settings.OIDC_EMAIL_CLAIM,
      firstName: settings.OIDC_FIRST_NAME_CLAIM,
      lastName: settings.OIDC_LAST_NAME_CLAIM,
      groups: settings.OIDC_GROUPS_CLAIM,
    },
    trustUnverifiedEmail: !google && settings.OIDC_TRUST_UNVERIFIED_EMAIL,
    timeoutMs: PROVIDER_TIMEOUT_MS,
  };
}
