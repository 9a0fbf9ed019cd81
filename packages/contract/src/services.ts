import { z } from 'zod';
import { mappedBlindCredential } from './blind-credentials.js';
import { credential } from './credentials.js';
import { expectedRevision, isoDate, permissions } from './primitives.js';

/** A service in responses. In lists and histories `credentials` and `blind_credentials` are empty. */
export const service = z.object({
  id: z.string(),
  revision: z.number().int(),
  enabled: z.boolean(),
  modified_date: isoDate.nullable(),
  modified_by: z.string().nullable(),
  account: z.string().nullable(),
  credentials: z.array(credential),
  blind_credentials: z.array(mappedBlindCredential),
  permissions,
});
export type ServiceBody = z.infer<typeof service>;

export const serviceList = z.object({ services: z.array(service), next_page: z.string().nullable() });
export type ServiceListBody = z.infer<typeof serviceList>;

export const serviceRevisions = z.object({ revisions: z.array(service), next_page: z.string().nullable() });
export type ServiceRevisionsBody = z.infer<typeof serviceRevisions>;

// DynamoDB limits a row to 400 kB; a thousand ids of 32 characters are well below it.
const ids = z.array(z.string().min(1).max(128)).max(1000).nullish();

/** The body of PUT services. Omitted or null ids mean none for a new service, and no change for an existing one. */
export const servicePut = z.object({
  credentials: ids,
  blind_credentials: ids,
  enabled: z.boolean().optional(),
  account: z.string().max(256).nullish(),
  expected_revision: expectedRevision,
});
export type ServicePut = z.infer<typeof servicePut>;
