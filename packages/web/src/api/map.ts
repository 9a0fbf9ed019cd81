import type { ServiceBody } from '@confidant/contract';
import { ApiError } from './errors.js';
import { request } from './request.js';

const MOST_ATTEMPTS = 4;

/**
 * Adds a credential to what a service gets; a service that does not exist is created. Another write in between is read
 * and joined, never overwritten.
 *
 * @throws ApiError
 */
export async function addToService(
  service: string,
  kind: 'credentials' | 'blind_credentials',
  id: string,
): Promise<void> {
  const path = `/v1/services/${encodeURIComponent(service)}`;
  for (let attempt = 1; ; attempt += 1) {
    const { revision, ids } = await currentIds(path, kind);
    if (ids.includes(id)) return;
    try {
      await request(path, { method: 'PUT', body: { [kind]: [...ids, id], expected_revision: revision } });
      return;
    } catch (error) {
      const isRace = error instanceof ApiError && error.code === 'write_conflict';
      if (!isRace || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

async function currentIds(
  path: string,
  kind: 'credentials' | 'blind_credentials',
): Promise<{ revision: number; ids: string[] }> {
  try {
    const service = await request<ServiceBody>(`${path}?metadata_only=true`);
    return { revision: service.revision, ids: service[kind].map(({ id }) => id) };
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return { revision: 0, ids: [] };
    throw error;
  }
}
