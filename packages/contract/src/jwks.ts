import { z } from 'zod';
import { idParam, SECRET } from './primitives.js';

export const tokenParams = z.object({ id: idParam });

/** `expiry` is in seconds. Anything but a positive integer is a 404. */
export const tokenWithExpiryParams = z.object({
  id: idParam,
  expiry: z
    .string()
    .regex(/^[1-9]\d{0,14}$/)
    .transform(Number)
    .meta({ type: 'integer' }),
});

export const environmentParams = z.object({ environment: idParam });

/** compat: a missing environment has a response of its own, so it is optional here. */
export const tokenQuery = z.object({ environment: z.string().max(256).optional() });

export const token = z.object({ token: z.string().meta(SECRET) });
export type TokenBody = z.infer<typeof token>;

export const jwks = z.object({
  keys: z.array(
    z.object({ e: z.string(), alg: z.literal('RS256'), kty: z.literal('RSA'), kid: z.string(), n: z.string() }),
  ),
});
export type JwksBody = z.infer<typeof jwks>;
