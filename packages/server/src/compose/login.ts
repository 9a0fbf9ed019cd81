import { isLoopback } from '@confidant/contract';
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { usersFile } from '../adapters/login/users-file.js';
import { CliCodes } from '../auth/cli-codes.js';
import type { Authenticator } from '../auth/authenticate.js';
import { headerLogin } from '../auth/header-login.js';
import { LoginFlows } from '../auth/login-flow.js';
import { Sessions } from '../auth/sessions.js';
import { canPeopleLogIn, sessionSecrets } from '../config/login-checks.js';
import type { Settings } from '../config/server-settings.js';
import type { Admission } from '../domain/person.js';
import { openSessionSecret } from '../embedded/login-link.js';
import { Authentication, type BrowserLogin } from '../http/authentication.js';
import type { LoginOptions } from '../http/login-options.js';
import { proxyList, type TransportOptions } from '../http/security.js';
import type { Audit } from '../ports/telemetry.js';
import { openExpiringStore } from './expiring-store.js';
import { openLoginModule } from './login-module.js';

/** The owner of a session cookie could guess a shorter SESSION_SECRET. */
const RECOMMENDED_SECRET_LENGTH = 32;

/** How people log in and stay logged in. */
export interface Login {
  options: LoginOptions;
  close(): Promise<void>;
}

/**
 * Opens sessions and the login that the settings select.
 *
 * @param authenticators tried before the session
 */
export async function openLogin(
  settings: Settings,
  authenticators: readonly Authenticator[],
  { audit, logger }: { audit: Audit; logger: Logger },
): Promise<Login> {
  const now = (): number => Date.now() / 1000;
  const transport = transportOptions(settings);
  const used = await openExpiringStore(settings, logger);
  const flowCookie = `${settings.SESSION_COOKIE_NAME}_login`;
  const base = { transport, flowCookie, sessionCookie: settings.SESSION_COOKIE_NAME, used, audit, now };
  const close = (): Promise<void> => used.close();
  if (!canPeopleLogIn(settings)) {
    const kind = settings.USE_AUTH ? ('no-login' as const) : ('no-authentication' as const);
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
  const module = await openLoginModule(settings, new LoginFlows(secrets, used, now), now);
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
  // The proxy authenticates browsers only, so a command line cannot log in.
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

function secretsOf(settings: Settings, logger: Logger): string[] {
  const secrets = sessionSecrets(settings);
  if (secrets.some((secret) => secret.length < RECOMMENDED_SECRET_LENGTH)) {
    logger.warn(`SESSION_SECRET is short: use ${RECOMMENDED_SECRET_LENGTH} random characters or more`);
  }
  if (secrets.length > 0) return secrets;
  // With DynamoDB, readSettings requires a secret.
  return [
    settings.kind === 'embedded' ? openSessionSecret(settings.CONFIDANT_DATA_DIR) : randomBytes(32).toString('base64'),
  ];
}

function admissionOf(settings: Settings): Admission {
  // The one-time link logs in the user who runs the server and has no e-mail address.
  if (settings.USER_AUTH_MODULE === 'local') return { emailSuffix: '', listed: () => undefined };
  return {
    emailSuffix: settings.USER_EMAIL_SUFFIX,
    listed: settings.USERS_FILE === '' ? () => undefined : usersFile(settings.USERS_FILE),
  };
}
