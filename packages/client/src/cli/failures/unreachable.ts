import { isLoopback } from '@confidant/contract/wire';
import type { KmsUnavailable } from '@confidant/kmsauth/sender';
import type { ConfidantError } from '../../sdk/errors.js';

/** OpenSSL's error for a response that is not TLS; its code and text differ between releases of Node. */
const NOT_TLS = /wrong.version.number|packet.length.too.long/i;

/** Advice to append to the message of an unreachable KMS; empty if there is none. */
export function adviseKmsUnreachable({ code }: KmsUnavailable): string {
  return code === 'ECONNREFUSED' && isKmsLocal()
    ? '; is the server running? (npm start; if its ports have changed, run `. data/client.env` again)'
    : '';
}

/** The same for an unreachable server: `; is the server running?`. */
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
  if (NOT_TLS.test(`${code} ${message}`)) return '; the server speaks plain http there, not https';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return '; its certificate is for another name';
  if (/EXPIRED|NOT_YET_VALID/.test(code)) {
    return "; its certificate is not valid at this time, or this machine's clock is wrong";
  }
  return /CERT|ISSUER|SIGNATURE/.test(code)
    ? '; its certificate is not trusted: set verify in the configuration to a file of the CA certificates to trust'
    : '';
}

/** A name with several addresses fails with one error per address. */
function addressesOf(error: Error): string[] {
  const failures: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  return failures.flatMap((failure) => {
    const { address } = failure as { address?: unknown };
    return typeof address === 'string' ? [address] : [];
  });
}

/** Whether KMS runs on this machine, according to the AWS SDK's endpoint variables. */
export function isKmsLocal(): boolean {
  const endpoint = process.env['AWS_ENDPOINT_URL_KMS'] ?? process.env['AWS_ENDPOINT_URL'] ?? '';
  return URL.canParse(endpoint) && isLoopback(new URL(endpoint).hostname);
}
