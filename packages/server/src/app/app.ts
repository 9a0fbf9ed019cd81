import type { Acl } from '../domain/acl.js';
import type { Principal } from '../domain/principal.js';
import type { RotationPolicy } from '../domain/rotation.js';
import type { CertificateAuthorities } from '../ports/certificates.js';
import type { Clock } from '../ports/clock.js';
import type { ExpiringStore } from '../ports/expiring.js';
import type { AuthKeyGrants, Roles } from '../ports/grants.js';
import type { SigningKeys } from '../ports/jwt-keys.js';
import type { Sealer } from '../ports/sealer.js';
import type { Archive, Store } from '../ports/store.js';
import type { Audit, Events, Metrics } from '../ports/telemetry.js';
import type { NameIndex, ServiceIndex } from './indexes.js';

/** Keys and settings of JWTs. */
export interface JwtSettings {
  keys: SigningKeys;
  /** Longest lifetime of a token; callers may ask for a shorter one. */
  lifetimeSeconds: number;
  /** Cache of recent tokens; null if every request gets a new one. */
  cache: { store: Pick<ExpiringStore, 'get' | 'set'>; ttlSeconds: number } | null;
}

/** Everything that the use-cases need: the ports, and the few settings that are business rules. */
export interface App {
  store: Store;
  sealer: Sealer;
  acl: Acl;
  clock: Clock;
  audit: Audit;
  events: Events;
  metrics: Metrics;
  /** Undefined if this server cannot archive. */
  archive: Archive | undefined;
  roles: Roles;
  authGrants: AuthKeyGrants;
  authorities: CertificateAuthorities;
  jwts: JwtSettings;
  services: ServiceIndex;
  names: NameIndex;
  rotation: RotationPolicy;
  /** The accounts a service may be scoped to. */
  accounts: readonly string[];
  ignoreConflicts: boolean;
  enforceDocumentation: boolean;
  /** Whether this server makes the KMS grants of services that are IAM roles. */
  manageGrants: boolean;
  /** The oldest version of tokens that is accepted. The form of grants depends on it. */
  minimumTokenVersion: number;
  /** Settings that clients may read. */
  clientConfig: { defined: Readonly<Record<string, unknown>>; xsrfCookieName: string };
  /** Default page size of histories; 0 means no paging. */
  historyPageLimit: number;
  /** Whether to record when values of a credential were shown. */
  recordDecryptions: boolean;
  /** Whether writes are refused right now. */
  inMaintenance: () => boolean;
  /** Logs a fault that the caller does not see. The details never hold a value. */
  warn: (message: string, details: Record<string, unknown>) => void;
}

/** The caller, and the id that connects all log lines of the request. */
export interface Caller {
  principal: Principal;
  requestId: string;
}
