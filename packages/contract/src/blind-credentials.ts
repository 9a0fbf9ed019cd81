import { z } from 'zod';
import {
  expectedRevision,
  isoDate,
  jsonObject,
  name,
  nonEmptyTextMap,
  rfc1123Date,
  SENTENCE,
  textMap,
} from './primitives.js';

const fields = {
  id: z.string(),
  name: z.string(),
  // Ciphertext made by the client; the server cannot decrypt it.
  credential_pairs: textMap,
  credential_keys: z.array(z.string()),
  data_key: textMap,
  cipher_type: z.string().nullable(),
  cipher_version: z.number().int().nullable(),
  metadata: jsonObject,
  revision: z.number().int(),
  enabled: z.boolean(),
  documentation: z.string().nullable(),
  modified_by: z.string().nullable(),
};

/** A blind credential in responses of its own routes. compat: dates are RFC 1123 here, ISO 8601 inside a service. */
export const blindCredential = z.object({ ...fields, modified_date: rfc1123Date.nullable() });
export type BlindCredentialBody = z.infer<typeof blindCredential>;

/** A blind credential inside a service. */
export const mappedBlindCredential = z.object({ ...fields, modified_date: isoDate.nullable() });
export type MappedBlindCredentialBody = z.infer<typeof mappedBlindCredential>;

/** compat: the list contains neither ciphertext nor keys nor metadata. */
export const blindCredentialSummary = blindCredential.pick({
  id: true,
  name: true,
  revision: true,
  enabled: true,
  documentation: true,
  modified_by: true,
  modified_date: true,
});
export type BlindCredentialSummary = z.infer<typeof blindCredentialSummary>;

export const blindCredentialList = z.object({ blind_credentials: z.array(blindCredentialSummary) });
export type BlindCredentialListBody = z.infer<typeof blindCredentialList>;

export const blindCredentialHistory = z.object({
  blind_credentials: z.array(blindCredential),
  next_page: z.string().nullable(),
});
export type BlindCredentialHistoryBody = z.infer<typeof blindCredentialHistory>;

/** compat: unlike credentials, newest first and without `next_page`. */
export const blindCredentialRevisions = z.object({ revisions: z.array(blindCredential) });
export type BlindCredentialRevisionsBody = z.infer<typeof blindCredentialRevisions>;

const enabled = z
  .custom<boolean | undefined>((value) => value === undefined || typeof value === 'boolean', {
    error: 'Enabled must be a boolean.',
    params: SENTENCE,
  })
  .optional()
  .meta({ type: 'boolean' });

// The names of the pairs are up to the client, within these bounds.
const keys = z.array(z.string().max(1024)).max(1000).nullish();

const described = {
  documentation: z.string().nullish(),
  metadata: jsonObject.nullish(),
  credential_keys: keys,
  enabled,
};

/** compat: clients compare this text for a missing field. */
function requiredField(field: string, kind: string) {
  return {
    params: SENTENCE,
    error: ({ input }: { input?: unknown }) =>
      input === undefined || input === null
        ? `The following fields are required: ['${field}']`
        : `${field} must be ${kind}.`,
  };
}

const REGION_MAP = 'a dict with a region/key mapping';

/** The body of POST blind_credentials: ciphertext made by the client, by region. Unknown fields are ignored. */
export const blindCredentialCreate = z.object({
  ...described,
  name,
  credential_pairs: nonEmptyTextMap(requiredField('credential_pairs', REGION_MAP)),
  data_key: nonEmptyTextMap(requiredField('data_key', REGION_MAP)),
  cipher_type: z
    .custom<string>((value) => typeof value === 'string' && value !== '', requiredField('cipher_type', 'text'))
    .meta({ type: 'string' }),
  cipher_version: z
    .custom<number>((value) => Number.isSafeInteger(value), requiredField('cipher_version', 'a whole number'))
    .meta({ type: 'integer' }),
});
export type BlindCredentialCreate = z.infer<typeof blindCredentialCreate>;

/**
 * The body of PUT blind_credentials. Only the fields that are present change; `data_key`, `cipher_type` and
 * `cipher_version` change only together with `credential_pairs`, to which they belong.
 */
export const blindCredentialUpdate = z.object({
  ...described,
  name: name.optional(),
  credential_pairs: nonEmptyTextMap(requiredField('credential_pairs', REGION_MAP)).optional(),
  data_key: nonEmptyTextMap(requiredField('data_key', REGION_MAP)).optional(),
  cipher_type: z.string().nullish(),
  cipher_version: z.number().int().nullish(),
  // compat: with ENFORCE_DOCUMENTATION a body that carries a revision (a revert of old clients) is exempt.
  revision: z.unknown().optional(),
  expected_revision: expectedRevision,
});
export type BlindCredentialUpdate = z.infer<typeof blindCredentialUpdate>;
