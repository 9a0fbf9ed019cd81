import { createPrivateKey, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { readCertificates, readPrivateKey } from '../../src/config/pem.js';
import { type KeyPair, makeKeyPair } from '../login/saml-idp.js';

let one: KeyPair;
let two: KeyPair;
beforeAll(async () => {
  [one, two] = [await makeKeyPair('one'), await makeKeyPair('two')];
});

const inOneLine = (pem: string): string => pem.trim().replaceAll('\n', ' ');
const escaped = (pem: string): string => pem.replaceAll('\n', '\\n');
const bare = (pem: string): string => pem.replace(/-----[^-]+-----/g, '').trim();
const normal = (pem: string): string => new X509Certificate(pem).toString();

describe('a certificate is read', () => {
  const forms: Record<string, (pem: string) => string | Buffer> = {
    'in PEM': (pem) => pem,
    'in PEM with the line ends of Windows': (pem) => pem.replaceAll('\n', '\r\n'),
    'in PEM with blanks for line ends': inOneLine,
    'in PEM without any line ends': (pem) => pem.replaceAll('\n', ''),
    'in PEM with \\n for line ends': escaped,
    'in PEM with \\r\\n for line ends': (pem) => pem.replaceAll('\n', '\\r\\n'),
    'in PEM with indented lines': (pem) => pem.replace(/^/gm, '    '),
    'in PEM after a description': (pem) => `Bag Attributes\n  friendlyName: idp\nsubject=CN = idp\n${pem}`,
    'in PEM with an older label': (pem) => pem.replaceAll(' CERTIFICATE', ' X509 CERTIFICATE'),
    'in base64': bare,
    'in base64 without line ends': (pem) => bare(pem).replaceAll('\n', ''),
    'in base64 with blanks': (pem) => inOneLine(bare(pem)),
    'as base64 of PEM': (pem) => Buffer.from(pem).toString('base64'),
    'from the metadata of a provider': (pem) =>
      `<md:KeyDescriptor><ds:X509Certificate>\n${bare(pem)}</ds:X509Certificate></md:KeyDescriptor>`,
    'in DER, from a file': (pem) => new X509Certificate(pem).raw,
    'in PEM, from a file': (pem) => Buffer.from(pem),
  };
  for (const [name, form] of Object.entries(forms)) {
    test(name, () => expect(readCertificates(form(one.cert))).toEqual([normal(one.cert)]));
  }

  test('several times, in every form of text', () => {
    const both = [normal(one.cert), normal(two.cert)];
    for (const form of [(pem: string) => pem, inOneLine, escaped]) {
      expect(readCertificates(`${form(one.cert)}${form(two.cert)}`)).toEqual(both);
    }
    expect(readCertificates(`${bare(one.cert)}\n\n${bare(two.cert)}`)).toEqual(both);
    expect(readCertificates([one.cert, two.cert].map((pem) => bare(pem).replaceAll('\n', '')).join(','))).toEqual(both);
  });

  test('never in part: one that is cut off or damaged among others is refused', () => {
    const cut = two.cert.slice(0, 200);
    for (const text of [`${one.cert}${cut}`, `${cut}\n${one.cert}`, '', ' ', 'no certificate', one.key, cut]) {
      expect(() => readCertificates(text)).toThrow('expected a certificate');
    }
  });
});

describe('a private key is read', () => {
  const normalKey = (): string => createPrivateKey(one.key).export({ type: 'pkcs8', format: 'pem' }) as string;
  const forms: Record<string, (pem: string) => string | Buffer> = {
    'in PEM': (pem) => pem,
    'in PEM with blanks for line ends': inOneLine,
    'in PEM with \\n for line ends': escaped,
    'in base64': bare,
    'in PEM, with its certificate before it': (pem) => `${one.cert}${pem}`,
    'in DER, from a file': (pem) => createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' }),
    'in the older form of RSA': (pem) => createPrivateKey(pem).export({ type: 'pkcs1', format: 'pem' }),
    'in the older form of RSA, in one line': (pem) =>
      inOneLine(createPrivateKey(pem).export({ type: 'pkcs1', format: 'pem' }) as string),
    'in the older form of RSA, in base64': (pem) =>
      bare(createPrivateKey(pem).export({ type: 'pkcs1', format: 'pem' }) as string),
  };
  for (const [name, form] of Object.entries(forms)) {
    test(name, () => expect(readPrivateKey(form(one.key), '')).toBe(normalKey()));
  }

  test('when it is encrypted, in lines and in one line, with the right password only', () => {
    for (const type of ['pkcs8', 'pkcs1'] as const) {
      const cipher = { format: 'pem', cipher: 'aes-256-cbc', passphrase: 'opens' } as const;
      const pem = createPrivateKey(one.key).export({ type, ...cipher }) as string;
      for (const form of [pem, inOneLine(pem), escaped(pem)]) {
        expect(readPrivateKey(form, 'opens')).toBe(normalKey());
        expect(() => readPrivateKey(form, 'wrong')).toThrow('SAML_SP_KEY_FILE_PASSWORD');
      }
    }
  });
});
