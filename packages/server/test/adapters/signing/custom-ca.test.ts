import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeKeyAndRoot } from './custom-keys.js';
import { startServer, type TestServer } from '../../harness/server.js';
import { certificatesIn, daysLeft, expectGoodCertificate, makeCsr } from './tools.js';

const PATTERN = '(?P<service_name>[\\w-]+)\\.example\\.com';
const own = 'svc-01.example.com';
const service = 'service:svc-01';

/** The CA of the recordings: an encrypted key, an intermediate certificate and its root. */
const recorded = readFileSync(new URL('../../../../../test/golden/http-settings.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.includes('"CA_TYPE=custom_ca", "settings"'))
  .map((line) => (JSON.parse(line) as { settings: Record<string, string> }).settings)[0]!;
const recordedEntry = (
  JSON.parse(Buffer.from(recorded['CUSTOM_CERTIFICATE_AUTHORITIES']!, 'base64').toString('utf8')) as Record<
    string,
    Record<string, string>[]
  >
)['staging']![0]!;

const encode = (authorities: unknown): string => Buffer.from(JSON.stringify(authorities)).toString('base64');

let server: TestServer;
let ec: { key: string; crt: string };
beforeAll(async () => {
  ec = await makeKeyAndRoot('p256', 3650);
  const p384 = await makeKeyAndRoot('p384', 3650);
  const ed25519 = await makeKeyAndRoot('ed25519', 3650);
  const shortLived = await makeKeyAndRoot('p256', 3);
  const expired = await makeKeyAndRoot('p256', -1);
  const { rootcrt: _root, passphrase: _passphrase, ...bare } = recordedEntry;
  server = await startServer({
    CA_TYPE: 'custom',
    CUSTOM_CA_ENCRYPTED: 'false',
    CUSTOM_CA_DOMAIN_REGEX: PATTERN,
    CUSTOM_CERTIFICATE_AUTHORITIES: encode({
      recorded: [{ ...recordedEntry }],
      unencrypted: [{ kid: 'plain', key: unlocked(recordedEntry).toString(), crt: recordedEntry['crt'] }],
      nulls: [{ kid: 'ec', ...ec, rootcrt: null, passphrase: null }],
      doubled: [{ kid: 'ec', ...ec, rootcrt: ec.crt }],
      p384: [{ kid: 'p384', ...p384 }],
      ed25519: [{ kid: 'ed', ...ed25519 }],
      'short-lived': [{ kid: 'short', ...shortLived }],
      expired: [{ kid: 'old', ...expired }],
      'no-passphrase': [{ ...bare }],
      'wrong-passphrase': [{ ...recordedEntry, passphrase: 'SECRET-MISTAKE' }],
      mismatched: [{ ...recordedEntry, crt: ec.crt }],
      damaged: [{ kid: 'damaged', key: 'SECRET-GARBAGE', crt: 'x' }, { kid: 5 }, 'text', null],
      'second-try': [
        { kid: 'bad', key: '', crt: ec.crt },
        { kid: 'ec', ...ec },
      ],
      inactive: [{ kid: 'ec', ...ec }],
      unlisted: [{ kid: 'ec', ...ec }],
    }),
    CUSTOM_CA_ACTIVE_KEYS: JSON.stringify({
      ...{
        recorded: 'k1',
        unencrypted: 'plain',
        nulls: 'ec',
        doubled: 'ec',
        p384: 'p384',
        ed25519: 'ed',
        'short-lived': 'short',
      },
      ...{ expired: 'old', 'no-passphrase': 'k1', 'wrong-passphrase': 'k1', mismatched: 'k1', damaged: 'damaged' },
      ...{ 'second-try': 'ec', inactive: 'another', absent: 'ec' },
    }),
  });
});
afterAll(() => server.stop());

function unlocked(entry: Record<string, string>): string | Buffer {
  return createPrivateKey({ key: entry['key']!, passphrase: entry['passphrase']! }).export({
    type: 'pkcs8',
    format: 'pem',
  });
}

const get = (path: string): ReturnType<TestServer['call']> => server.call(service, 'GET', `/v1/certificates/${path}`);
const post = (ca: string, csr: string, validity?: number): ReturnType<TestServer['call']> =>
  server.call(service, 'POST', `/v1/certificates/${ca}`, { csr, validity });

describe('a custom CA', () => {
  test('a custom CA makes the key and signs, which the original could not do (bug 21)', async () => {
    const { status, json } = await get(`recorded/${own}?san=${own}&validity=7`);
    expect(status).toBe(200);
    const certificate = expectGoodCertificate(json.certificate, json.certificate_chain, json.key, false);
    expect(certificate.subject).toBe(`CN=${own}`);
    expect(certificate.subjectAltName).toBe(`DNS:${own}`);
    expect(certificate.issuer).toBe('CN=custom intermediate');
    expect(daysLeft(certificate)).toBe(7);
  });

  test.each(['recorded', 'unencrypted', 'nulls', 'doubled', 'p384', 'ed25519', 'second-try'])(
    'the custom CA %s signs a request for the caller’s key, with a chain that verifies',
    async (ca) => {
      const { status, json } = await post(ca, await makeCsr({ san: [{ type: 'dns', value: own }] }), 7);
      expect(status).toBe(200);
      // The recorded intermediate does not verify without its root.
      if (ca === 'unencrypted') expect(certificatesIn(json.certificate_chain)).toHaveLength(1);
      else expectGoodCertificate(json.certificate, json.certificate_chain, undefined, ca !== 'recorded');
    },
  );

  test('the chain is the CA and its root, or only the CA if it is the root itself', async () => {
    const { json } = await post('recorded', await makeCsr({}));
    expect(json.certificate_chain).toBe(`${recordedEntry['crt']!.trim()}\n${recordedEntry['rootcrt']!.trim()}\n`);
    expect((await post('doubled', await makeCsr({}))).json.certificate_chain).toBe(ec.crt);
  });

  test('a certificate takes subject, key and names from the request, and nothing else', async () => {
    const csr = await makeCsr({ name: [{ CN: [own] }], san: [{ type: 'dns', value: own }] });
    const certificate = expectGoodCertificate(...pairOf((await post('nulls', csr, 5)).json));
    expect(certificate.subject).toBe(`CN=${own}`);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(certificate.serialNumber).toMatch(/^[0-9A-F]{24,32}$/);
  });

  test.each(['O', 'OU', 'C', '1.2.840.113549.1.9.1', '0.9.2342.19200300.100.1.1'])(
    'a request with %s beside the CN in its subject is refused, since the policy does not decide about it',
    async (attribute) => {
      for (const name of [[{ [attribute]: ['XX'] }, { CN: [own] }], [{ CN: [own], [attribute]: ['XX'] }]]) {
        const { status, json } = await post('nulls', await makeCsr({ name }), 5);
        expect([status, json.error]).toEqual([400, expect.stringMatching(/^csr has \S+ in its subject/)]);
      }
    },
  );

  test('a certificate never outlives its CA, and an expired CA gets 503', async () => {
    const certificate = expectGoodCertificate(...pairOf((await post('short-lived', await makeCsr({}), 30)).json));
    expect(daysLeft(certificate)).toBe(3);
    expect((await post('expired', await makeCsr({}))).status).toBe(503);
  });

  test('names of others, in the CN or a SAN, get 403', async () => {
    expect((await get('recorded/svc-02.example.com')).status).toBe(403);
    expect((await get(`recorded/${own}?san=alt.example.com`)).status).toBe(403);
    expect((await post('recorded', await makeCsr({ san: [{ type: 'dns', value: 'alt.example.com' }] }))).status).toBe(403); // prettier-ignore
  });

  test('a custom CA is described by its kid, with an empty list of tags', async () => {
    const { json } = await server.call(service, 'GET', '/v1/cas/recorded');
    expect(json).toEqual({
      ca: 'k1',
      certificate: `${recordedEntry['crt']!.trim()}\n`,
      certificate_chain: `${recordedEntry['crt']!.trim()}\n${recordedEntry['rootcrt']!.trim()}\n`,
      tags: [],
    });
    const list = await server.call(service, 'GET', '/v1/cas');
    expect(list.json.cas.map(({ ca }: { ca: string }) => ca)).toEqual(['k1', 'plain', 'ec', 'ec', 'p384', 'ed', 'short', 'old', 'ec']); // prettier-ignore
  });
});

describe('unusable entries', () => {
  test.each(['no-passphrase', 'wrong-passphrase', 'mismatched', 'damaged', 'inactive', 'unlisted', 'absent'])(
    'the CA %s gets 404, and does not stop the start',
    async (ca) => {
      expect((await get(`${ca}/${own}`)).status).toBe(404);
    },
  );

  test('unusable entries are named in the log by kid, and never quoted', () => {
    const lines = server.log().split('\n').filter((line) => line.includes('"level":50')); // prettier-ignore
    for (const kid of ['k1', 'bad']) expect(lines.some((line) => line.includes(`"kid":"${kid}"`))).toBe(true);
    expect(lines.join('\n')).not.toMatch(/SECRET|PRIVATE KEY|BEGIN/);
  });
});

test('a setting that is not JSON leaves the server without CAs, and is not quoted', async () => {
  const broken = await startServer({
    CA_TYPE: 'custom_ca',
    CUSTOM_CA_ENCRYPTED: 'false',
    CUSTOM_CERTIFICATE_AUTHORITIES: Buffer.from('{"SECRET').toString('base64'),
  });
  expect((await broken.call(service, 'GET', '/v1/cas')).json).toEqual({ cas: [] });
  expect(broken.log()).toContain('CUSTOM_CERTIFICATE_AUTHORITIES');
  expect(broken.log()).not.toContain('SECRET');
  await broken.stop();
});

function pairOf(json: { certificate: string; certificate_chain: string }): [string, string] {
  return [json.certificate, json.certificate_chain];
}
