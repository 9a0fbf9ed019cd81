import { z } from 'zod';
import { mappedBlindCredential } from './blind-credentials.js';
import { credential } from './credentials.js';
import { expectedRevision, isoDate, permissions } from './primitives.js';

/** A service as answered. In lists and histories `credentials` and `blind_credentials` are empty. */
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

// DynamoDB holds a row to 400 kB; a thousand ids of 32 characters stay well within it.
const ids = z.array(z.string().min(1).max(128)).max(1000).nullish();

/** What PUT services takes. Omitted or null ids: none when the service is new, unchanged when it exists. */
export const servicePut = z.object({
  credentials: ids,
  blind_credentials: ids,
  enabled: z.boolean().optional(),
  account: z.string().max(256).nullish(),
  expected_revision: expectedRevision,
});
export type ServicePut = z.infer<typeof servicePut>;
