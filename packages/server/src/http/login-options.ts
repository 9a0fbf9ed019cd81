import type { CliCodes } from '../auth/cli-codes.js';
import type { LoginFlows } from '../auth/login-flow.js';
import type { Sessions } from '../auth/sessions.js';
import type { Person } from '../domain/person.js';
import type { ExpiringStore } from '../ports/expiring.js';
import type { OpenIdProvider, SamlProvider } from '../ports/login.js';
import type { Audit } from '../ports/telemetry.js';
import type { Authentication } from './authentication.js';
import type { TransportOptions } from './security.js';

/** How people log in. */
export type LoginModule =
  /** USE_AUTH=false: no one has to log in. */
  | { kind: 'no-authentication' }
  /** No login is configured: people cannot log in. */
  | { kind: 'no-login' }
  | OpenIdModule
  | SamlModule
  | { kind: 'header' }
  | LocalModule;

export interface OpenIdModule {
  kind: 'openid';
  provider: OpenIdProvider;
  flows: LoginFlows;
}

export interface SamlModule {
  kind: 'saml';
  provider: SamlProvider;
  flows: LoginFlows;
  /** Content of `/v1/saml/debug`; null if it is off. */
  debug: Record<string, unknown> | null;
}

/** The one-time link of the embedded server. */
export interface LocalModule {
  kind: 'local';
  /** Returns the person if the secret is the link's. A secret is accepted once. */
  redeem: (secret: string) => Person | undefined;
}

export interface LoginOptions {
  module: LoginModule;
  authentication: Authentication;
  transport: TransportOptions;
  /** Undefined if people cannot log in. */
  sessions: Sessions | undefined;
  /** Codes for logins of command lines; undefined if people cannot log in, or if a proxy authenticates them. */
  cliCodes: CliCodes | undefined;
  /** Name of the session's cookie. */
  sessionCookie: string;
  /** Beginning of the names of the cookies that tie a login's end to its beginning. */
  flowCookie: string;
  /** Remembers assertions and logout requests that were used. */
  used: ExpiringStore;
  audit: Audit;
  /** Seconds since 1970. */
  now: () => number;
}
