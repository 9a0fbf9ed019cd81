import type { IssuedKeyPair } from '../../ports/certificates.js';
import type { Clock } from '../../ports/clock.js';
import { readRequest } from './x509/signing-request.js';
import { certifyItself, validityFrom } from './x509/certificate.js';
import type { KeyMaker } from './x509/key-maker.js';

/**
 * Makes a key and a certificate that it signs itself, for development, where clients are set up to trust just that
 * certificate. compat: the chain is the certificate.
 */
export async function selfSigned(
  keys: KeyMaker,
  clock: Clock,
  names: { commonName: string; dnsNames: readonly string[] },
  validityDays: number,
): Promise<IssuedKeyPair> {
  const { privateKey, keyPem, request } = await keys.make(names);
  const certificate = await certifyItself(privateKey, readRequest(request.pem), validityFrom(clock, validityDays));
  return { certificate, chain: certificate, key: keyPem };
}
