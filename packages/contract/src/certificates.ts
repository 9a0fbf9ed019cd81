import { z } from 'zod';
import { idParam, SECRET } from './primitives.js';

/** Optional; the CA limits it. */
const NO_VALIDITY = {
  type: 'integer',
  description: 'days, at most what the CA allows, which is also the default',
};

export const caParams = z.object({ ca: idParam });
export const certificateParams = z.object({ ca: idParam, cn: idParam });

export const certificateQuery = z.object({
  /** May be repeated, once per name. */
  san: z
    .array(z.string().max(253))
    .max(100)
    .optional()
    .transform((names) => names ?? [])
    .meta({ type: 'array', items: { type: 'string' }, description: 'alternative DNS names' }),
  validity: z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined || text === '') return undefined;
      if (/^-?\d{1,9}$/.test(text)) return Number(text);
      context.addIssue({ code: 'custom', message: 'must be a whole number of days' });
      return z.NEVER;
    })
    .meta(NO_VALIDITY),
});

/** compat: a missing `csr` has a response of its own, so it is optional here. */
export const certificateFromCsr = z.object({
  csr: z.string().max(32_768).nullish().meta({ description: 'PKCS #10 request, PEM' }),
  validity: z.number().int().nullish().meta(NO_VALIDITY),
});

export const certificate = z.object({
  certificate: z.string().meta({ description: 'PEM' }),
  certificate_chain: z.string().meta({ description: 'PEM: the certificates of the issuer and of the CAs above it' }),
});
export type CertificateBody = z.infer<typeof certificate>;

export const certificateWithKey = certificate.extend({
  key: z.string().meta({ ...SECRET, description: 'PEM, the private key that was made for the certificate' }),
});
export type CertificateWithKeyBody = z.infer<typeof certificateWithKey>;

export const certificateAuthority = z.object({
  ca: z.string(),
  certificate: z.string().nullable(),
  certificate_chain: z.string().nullable(),
  // compat: a map for ACM, an empty list for a custom CA.
  tags: z.union([z.record(z.string(), z.string()), z.array(z.never())]),
});
export type CertificateAuthorityBody = z.infer<typeof certificateAuthority>;

export const certificateAuthorityList = z.object({ cas: z.array(certificateAuthority) });
export type CertificateAuthorityListBody = z.infer<typeof certificateAuthorityList>;
