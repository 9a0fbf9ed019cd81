import type { Instant } from '../domain/instant.js';

/** The current time, behind a port so that tests can choose it. Instants never repeat within a process. */
export interface Clock {
  now(): Instant;
}
