import { z } from 'zod';

/** A key with its certificate, as SECRETS_BOOTSTRAP holds them, to sign JWTs or certificates. All texts are PEM. */
export interface KeyEntry {
  kid: string;
  key: string;
  crt: string;
  /** The certificate above `crt`. */
  rootcrt: string | null;
  passphrase: string | null;
}

// compat: the original requires every field, with null for a missing root or passphrase (bug 21).
const entrySchema = z.object({
  kid: z.string().min(1),
  key: z.string().min(1),
  crt: z.string().min(1),
  rootcrt: z
    .string()
    .nullish()
    .transform((text) => text || null),
  passphrase: z
    .string()
    .nullish()
    .transform((text) => text || null),
});
const named = z.record(z.string(), z.array(z.unknown()));

/**
 * Reads base64 of JSON: lists of entries by name. compat: entries that cannot be read are reported by kid and left out.
 * The report never holds content.
 */
export function readKeyEntries(
  encoded: string,
  setting: string,
  warn: (message: string, details: Record<string, unknown>) => void,
): Map<string, KeyEntry[]> {
  if (encoded === '') return new Map();
  let lists: Record<string, unknown[]>;
  try {
    lists = named.parse(JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')));
  } catch {
    // The error's own text would quote what it could not read.
    warn('a setting is not base64 of a JSON object of lists, and is ignored', { setting });
    return new Map();
  }
  return new Map(
    Object.entries(lists).map(([name, list]) => [
      name,
      list.flatMap((item) => {
        const parsed = entrySchema.safeParse(item);
        if (parsed.success) return [parsed.data];
        const kid = (item as { kid?: unknown } | null)?.kid;
        const fields = parsed.error.issues.map(({ path }) => path.join('.'));
        warn('an entry is invalid and is left out', {
          setting,
          name,
          kid: typeof kid === 'string' ? kid : null,
          fields,
        });
        return [];
      }),
    ]),
  );
}
