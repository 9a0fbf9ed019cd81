import type { ServiceBody } from '@confidant/contract';
import { ConfidantError } from '../sdk/errors.js';

/** Whether a value is a service with its credentials, as far as its values are used. Other members may differ. */
export function isService(value: unknown): value is ServiceBody {
  if (!isMap(value) || typeof value['id'] !== 'string') return false;
  const { credentials, blind_credentials: blind = [] } = value;
  if (!Array.isArray(credentials) || !Array.isArray(blind) || !blind.every(isMap)) return false;
  return credentials.every((credential) => isMap(credential) && isMap(credential['credential_pairs'] ?? {}));
}

/** The error for an answer 200 that is not a service: something else than Confidant gave it. */
export function notService(id: string): ConfidantError {
  return new ConfidantError(`the answer for ${id} is not a service; is this a Confidant server?`, {
    code: 'invalid_response',
    status: 200,
    foreign: true,
  });
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
