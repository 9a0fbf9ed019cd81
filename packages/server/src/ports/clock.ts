import type { Instant } from '../domain/instant.js';

/** Time, in one place so that it can be chosen. Instants never repeat within a process. */
export interface Clock {
  now(): Instant;
}
