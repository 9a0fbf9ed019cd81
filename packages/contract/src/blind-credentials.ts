import { z } from 'zod';
import { isoDate, jsonObject, rfc1123Date, textMap } from './primitives.js';

const fields = {
  id: z.string(),
  name: z.string(),
  // Ciphertext made by the person: the server can not read it.
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

/** A blind credential as answered by its own routes. compat: RFC 1123 here, ISO inside a service. */
export const blindCredential = z.object({ ...fields, modified_date: rfc1123Date.nullable() });
export type BlindCredentialBody = z.infer<typeof blindCredential>;

/** A blind credential inside a service. */
export const mappedBlindCredential = z.object({ ...fields, modified_date: isoDate.nullable() });
export type MappedBlindCredentialBody = z.infer<typeof mappedBlindCredential>;
