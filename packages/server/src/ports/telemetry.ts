import type { Service } from '../domain/records.js';

/** A line of the audit log: who did what to which resource, and how it ended. It never holds a value. */
export interface AuditEntry {
  principal: { name: string; type: string; authenticatedBy: string; account: string | null };
  action: string;
  resourceType: string;
  resourceId?: string;
  revision?: number;
  outcome: 'ok' | 'denied' | 'failed';
  /** An error code, when the outcome is not `ok`. */
  reason?: string;
  /** Ids of the credentials whose values were given out, for a service. */
  credentials?: readonly string[];
  /** For certificates: the CA, the alternative names, and how to find the certificate. */
  certificate?: { ca: string; alternativeNames: readonly string[]; validityDays: number; serialNumber?: string };
  /** For JWTs: the environment of the token, and the key that signed it. */
  jwt?: { environment: string; kid?: string };
  requestId?: string;
}

export type Audit = (entry: AuditEntry) => void;

/** A change, for webhooks and Graphite. It contains only ids and names. */
export type ChangeEvent =
  | { type: 'service'; service: Service; previous: Service | null }
  | {
      type: 'credential' | 'blind-credential';
      id: string;
      name: string;
      revision: number;
      /** The services that map it. */
      services: string[];
      /** Whether an old revision was brought back; otherwise it was updated. */
      reverted?: boolean;
    };

/** Publishes changes. This never throws and never delays the caller. */
export interface Events {
  publish(event: ChangeEvent): void;
}

/** Counters and timers, under the original's statsd names. Never throws and never delays the caller. */
export interface Metrics {
  /** True when no sink is configured: callers then skip work that only serves to measure. */
  readonly isOff?: boolean;
  count(name: string, by?: number): void;
  timing(name: string, milliseconds: number): void;
}
