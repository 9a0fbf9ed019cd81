import type { RouteId } from '@confidant/contract';
import { timed } from '../app/timers.js';
import type { Metrics } from '../ports/telemetry.js';
import type { Handlers } from './handlers.js';

/** compat: the routes that the original timed, under its names. It timed the use-case and its response, not parsing. */
const TIMERS: Partial<Record<RouteId, string>> = {
  listCredentials: 'list_credentials',
  getCredential: 'get_credential_by_id',
  createCredential: 'create_credential',
  updateCredential: 'update_credential',
  listServices: 'list_services',
  getService: 'get_service_by_id',
};

/** The same handlers; those in {@link TIMERS} report how long they took. */
export function withTimers(handlers: Handlers, metrics: Metrics): Handlers {
  const measured: Record<string, unknown> = { ...handlers };
  for (const [id, name] of Object.entries(TIMERS)) {
    const handle = handlers[id as RouteId] as (request: unknown) => Promise<unknown>;
    measured[id] = (request: unknown) => timed({ metrics }, name, () => handle(request));
  }
  return measured as unknown as Handlers;
}
