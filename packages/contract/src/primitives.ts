import { z } from 'zod';
import { ExactNumber, isPlainObject } from './json.js';

/** An instant as shown in JSON: `2026-11-21T21:41:10.779956+00:00`. */
export const isoDate = z.string().meta({ description: 'ISO 8601 instant in UTC with microseconds' });

/** compat: diffs and blind credentials show dates as RFC 1123, `Sat, 21 Nov 2026 21:44:29 GMT`. */
export const rfc1123Date = z.string().meta({ description: 'RFC 1123 date' });

export const jsonObject = z
  .custom<Record<string, unknown>>(isPlainObject, 'must be an object')
  .meta({ type: 'object', additionalProperties: true });

/** A value of a credential pair: any JSON scalar, integers beyond 2^53 included. */
const scalar = z.custom<string | number | boolean | null | ExactNumber>(
  (value) => value === null || ['string', 'number', 'boolean'].includes(typeof value) || value instanceof ExactNumber,
  'must be text, a number, a boolean or null',
);

export type Scalar = z.infer<typeof scalar>;

/** Marks a schema whose values are secret, for logging and documentation. */
export const SECRET = { secret: true } as const;

/** Key/value pairs of a credential. Insertion order is kept; `__proto__` is an ordinary key. */
export const credentialPairs = z
  .custom<Record<string, Scalar>>(
    (value) => isPlainObject(value) && Object.values(value).every((each) => scalar.safeParse(each).success),
    'credential pairs must be key: value, where each value is text, a number, a boolean or null',
  )
  .meta({
    ...SECRET,
    type: 'object',
    additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
  });

/** A map with text values: in blind credentials, from region to ciphertext. */
export const textMap = z.record(z.string(), z.string());

/** Marks an issue whose message is the whole error text, without the field's name before it (recorded texts). */
export const SENTENCE = { sentence: true } as const;

/** A map of text with at least one entry, with its own error message. */
export function nonEmptyTextMap(problem: z.core.$ZodCustomParams) {
  return z
    .custom<Record<string, string>>((value) => {
      const entries = isPlainObject(value) ? Object.values(value) : [];
      return entries.length > 0 && entries.every((text) => typeof text === 'string');
    }, problem)
    .meta({ type: 'object', additionalProperties: { type: 'string' } });
}

// Without the joiners U+200C and U+200D, which some scripts and emoji need.
const STEERING_CLASS =
  '\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff';
/**
 * Characters that control terminals and pages, or that are invisible: control characters, line ends, marks that change
 * the direction of writing, and characters with which one name can look like another.
 */
export const STEERING = new RegExp(`[${STEERING_CLASS}]`);

/** Text of one line without such characters, for names and tags, on which policies and logs rely. */
export const plainText = z
  .string()
  .regex(new RegExp(`^[^${STEERING_CLASS}]*$`), 'must not contain control or invisible characters');

/** The name of a credential or blind credential. */
export const name = plainText.min(1, 'name must not be empty').max(1024);

const WHOLE = 'must be a whole number, 0 or more';

/**
 * The revision that an update or revert expects; otherwise it is refused with `write_conflict`. For a new service it is
 * 0.
 */
export const expectedRevision = z.number(WHOLE).int(WHOLE).min(0, WHOLE).optional().meta({
  description: 'the revision that the change expects; with another current revision it is refused. 0: none yet',
});

/**
 * The optional body of a revert. Clients of the original send none, `null`, or fields of their own, which are ignored.
 */
export const revertRequest = z.object({ expected_revision: expectedRevision }).nullish();

export const permissions = z.record(z.string(), z.boolean());

/** compat: `true`, `True` and `1` mean yes, anything else no. */
export const metadataOnly = z
  .string()
  .optional()
  .transform((text) => text === 'true' || text === 'True' || text === '1')
  .meta({ type: 'string' });

export const pageQuery = z.object({
  limit: z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined || text === '') return undefined;
      const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
      if (limit >= 1) return limit;
      context.addIssue({ code: 'custom', message: 'must be a whole number from 1 to 999999' });
      return z.NEVER;
    })
    .meta({ type: 'string' }),
  page: z.string().max(4096).optional(),
});

/** Only positive integers (bug 2); anything else in a path is a 404. */
export const revisionParam = z
  .string()
  .regex(/^[1-9]\d{0,14}$/)
  .transform(Number)
  .meta({ type: 'integer' });

/** An id of a row. Ids with a slash belong to internal rows, which must stay out of reach. */
export const idParam = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[^/\u0000-\u001f\u007f]+$/);
