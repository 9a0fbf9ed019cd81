import type { KmsUnavailable } from '@confidant/kmsauth/sender';
import type { ConfidantError } from '../errors.js';

const LOOPBACK = /^(127\.|::1$|\[::1\]$|localhost$)/;
/** What OpenSSL says of an answer that is no TLS; codes and words differ between releases of Node. */
const NOT_TLS = /wrong.version.number|packet.length.too.long/i;

/** What to do where KMS could not be reached, to put after that; else empty. */
export function adviseNoKms({ code }: KmsUnavailable): string {
  return code === 'ECONNREFUSED' && isKmsHere()
    ? '; the server may have been started with other ports: take in its client.env again'
    : '';
}

/** The same of the server: `; is the server running?`. */
export function adviseNoServer(error: ConfidantError): string {
  if (error.code !== 'network' || !(error.cause instanceof Error)) return '';
  const { code, message } = error.cause as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED' && addressesOf(error.cause).some((address) => LOOPBACK.test(address))) {
    return '; is the server running? (npm start)';
  }
  return NOT_TLS.test(`${code} ${message}`) ? '; the server speaks plain http there' : '';
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
export function isKmsHere(): boolean {
  const endpoint = process.env['AWS_ENDPOINT_URL_KMS'] ?? process.env['AWS_ENDPOINT_URL'] ?? '';
  return URL.canParse(endpoint) && LOOPBACK.test(new URL(endpoint).hostname);
}
