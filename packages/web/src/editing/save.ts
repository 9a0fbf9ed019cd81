import type { CredentialBody, CredentialUpdate, EmailBody } from '@confidant/contract';
import type { QueryClient } from '@tanstack/react-query';
import { type ApiError, asApiError } from '../api/errors.js';
import { credentialQuery, personQuery } from '../api/queries.js';
import { request } from '../api/request.js';

/** How a save ended: as a revision, because of another one, not at all, or unknown to everybody. */
export type Saved =
  | { kind: 'saved'; credential: CredentialBody }
  | { kind: 'conflict' }
  /** Somebody else is logged in now, and nothing was sent. */
  | { kind: 'other person'; now: string; author: string }
  | { kind: 'refused'; error: ApiError }
  | { kind: 'unknown'; error: ApiError };

/** Who is logged in now, whoever was when the page was loaded. */
async function presentPerson(queries: QueryClient): Promise<string> {
  const { email } = await request<EmailBody>('/v1/user/email');
  queries.setQueryData(personQuery.queryKey, { email });
  return email;
}

/**
 * Writes the changed fields as the next revision; the answer holds no values. Writes are never repeated: after a fault
 * of the server or a lost answer, the present revision tells whether it was saved.
 *
 * @param author whose draft it is; nothing is sent in the name of another person
 */
export async function save(
  queries: QueryClient,
  author: string | undefined,
  base: CredentialBody,
  update: CredentialUpdate,
): Promise<Saved> {
  const path = `/v1/credentials/${encodeURIComponent(base.id)}?metadata_only=true`;
  try {
    const now = await presentPerson(queries);
    if (author !== undefined && now !== author) return { kind: 'other person', now, author };
  } catch (reason) {
    return { kind: 'refused', error: asApiError(reason) };
  }
  try {
    return { kind: 'saved', credential: await request<CredentialBody>(path, { method: 'PUT', body: update }) };
  } catch (reason) {
    const error = asApiError(reason);
    if (error.code === 'write_conflict') return { kind: 'conflict' };
    if (error.status !== 0 && error.status < 500) return { kind: 'refused', error };
    return lookedUp(queries, base, error);
  }
}

async function lookedUp(queries: QueryClient, base: CredentialBody, error: ApiError): Promise<Saved> {
  try {
    const present = await request<CredentialBody>(`/v1/credentials/${encodeURIComponent(base.id)}?metadata_only=true`);
    if (present.revision === base.revision) return { kind: 'refused', error };
    const me = await queries.fetchQuery(personQuery);
    const isMine = present.revision === base.revision + 1 && present.modified_by === me.email;
    return isMine ? { kind: 'saved', credential: present } : { kind: 'conflict' };
  } catch {
    return { kind: 'unknown', error };
  }
}

/** Lets every page know of a new revision. */
export function published(queries: QueryClient, credential: CredentialBody): void {
  queries.setQueryData(credentialQuery(credential.id).queryKey, credential);
  void queries.invalidateQueries({ queryKey: ['credentials'] });
  void queries.invalidateQueries({ queryKey: ['service'] });
  void queries.invalidateQueries({ queryKey: ['history'] });
}
