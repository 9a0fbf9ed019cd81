import { z } from 'zod';
import { jsonObject } from './primitives.js';

const listAndCreate = z.object({ list: z.boolean(), create: z.boolean() });

/** The settings of the server that clients need. Permissions are hints, for clients that hide buttons. */
export const clientConfig = z.object({
  /** The setting CLIENT_CONFIG. */
  defined: jsonObject,
  generated: z.object({
    kms_auth_manage_grants: z.boolean(),
    aws_accounts: z.array(z.string()),
    xsrf_cookie_name: z.string(),
    maintenance_mode: z.boolean(),
    history_page_limit: z.number().int().nullable(),
    /** Tags that occur in the rotation settings. */
    defined_tags: z.array(z.string()),
    permissions: z.object({
      credentials: listAndCreate,
      blind_credentials: listAndCreate,
      services: listAndCreate,
    }),
  }),
});
export type ClientConfigBody = z.infer<typeof clientConfig>;
