import type {
  BlindCredentialBody,
  BlindCredentialListBody,
  BlindCredentialRevisionsBody,
  BlindCredentialSummary,
  ClientConfigBody,
  CredentialBody,
  CredentialListBody,
  CredentialRevisionsBody,
  DiffBody,
  EmailBody,
  GrantsBody,
  MappedServicesBody,
  RolesBody,
  ServiceBody,
  ServiceListBody,
  ServiceRevisionsBody,
} from '@confidant/contract';
import { infiniteQueryOptions, QueryClient, queryOptions } from '@tanstack/react-query';
import { ApiError } from './errors.js';
import { request, setCsrfCookie } from './request.js';

const STALE_MS = 30_000;
const PAGE_ROWS = 500;
const MOST_RETRIES = 2;

/** Metadata only, in memory only: values never enter this cache. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: STALE_MS,
      gcTime: 5 * 60_000,
      // A request extends the session, so nothing is asked again without a person in front of it.
      refetchOnWindowFocus: true,
      refetchOnReconnect: false,
      retry: (count, error) => count < MOST_RETRIES && isTemporary(error),
    },
    mutations: { retry: false },
  },
});

function isTemporary(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status === 503);
}

export const configQuery = queryOptions({
  queryKey: ['client_config'],
  queryFn: async ({ signal }) => {
    const config = await request<ClientConfigBody>('/v1/client_config', { signal });
    setCsrfCookie(config.generated.xsrf_cookie_name);
    return config;
  },
});

export const personQuery = queryOptions({
  queryKey: ['person'],
  queryFn: ({ signal }) => request<EmailBody>('/v1/user/email', { signal }),
  staleTime: Infinity,
});

export const credentialsQuery = infiniteQueryOptions({
  queryKey: ['credentials'],
  queryFn: ({ signal, pageParam }) => request<CredentialListBody>(pageOf('/v1/credentials', pageParam), { signal }),
  initialPageParam: '',
  getNextPageParam: (page: CredentialListBody) => page.next_page ?? undefined,
});

export const blindListQuery = queryOptions({
  queryKey: ['blind_credentials'],
  queryFn: ({ signal }) => request<BlindCredentialListBody>('/v1/blind_credentials', { signal }),
  select: (body): readonly BlindCredentialSummary[] => body.blind_credentials,
});

export const servicesQuery = infiniteQueryOptions({
  queryKey: ['services'],
  queryFn: ({ signal, pageParam }) => request<ServiceListBody>(pageOf('/v1/services', pageParam), { signal }),
  initialPageParam: '',
  getNextPageParam: (page: ServiceListBody) => page.next_page ?? undefined,
});

export const credentialQuery = (id: string) =>
  queryOptions({
    queryKey: ['credential', id],
    queryFn: ({ signal }) =>
      request<CredentialBody>(`/v1/credentials/${encodeURIComponent(id)}?metadata_only=true`, { signal }),
  });

export const blindQuery = (id: string) =>
  queryOptions({
    queryKey: ['blind', id],
    queryFn: ({ signal }) =>
      request<BlindCredentialBody>(`/v1/blind_credentials/${encodeURIComponent(id)}`, { signal }),
    // Reading one is recorded as a read of its ciphertext.
    refetchOnWindowFocus: false,
  });

export const servicesOfQuery = (kind: 'credentials' | 'blind_credentials', id: string) =>
  queryOptions({
    queryKey: ['services of', kind, id],
    queryFn: ({ signal }) => request<MappedServicesBody>(`/v1/${kind}/${encodeURIComponent(id)}/services`, { signal }),
  });

export const serviceQuery = (id: string) =>
  queryOptions({
    queryKey: ['service', id],
    queryFn: ({ signal }) =>
      request<ServiceBody>(`/v1/services/${encodeURIComponent(id)}?metadata_only=true`, { signal }),
  });

export const grantsQuery = (id: string) =>
  queryOptions({
    queryKey: ['grants', id],
    queryFn: ({ signal }) => request<GrantsBody>(`/v1/grants/${encodeURIComponent(id)}`, { signal }),
  });

/** Names of IAM roles, to complete the name of a service; none where there is no IAM. */
export const rolesQuery = queryOptions({
  queryKey: ['roles'],
  queryFn: ({ signal }) => request<RolesBody>('/v1/roles', { signal }),
  select: (body): readonly string[] => body.roles,
  retry: false,
});

export const credentialHistoryQuery = (id: string) =>
  queryOptions({
    queryKey: ['history', 'credentials', id],
    queryFn: ({ signal }) =>
      request<CredentialRevisionsBody>(`/v1/archive/credentials/${encodeURIComponent(id)}`, { signal }),
  });

export const blindHistoryQuery = (id: string) =>
  queryOptions({
    queryKey: ['history', 'blind_credentials', id],
    queryFn: ({ signal }) =>
      request<BlindCredentialRevisionsBody>(`/v1/archive/blind_credentials/${encodeURIComponent(id)}`, { signal }),
    refetchOnWindowFocus: false,
  });

export const serviceHistoryQuery = (id: string) =>
  queryOptions({
    queryKey: ['history', 'services', id],
    queryFn: ({ signal }) =>
      request<ServiceRevisionsBody>(`/v1/archive/services/${encodeURIComponent(id)}`, { signal }),
  });

/** What changed between two revisions, the lower one first: keys, never values. It never changes. */
export const diffQuery = (kind: string, id: string, low: number, high: number) =>
  queryOptions({
    queryKey: ['diff', kind, id, low, high],
    queryFn: ({ signal }) => request<DiffBody>(`/v1/${kind}/${encodeURIComponent(id)}/${low}/${high}`, { signal }),
    staleTime: Infinity,
  });

function pageOf(path: string, page: string): string {
  return `${path}?limit=${PAGE_ROWS}${page === '' ? '' : `&page=${encodeURIComponent(page)}`}`;
}
