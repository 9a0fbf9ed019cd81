import { z } from 'zod';

export const roles = z.object({ roles: z.array(z.string()) });

/** Whether a service has the KMS grants with which it makes tokens (encrypt) and they are checked (decrypt). */
export const grants = z.object({
  id: z.string(),
  grants: z.object({ encrypt_grant: z.boolean(), decrypt_grant: z.boolean() }),
});
export type GrantsBody = z.infer<typeof grants>;
export type RolesBody = z.infer<typeof roles>;
