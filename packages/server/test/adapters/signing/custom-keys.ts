import { webcrypto } from 'node:crypto';
import { x509 } from '../../stand-ins/x509.js';
import { ALGORITHMS } from './tools.js';

/** Makes a CA: a PKCS #8 key and a self-signed certificate that expires in so many days. */
export async function makeKeyAndRoot(
  kind: keyof typeof ALGORITHMS,
  days: number,
): Promise<{ key: string; crt: string }> {
  const algorithm = ALGORITHMS[kind];
  const keys = (await webcrypto.subtle.generateKey(algorithm as never, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: [{ CN: [`${kind} root`] }],
    notBefore: new Date(Date.now() - 10 * 86_400_000),
    notAfter: new Date(Date.now() + days * 86_400_000),
    signingAlgorithm: algorithm,
    keys: keys as never,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { key: x509.PemConverter.encode(key, 'PRIVATE KEY'), crt: `${certificate.toString('pem').trim()}\n` };
}
