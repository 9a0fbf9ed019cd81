import { z } from 'zod';

export const email = z.object({ email: z.string() });
export type EmailBody = z.infer<typeof email>;
