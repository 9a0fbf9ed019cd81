import { z } from 'zod';

export const roles = z.object({ roles: z.array(z.string()) });

/** Whether the KMS grants that let a service make and show its tokens are there. */
export const grants = z.object({
  id: z.string(),
  grants: z.object({ encrypt_grant: z.boolean(), decrypt_grant: z.boolean() }),
});
export type GrantsBody = z.infer<typeof grants>;
