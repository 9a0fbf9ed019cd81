import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { certify } from '../../../src/adapters/signing/x509/certificate.js';
import * as asn from '../../../src/adapters/signing/x509/der.js';
import { OID } from '../../../src/adapters/signing/x509/identifiers.js';
import { KeyMaker, NO_SUBJECT } from '../../../src/adapters/signing/x509/key-maker.js';
import { readRequest } from '../../../src/adapters/signing/x509/signing-request.js';
import { Refusal } from '../../../src/domain/refusal.js';
import { x509 } from '../../stand-ins/x509.js';
import { makeCsr } from './tools.js';

/** The text of the refusal, or `accepted`. Other errors are thrown. */
function refusalOf(pem: string): string {
  try {
    readRequest(pem);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'invalid_request') return error.message;
    throw error;
  }
  return 'accepted';
}

describe('valid signing requests', () => {
  test.each(['rsa', 'p256', 'p384', 'p521', 'ed25519'] as const)(
    'a request with a key of kind %s is read with its names',
    async (keys) => {
      const csr = await makeCsr({
        keys,
        name: [{ C: ['US'] }, { O: ['Example'] }, { CN: ['Wéb server'] }],
        san: [
          { type: 'dns', value: 'a.example.com' },
          { type: 'ip', value: '10.1.2.3' },
          { type: 'ip', value: '2001:db8::1' },
          { type: 'email', value: 'root@example.com' },
          { type: 'url', value: 'spiffe://example.com/web' },
        ],
      });
      expect(readRequest(csr)).toMatchObject({
        commonName: 'Wéb server',
        alternativeNames: [
          'a.example.com',
          'ip:10.1.2.3',
          'ip:2001:0db8:0000:0000:0000:0000:0000:0001',
          'email:root@example.com',
          'uri:spiffe://example.com/web',
        ],
      });
    },
  );

  test('other line breaks and the older label are accepted', async () => {
    const csr = await makeCsr({});
    expect(refusalOf(`\n ${csr.replace(/\n/g, '\r\n')}\n`)).toBe('accepted');
    expect(refusalOf(csr.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'))).toBe('accepted');
  });

  test('a request made by openssl is read, and other programs read ours', async () => {
    const keys = new KeyMaker({
      bits: 2048,
      publicExponent: 65_537,
      subject: { ...NO_SUBJECT, countryName: 'US', organizationName: 'Exämple' },
    });
    const dnsNames = Array.from({ length: 20 }, (_, i) => `host-${i}.example.com`);
    const { request } = await keys.make({ commonName: 'web.example.com', dnsNames });
    expect(readRequest(request.pem)).toMatchObject({ commonName: 'web.example.com', alternativeNames: dnsNames });
    const theirs = new x509.Pkcs10CertificateRequest(request.pem);
    expect(await theirs.verify()).toBe(true);
    expect(theirs.subject).toBe('CN=web.example.com, C=US, O=Exämple');
    const extension = theirs.getExtension('2.5.29.17') as x509.SubjectAlternativeNameExtension;
    expect(extension.names.toJSON().map(({ value }) => value)).toEqual(dnsNames);

    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
    const names = ['-subj', '/C=US/CN=web', '-addext', 'subjectAltName=DNS:web,IP:10.0.0.1'];
    const made = openssl(['req', '-new', ...newKey, ...names], '');
    if (made === undefined) return;
    expect(readRequest(made)).toMatchObject({ commonName: 'web', alternativeNames: ['web', 'ip:10.0.0.1'] });
    // Releases of openssl differ in the spaces.
    expect(openssl(['req', '-noout', '-verify', '-subject'], request.pem)).toMatch(/CN ?= ?web\.example\.com/);
  });
});

describe('invalid signing requests', () => {
  let good: string;
  let der: Buffer;
  beforeAll(async () => {
    good = await makeCsr({ san: [{ type: 'dns', value: 'a.example.com' }] });
    der = Buffer.from(good.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  });
  const armour = (bytes: Buffer): string =>
    `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;

  test('property: a request with a flipped bit, a missing byte or an additional byte is always refused', () => {
    expect(refusalOf(armour(der))).toBe('accepted');
    fc.assert(
      fc.property(fc.nat(der.length * 8 - 1), (bit) => {
        const bytes = Buffer.from(der);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        expect(refusalOf(armour(bytes))).not.toBe('accepted');
      }),
      { numRuns: 500 },
    );
    for (let length = 0; length < der.length; length += 7) {
      expect(refusalOf(armour(der.subarray(0, length)))).not.toBe('accepted');
    }
    expect(refusalOf(armour(Buffer.concat([der, Buffer.from([0])])))).toBe('csr could not be decoded');
  });

  test('property: random bytes and random texts are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(refusalOf(armour(Buffer.from(bytes)))).not.toBe('accepted');
      }),
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        expect(refusalOf(text)).toBe('csr could not be decoded');
      }),
    );
  });

  test('a padded request is refused quickly', () => {
    expect(refusalOf(`-----BEGIN CERTIFICATE REQUEST-----\n${'A \n'.repeat(10_000)}`)).toBe('csr could not be decoded');
    expect(refusalOf(`${' '.repeat(30_000)}x`)).toBe('csr could not be decoded');
  });

  test('a request signed by another key is refused', async () => {
    const other = Buffer.from((await makeCsr({ san: [{ type: 'dns', value: 'a.example.com' }] })).replace(/-----[^-]+-----|\s/g, ''), 'base64'); // prettier-ignore
    const swapped = Buffer.concat([der.subarray(0, der.length - 60), other.subarray(other.length - 60)]);
    expect(refusalOf(armour(swapped))).not.toBe('accepted');
  });

  test('a request without exactly one CN is refused', async () => {
    const text = 'csr must have exactly one common name, of at most 64 characters';
    expect(refusalOf(await makeCsr({ name: [{ O: ['Example'] }] }))).toBe(text);
    expect(refusalOf(await makeCsr({ name: [{ CN: ['a'] }, { CN: ['b'] }] }))).toBe(text);
    expect(refusalOf(await makeCsr({ name: [{ CN: ['a', 'b'] }] }))).toBe(text);
    expect(refusalOf(await makeCsr({ name: [{ CN: ['x'.repeat(65)] }] }))).toBe(text);
    expect(refusalOf(await makeCsr({ name: [{ CN: ['a\0b'] }] }))).toBe(text);
  });

  test('a request with invalid names, or with kinds of names that cannot be checked, is refused', async () => {
    expect(refusalOf(await makeCsr({ san: [{ type: 'dns', value: 'a b' }] }))).toContain('not a DNS name');
    expect(refusalOf(await makeCsr({ san: [{ type: 'dns', value: 'a\0.example.com' }] }))).toBe(
      'csr could not be decoded',
    );
    const kinds = 'csr has an alternative name of a kind that is not supported';
    expect(refusalOf(await makeCsr({ san: [{ type: 'upn', value: 'a@b' }] }))).toBe(kinds);
    expect(refusalOf(await makeCsr({ san: [{ type: 'dn', value: 'CN=a' }] }))).toBe(kinds);
  });

  test('a request for a CA, with the same extension twice, or with extensions in a second place, is refused', async () => {
    const san = new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'b.example.com' }]);
    const ca = new x509.BasicConstraintsExtension(true);
    expect(refusalOf(await makeCsr({ extensions: [ca] }))).toBe('csr requests a CA certificate');
    expect(refusalOf(await makeCsr({ extensions: [new x509.BasicConstraintsExtension(false)] }))).toBe('accepted');
    expect(refusalOf(await makeCsr({ extensions: [san, san] }))).toBe('csr requests an extension twice');
    const attribute = new x509.ExtensionsAttribute([san]);
    expect(refusalOf(await makeCsr({ extensions: [san], attributes: [attribute] }))).not.toBe('accepted');
    const hidden = new x509.Attribute('1.3.6.1.4.1.311.2.1.14', attribute.values);
    expect(refusalOf(await makeCsr({ attributes: [hidden] }))).toContain('Microsoft');
  });

  test('a correctly signed part that only a lenient reader accepts is refused', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    const version = asn.der(asn.TAG.integer, Buffer.from([0]));
    const attribute = (value: Buffer): Buffer => asn.sequence(asn.oid(OID.commonName), value);
    const name = (...attributes: Buffer[]): Buffer => asn.sequence(asn.der(asn.TAG.set, ...attributes));
    const subject = name(attribute(asn.utf8('web')));
    const none = asn.der(asn.contextTag(0, true));
    const signed = (parts: readonly Buffer[], algorithm = asn.sequence(asn.oid(OID.ecdsaWithSha256))): string => {
      const info = asn.sequence(...parts);
      return refusalOf(armour(asn.sequence(info, algorithm, asn.bitString(sign('sha256', info, privateKey)))));
    };
    expect(signed([version, subject, spki, none])).toBe('accepted');

    const unusedBits = Buffer.from(spki);
    unusedBits.writeUInt8(1, spki.length - 66);
    const other = (content: Buffer): Buffer =>
      asn.der(asn.contextTag(0, true), asn.sequence(asn.oid('1.2.840.113549.1.9.7'), content));
    const twoNames = asn.sequence(
      asn.der(asn.TAG.set, attribute(asn.utf8('web'))),
      asn.der(asn.TAG.set, asn.sequence(asn.oid(OID.organizationName), asn.der(asn.TAG.octetString, Buffer.from('x')))),
    );
    const refused: Record<string, string> = {
      'a key with unused bits': signed([version, subject, unusedBits, none]),
      'an attribute with broken DER': signed([
        version,
        subject,
        spki,
        other(asn.der(asn.TAG.set, Buffer.from([48, 5]))),
      ]),
      'broken DER deep in an attribute': signed([
        version,
        subject,
        spki,
        other(asn.der(asn.TAG.set, asn.sequence(asn.sequence(Buffer.from([4, 0x84]))))),
      ]),
      'an attribute without a value': signed([version, subject, spki, other(asn.der(asn.TAG.set))]),
      'another version': signed([asn.der(asn.TAG.integer, Buffer.from([1])), subject, spki, none]),
      'an empty version': signed([asn.der(asn.TAG.integer), subject, spki, none]),
      'a part of the subject that is not text': signed([version, twoNames, spki, none]),
      'an empty part of the subject': signed([
        version,
        asn.sequence(asn.der(asn.TAG.set), subject.subarray(2)),
        spki,
        none,
      ]),
      'an algorithm with parameters': signed(
        [version, subject, spki, none],
        asn.sequence(asn.oid(OID.ecdsaWithSha256), asn.sequence()),
      ),
    };
    expect(refused).toEqual(Object.fromEntries(Object.keys(refused).map((key) => [key, 'csr could not be decoded'])));
  });

  test('property: a signed request with any changed byte is refused or gives a readable certificate', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const info = new asn.DerReader(der).enter(asn.TAG.sequence).next(asn.TAG.sequence).content;
    const ownKey = new asn.DerReader(info);
    ownKey.next();
    ownKey.next();
    const whole = Buffer.from(info);
    publicKey.export({ type: 'spki', format: 'der' }).copy(whole, info.indexOf(ownKey.next().whole));
    const issuer = { key: privateKey, name: asn.sequence(), keyIdentifier: undefined };
    const validity = { notBefore: new Date(0), notAfter: new Date(1) };
    const answers = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, octet) => {
        const changed = Buffer.from(whole);
        changed[at] = octet;
        const body = asn.sequence(changed);
        const algorithm = asn.sequence(asn.oid(OID.ecdsaWithSha256));
        const pem = armour(asn.sequence(body, algorithm, asn.bitString(sign('sha256', body, privateKey))));
        const answer = refusalOf(pem);
        answers.add(answer);
        if (answer !== 'accepted') return;
        // Node reads certificates with openssl, and what openssl accepts, other programs accept.
        new X509Certificate(await certify(issuer, readRequest(pem), validity));
      }),
      { numRuns: 500 },
    );
    expect([...answers]).toEqual(expect.arrayContaining(['accepted', 'csr could not be decoded']));
  });

  test('a request with a weak key is refused', async () => {
    expect(refusalOf(await makeCsr({ keys: 'rsa1024' }))).toContain('2048');
  });
});

function openssl(parameters: string[], input: string): string | undefined {
  try {
    return execFileSync('openssl', parameters, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  }
}
