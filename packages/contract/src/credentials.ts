import { z } from 'zod';
import {
  credentialPairs,
  expectedRevision,
  isoDate,
  jsonObject,
  name,
  permissions,
  plainText,
  rfc1123Date,
  SECRET,
} from './primitives.js';

/** A credential in responses. In lists and with `metadata_only`, `credential_pairs` is empty. */
export const credential = z.object({
  id: z.string(),
  name: z.string(),
  credential_pairs: credentialPairs,
  credential_keys: z.array(z.string()),
  metadata: jsonObject,
  revision: z.number().int(),
  enabled: z.boolean(),
  documentation: z.string().nullable(),
  modified_date: isoDate.nullable(),
  modified_by: z.string().nullable(),
  permissions,
  tags: z.array(z.string()),
  last_rotation_date: isoDate.nullable(),
  next_rotation_date: isoDate.nullable(),
});
export type CredentialBody = z.infer<typeof credential>;

export const credentialList = z.object({ credentials: z.array(credential), next_page: z.string().nullable() });
export type CredentialListBody = z.infer<typeof credentialList>;

export const credentialRevisions = z.object({ revisions: z.array(credential), next_page: z.string().nullable() });
export type CredentialRevisionsBody = z.infer<typeof credentialRevisions>;

const optional = {
  documentation: z.string().nullish(),
  metadata: jsonObject.nullish(),
  tags: z.array(plainText.max(256)).max(1000).nullish(),
  enabled: z.boolean().optional(),
};

/** The body of POST credentials. Unknown fields are ignored, because clients send responses back. */
export const credentialCreate = z.object({
  ...optional,
  name,
  credential_pairs: credentialPairs.refine((pairs) => Object.keys(pairs).length > 0, 'must not be empty'),
});
export type CredentialCreate = z.infer<typeof credentialCreate>;

const MAX_UNSET = 1000;

/** The body of PUT credentials. Only the fields that are present change. */
export const credentialUpdate = z.object({
  ...optional,
  name: name.optional(),
  credential_pairs: credentialPairs
    .refine((pairs) => Object.keys(pairs).length > 0, 'Credential Pairs cannot be empty.')
    .optional(),
  /** Pairs to add or to give new values; the others stay. Not together with `credential_pairs`. */
  set: credentialPairs.optional(),
  /** Keys to remove; each must be there. Not together with `credential_pairs`. */
  unset: z.array(z.string()).max(MAX_UNSET).optional(),
  // compat: with ENFORCE_DOCUMENTATION a body that carries a revision (a revert of old clients) is exempt.
  revision: z.unknown().optional(),
  expected_revision: expectedRevision,
});
export type CredentialUpdate = z.infer<typeof credentialUpdate>;

/** compat: `added` and `removed` contain keys only, never values; dates are RFC 1123. */
export const diff = z.record(
  z.string(),
  z.object({
    added: z
      .union([z.string(), z.array(z.string()), z.boolean(), rfc1123Date])
      .nullable()
      .optional(),
    removed: z
      .union([z.string(), z.array(z.string()), z.boolean(), rfc1123Date])
      .nullable()
      .optional(),
  }),
);
export type DiffBody = z.infer<typeof diff>;

export const mappedServices = z.object({ services: z.array(z.object({ id: z.string(), enabled: z.boolean() })) });
export type MappedServicesBody = z.infer<typeof mappedServices>;

export const generatedValue = z.object({ value: z.string().meta(SECRET) });

/** The body of POST credentials/:id/archive. Without `force` it only checks whether archiving would work. */
export const archiveRequest = z.object({ force: z.boolean().nullish() }).nullish();
export const archiveResult = z.object({ result: z.enum(['success', 'dry-run success']) });
