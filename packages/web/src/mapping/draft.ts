import type { ServiceBody } from '@confidant/contract';
import type { QueryClient } from '@tanstack/react-query';
import { credentialQuery } from '../api/queries.js';

/** A credential that a service gets, or would get after saving. */
export interface Mapped {
  kind: 'credentials' | 'blind_credentials';
  id: string;
  name: string;
  keys: readonly string[];
  enabled: boolean;
}

export interface Draft {
  added: readonly Mapped[];
  removed: ReadonlySet<string>;
}

export const NO_DRAFT: Draft = { added: [], removed: new Set() };

/** Lists carry no keys, so they are asked for; without them the credential can be added all the same. */
export async function withKeys(queries: QueryClient, mapped: Mapped): Promise<Mapped> {
  if (mapped.kind !== 'credentials') return mapped;
  const credential = await queries.fetchQuery(credentialQuery(mapped.id)).catch(() => undefined);
  return credential === undefined ? mapped : { ...mapped, keys: credential.credential_keys };
}

export function mappedOf(service: ServiceBody | undefined): readonly Mapped[] {
  if (service === undefined) return [];
  const of = (kind: Mapped['kind']) =>
    service[kind].map(({ id, name, credential_keys: keys, enabled }) => ({ kind, id, name, keys, enabled }));
  return [...of('credentials'), ...of('blind_credentials')];
}

export function add(draft: Draft, mapped: Mapped): Draft {
  const removed = new Set(draft.removed);
  if (removed.delete(mapped.id)) return { ...draft, removed };
  return { ...draft, added: [...draft.added.filter((each) => each.id !== mapped.id), mapped] };
}

export function remove(draft: Draft, id: string): Draft {
  return { ...draft, removed: new Set([...draft.removed, id]) };
}

export function undo(draft: Draft, id: string): Draft {
  const removed = new Set(draft.removed);
  removed.delete(id);
  return { added: draft.removed.has(id) ? draft.added : draft.added.filter((each) => each.id !== id), removed };
}
