import { createHmac } from 'node:crypto';
import type { ChangeEvent } from '../../ports/telemetry.js';

/**
 * The body of a webhook: `event_type`, `services` and `credentials`, ids only; undefined for a credential that no
 * service maps. compat: blind credentials of a service are never in `service_update`.
 */
export function webhookBody(event: ChangeEvent): string | undefined {
  if (event.type === 'service') {
    return body('service_update', [event.service.id], event.service.credentials);
  }
  if (event.services.length === 0) return undefined;
  const type = event.type === 'credential' ? 'credential_update' : 'blind_credential_update';
  return body(type, event.services, [event.id]);
}

function body(type: string, services: readonly string[], credentials: readonly string[]): string {
  return JSON.stringify({ event_type: type, services, credentials });
}

/**
 * The headers that prove who sent a webhook and when: HMAC-SHA256 under `key` over `<timestamp>.<body>`. The timestamp,
 * in seconds, is part of what is signed, so that a receiver can refuse a recording sent again later.
 */
export function webhookSignature(key: string, timestampSeconds: number, body: string): Record<string, string> {
  const hmac = createHmac('sha256', key).update(`${timestampSeconds}.${body}`).digest('hex');
  return {
    'X-Confidant-Timestamp': String(timestampSeconds),
    'X-Confidant-Signature': `v1=${hmac}`,
  };
}
