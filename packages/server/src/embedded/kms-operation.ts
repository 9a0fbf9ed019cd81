import { isPlainObject } from '@confidant/contract';
import { z } from 'zod';
import { KmsRefused, type EncryptionContext } from '@confidant/kmsauth';
import type { KeyringKey } from './key-store.js';
import type { Keyring } from './keyring.js';

/** The type of KMS operations, and the schemas of members that several of them share. */

export const SYMMETRIC = 'SYMMETRIC_DEFAULT';

export const keyId = z.string().min(1).max(2048);
export const blob = (maxBytes: number) =>
  z
    .base64()
    .min(1)
    .max(4 * Math.ceil(maxBytes / 3))
    .transform((text) => Buffer.from(text, 'base64'));

// z.record would drop the name `__proto__`, but a context is bound as a whole.
const context = z.custom<EncryptionContext>(
  (value) => isPlainObject(value) && Object.values(value).every((item) => typeof item === 'string'),
);
export const optionalContext = context.optional().transform((value) => value ?? {});
export const algorithm = z.literal(SYMMETRIC).optional();
// In AWS, grant tokens bridge the time until a new grant is known everywhere; here a grant takes effect at once.
export const grantTokens = z.array(z.string()).max(10).optional();

export const page = (maxLimit: number) => ({
  Limit: z.int().min(1).max(maxLimit).optional(),
  Marker: z.string().min(1).max(1024).optional(),
});

export interface Place {
  keyring: Keyring;
  /** The region that the request's signature addresses. */
  region: string;
}
type Answer = Record<string, unknown> | undefined;
export type Operation = (place: Place, body: unknown) => Promise<Answer>;

export function operation<S extends z.ZodType>(
  schema: S,
  run: (place: Place, input: z.output<S>) => Promise<Answer> | Answer,
) {
  return async (place: Place, body: unknown): Promise<Answer> => {
    const parsed = schema.safeParse(body);
    if (!parsed.success) {
      const unknownMember = parsed.error.issues.some((issue) => issue.code === 'unrecognized_keys');
      throw new KmsRefused(unknownMember ? 'UnsupportedOperationException' : 'ValidationException');
    }
    return run(place, parsed.data);
  };
}

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Finds the key for an operation that does not take aliases in AWS: what works here must work there. */
export function findByIdOrArn({ keyring, region }: Place, reference: string): KeyringKey {
  if (/^(arn:.*:)?alias\//.test(reference)) throw new KmsRefused('NotFoundException');
  return keyring.find(region, reference);
}

/**
 * One page of items sorted by `idOf`; the marker is the id of the last item before it, so deletions do not upset it.
 */
export function pageOf<T>(
  sorted: T[],
  idOf: (item: T) => string,
  request: { Limit?: number | undefined; Marker?: string | undefined },
  defaultLimit: number,
): { items: T[]; more: { Truncated: boolean; NextMarker?: string } } {
  const limit = request.Limit ?? defaultLimit;
  const after = request.Marker === undefined ? undefined : Buffer.from(request.Marker, 'base64url').toString('utf8');
  const rest = after === undefined ? sorted : sorted.filter((item) => idOf(item) > after);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  if (last === undefined || rest.length <= limit) return { items, more: { Truncated: false } };
  return { items, more: { Truncated: true, NextMarker: Buffer.from(idOf(last), 'utf8').toString('base64url') } };
}
