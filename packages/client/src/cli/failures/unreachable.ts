import { isLoopback } from '@confidant/contract/wire';
import type { KmsUnavailable } from '@confidant/kmsauth/sender';
import type { ConfidantError } from '../../sdk/errors.js';

/** What OpenSSL says of an answer that is no TLS; codes and words differ between releases of Node. */
const NOT_TLS = /wrong.version.number|packet.length.too.long/i;

/** What to do where KMS could not be reached, to put after that; else empty. */
export function adviseKmsUnreachable({ code }: KmsUnavailable): string {
  return code === 'ECONNREFUSED' && isKmsLocal()
    ? '; is the server running? (npm start; if it was started with other ports, take in its client.env again)'
    : '';
}

/** The same of the server: `; is the server running?`. */
export function adviseServerUnreachable(error: ConfidantError): string {
  if (!(error.cause instanceof Error)) return '';
  if (error.code === 'untrusted') return adviseUntrusted(error.cause);
  if (error.code !== 'network') return '';
  const { code } = error.cause as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED' && addressesOf(error.cause).some(isLoopback)) {
    return '; is the server running? (npm start)';
  }
  return '';
}

function adviseUntrusted({ code = '', message }: NodeJS.ErrnoException): string {
  if (NOT_TLS.test(`${code} ${message}`)) return '; the server speaks plain http there';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return '; the certificate there is for another name';
  if (/EXPIRED|NOT_YET_VALID/.test(code)) {
    return "; the certificate there is out of date, or this machine's clock is wrong";
  }
  return /CERT|ISSUER|SIGNATURE/.test(code)
    ? '; the certificate there is not trusted here: verify in the configuration names a file of the CA certificates to trust'
    : '';
}

/** A name with several addresses fails at each of them. */
function addressesOf(error: Error): string[] {
  const failures: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  return failures.flatMap((failure) => {
    const { address } = failure as { address?: unknown };
    return typeof address === 'string' ? [address] : [];
  });
}

/** Whether KMS is on this machine, by where the AWS SDK was told that it is. */
export function isKmsLocal(): boolean {
  const endpoint = process.env['AWS_ENDPOINT_URL_KMS'] ?? process.env['AWS_ENDPOINT_URL'] ?? '';
  return URL.canParse(endpoint) && isLoopback(new URL(endpoint).hostname);
}
