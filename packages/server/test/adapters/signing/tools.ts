import { spawnSync } from 'node:child_process';
import { webcrypto, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { x509 } from '../../stand-ins/x509.js';

export const ALGORITHMS = {
  rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 },
  rsa1024: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength: 1024,
  },
  p256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  p384: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  p521: { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
  ed25519: { name: 'Ed25519' },
} as const;

/** A signing request made by another library, PEM. */
export async function makeCsr(options: {
  name?: x509.JsonName;
  san?: x509.JsonGeneralNames;
  extensions?: x509.Extension[];
  attributes?: x509.Attribute[];
  keys?: keyof typeof ALGORITHMS;
}): Promise<string> {
  const algorithm = ALGORITHMS[options.keys ?? 'p256'];
  const keys = await webcrypto.subtle.generateKey(algorithm as never, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: options.name ?? [{ CN: ['svc-01.example.com'] }],
    keys: keys as never,
    signingAlgorithm: algorithm,
    extensions: [
      ...(options.san ? [new x509.SubjectAlternativeNameExtension(options.san)] : []),
      ...(options.extensions ?? []),
    ],
    attributes: options.attributes ?? [],
  });
  return `${request.toString('pem')}\n`;
}

/**
 * Expects that other programs accept a certificate for a TLS server: Node checks the signature, and openssl, where it
 * is installed, the whole chain.
 */
export function expectGoodCertificate(
  certificate: string,
  chain: string,
  key?: string,
  /** Whether openssl checks strictly, which a CA that is older may not pass. */
  strict = certificate !== chain,
): X509Certificate {
  const parsed = new X509Certificate(certificate);
  const [issuer, ...above] = certificatesIn(chain);
  const root = above.at(-1) ?? issuer!;
  expect(parsed.verify(issuer!.publicKey)).toBe(true);
  expect(parsed.checkIssued(issuer!)).toBe(true);
  const folder = mkdtempSync(join(tmpdir(), 'confidant-x509-'));
  try {
    const files = { cert: certificate, chain, root: root.toString(), key: key ?? '' };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
    const verified = openssl(
      folder,
      'verify',
      ...(strict ? ['-x509_strict'] : []),
      '-purpose',
      'sslserver',
      '-CAfile',
      'root',
      '-untrusted',
      'chain',
      'cert',
    );
    if (verified !== undefined) {
      expect(verified).toBe('cert: OK');
      expect(openssl(folder, 'x509', '-in', 'cert', '-noout', '-serial')).toMatch(/^serial=[0-9A-F]{16,40}$/);
    }
    if (key !== undefined) {
      const fromKey = openssl(folder, 'pkey', '-in', 'key', '-pubout');
      const fromCertificate = openssl(folder, 'x509', '-in', 'cert', '-noout', '-pubkey');
      expect(fromKey).toBe(fromCertificate);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return parsed;
}

/** The output of openssl; undefined when it is not on the PATH. */
function openssl(folder: string, ...parameters: string[]): string | undefined {
  const { error, stdout, stderr } = spawnSync('openssl', parameters, { cwd: folder, encoding: 'utf8' });
  if (error !== undefined) return undefined;
  return stdout.trim() || stderr.trim();
}

export function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** The rounded number of days until the certificate expires. */
export function daysLeft(certificate: X509Certificate): number {
  return Math.round((Date.parse(certificate.validTo) - Date.now()) / 86_400_000);
}

/** Lines of the audit log. */
export function auditLines(log: string): Record<string, unknown>[] {
  return log
    .split('\n')
    .filter((line) => line.includes('"audit"'))
    .map((line) => (JSON.parse(line) as { audit: Record<string, unknown> }).audit);
}
