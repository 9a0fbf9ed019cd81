import { createPrivateKey } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { startServer, type TestServer } from '../../harness/server.js';
import { type AcmPcaStandIn, startAcmPca } from '../../stand-ins/acm-pca.js';
import { auditLines, daysLeft, expectGoodCertificate, makeCsr } from './tools.js';

const PATTERN = '(?P<service_name>[\\w-]+)\\.example\\.com';
const service = 'service:svc-01';
const own = 'svc-01.example.com';

let pca: AcmPcaStandIn;
let server: TestServer;
beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'AKIDEXAMPLE';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'stand-in-secret';
  pca = await startAcmPca();
  const arns = {
    ACM_PRIVATE_CA_ARN_PLAIN: await pca.addAuthority({ tags: { env: 'test', team: 'infra' } }),
    ACM_PRIVATE_CA_ARN_CACHED: await pca.addAuthority({ name: 'cached root' }),
    ACM_PRIVATE_CA_ARN_LOOSE: await pca.addAuthority({ keys: 'ec' }),
    ACM_PRIVATE_CA_ARN_CLOSED: await pca.addAuthority(),
    ACM_PRIVATE_CA_ARN_FULL: await pca.addAuthority(),
    ACM_PRIVATE_CA_ARN_GOV: await pca.addAuthority({
      arn: 'arn:aws-us-gov:acm-pca:us-east-1:123456789012:certificate-authority/gov',
    }),
  };
  server = await startServer({
    ...arns,
    AWS_ENDPOINT_URL_ACM_PCA: pca.url,
    ACM_PRIVATE_CAS: 'plain, cached, loose, closed, dev, full, gov',
    ACM_PRIVATE_CA_DOMAIN_REGEX_PLAIN: PATTERN,
    ACM_PRIVATE_CA_MAX_VALIDITY_DAYS_PLAIN: '30',
    ACM_PRIVATE_CA_TEMPLATE_ARN_FULL: 'arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1',
    ACM_PRIVATE_CA_SIGNING_ALGORITHM_FULL: 'SHA512WITHRSA',
    ACM_PRIVATE_CA_CSR_COUNTRY_NAME_FULL: 'CH',
    ACM_PRIVATE_CA_CSR_STATE_OR_PROVINCE_NAME_FULL: 'Zürich',
    ACM_PRIVATE_CA_CSR_LOCALITY_NAME_FULL: 'Winterthur',
    ACM_PRIVATE_CA_CSR_ORGANIZATION_NAME_FULL: 'Example, "Inc."',
    ACM_PRIVATE_CA_KEY_SIZE_FULL: '3072',
    ACM_PRIVATE_CA_KEY_PUBLIC_EXPONENT_SIZE_FULL: '3',
    ACM_PRIVATE_CA_DOMAIN_REGEX_FULL: PATTERN,
    ACM_PRIVATE_CA_DOMAIN_REGEX_GOV: PATTERN,
    ACM_PRIVATE_CA_DOMAIN_REGEX_CACHED: PATTERN,
    ACM_PRIVATE_CA_CERTIFICATE_USE_CACHE_CACHED: 'true',
    ACM_PRIVATE_CA_CERTIFICATE_CACHE_SIZE_CACHED: '2',
    ACM_PRIVATE_CA_DOMAIN_REGEX_LOOSE: PATTERN,
    ACM_PRIVATE_CA_CN_ONLY_LOOSE: 'true',
    ACM_PRIVATE_CA_SIGNING_ALGORITHM_LOOSE: 'SHA256WITHECDSA',
    ACM_PRIVATE_CA_SELF_SIGN_DEV: 'true',
    ACM_PRIVATE_CA_DOMAIN_REGEX_DEV: PATTERN,
  });
});
afterAll(async () => {
  await server.stop();
  await pca.close();
});
beforeEach(() => {
  pca.calls.length = 0;
  pca.faults.length = 0;
  pca.outage = undefined;
  pca.pendingPolls = 0;
});

const get = (path: string, as: string = service): ReturnType<TestServer['call']> =>
  server.call(as, 'GET', `/v1/certificates/${path}`);
const post = (ca: string, body: unknown): ReturnType<TestServer['call']> =>
  server.call(service, 'POST', `/v1/certificates/${ca}`, body);
const inputsOf = (operation: string): Record<string, unknown>[] =>
  pca.calls.filter((call) => call.operation === operation).map(({ input }) => input);

describe('GET certificates', () => {
  test('without a template in the settings, the default one of the partition of the CA is used', async () => {
    expect([(await get(`gov/${own}`)).status, (await get(`plain/${own}`)).status]).toEqual([200, 200]);
    expect(inputsOf('IssueCertificate').map(({ TemplateArn }) => TemplateArn)).toEqual([
      'arn:aws-us-gov:acm-pca:::template/EndEntityCertificate/V1',
      'arn:aws:acm-pca:::template/EndEntityCertificate/V1',
    ]);
  });

  test('the response has a key and the certificate that ACM Private CA issued for it (bug 21)', async () => {
    const { status, json } = await get(`full/${own}?san=${own}&san=${own}&validity=7`);
    expect(status).toBe(200);
    expect(Object.keys(json).sort()).toEqual(['certificate', 'certificate_chain', 'key']);
    const certificate = expectGoodCertificate(json.certificate, json.certificate_chain, json.key);
    expect(certificate.subject.split('\n').sort()).toEqual(
      [`CN=${own}`, 'C=CH', 'ST=Zürich', 'L=Winterthur', 'O=Example\\, \\"Inc.\\"'].sort(),
    );
    expect(certificate.subjectAltName).toBe(`DNS:${own}`);
    expect(daysLeft(certificate)).toBe(7);
    expect(json.key).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/);
    expect(createPrivateKey(json.key).asymmetricKeyDetails).toEqual({ modulusLength: 3072, publicExponent: 3n });
    expect(inputsOf('IssueCertificate')).toMatchObject([
      {
        TemplateArn: 'arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1',
        SigningAlgorithm: 'SHA512WITHRSA',
        Validity: { Type: 'DAYS', Value: 7 },
      },
    ]);
  });

  test.each([
    ['', 30],
    ['?validity=', 30],
    ['?validity=9999', 30],
    ['?validity=29', 29],
    ['?validity=0', 1],
    ['?validity=-5', 1],
  ])(
    'with the query "%s" the validity is cut to the range from 1 to the CA’s maximum: %i days',
    async (query, days) => {
      expect((await get(`plain/${own}${query}`)).status).toBe(200);
      expect(inputsOf('IssueCertificate')[0]).toMatchObject({ Validity: { Value: days } });
    },
  );

  test('an invalid validity, too many names, and names that no certificate can have get 400', async () => {
    for (const query of ['validity=soon', 'validity=1.5', `${'san=a&'.repeat(101)}`, `san=${'a'.repeat(300)}`]) {
      expect([query.slice(0, 20), (await get(`plain/${own}?${query}`)).status]).toEqual([query.slice(0, 20), 400]);
    }
    for (const name of ['a b.example.com', 'a..b', `${'x'.repeat(64)}.example.com`, 'ä.example.com', '-', '.']) {
      const { status } = await get(`loose/${own}?san=${encodeURIComponent(name)}`);
      expect([name, status]).toEqual([name, 400]);
    }
    expect(pca.calls).toEqual([]);
  });

  test('a CN or SAN that does not name the caller gets 403 (bug 6)', async () => {
    for (const path of [
      'plain/svc-02.example.com',
      `plain/${own}?san=svc-02.example.com`,
      `plain/${own}?san=${own}&san=alt.example.com`,
      `plain/${own}?san=*.example.com`,
      // The original accepted a prefix.
      `plain/${own}.evil.org`,
      `plain/${own}?san=${own}.evil.org`,
      `plain/${own}%0a`,
      'plain/SVC-01.example.com',
      `closed/${own}`,
    ]) {
      expect([path, (await get(path)).status]).toEqual([path, path.endsWith('%0a') ? 404 : 403]);
    }
    expect(pca.calls).toEqual([]);
  });

  test('people get 403, whatever their name', async () => {
    expect((await get(`plain/${own}`, 'user:svc-01')).status).toBe(403);
  });

  test('CN_ONLY leaves the SANs unchecked, as version 7.0.0 of the original did', async () => {
    const { status, json } = await get(`loose/${own}?san=other.example.org`);
    expect(status).toBe(200);
    expect(expectGoodCertificate(json.certificate, json.certificate_chain).subjectAltName).toBe(
      'DNS:other.example.org',
    );
    expect((await get('loose/svc-02.example.com')).status).toBe(403);
  });

  test('an unknown CA gets 404 for every caller, before the policy is checked', async () => {
    for (const as of [service, 'user:alice']) {
      for (const [method, path, body] of [
        ['GET', `/v1/certificates/nope/${own}`],
        ['POST', '/v1/certificates/nope', { csr: 'x' }],
        ['GET', '/v1/cas/nope'],
        ['GET', '/v1/cas/__proto__'],
      ] as const) {
        const answer = await server.call(as, method, path, body);
        expect([path, answer.status, answer.json]).toEqual([path, 404, { error: 'Provided CA not found.' }]);
      }
    }
  });

  test('a development CA signs by itself, without calling AWS', async () => {
    const { status, json } = await get(`dev/${own}?san=${own}`);
    expect(status).toBe(200);
    expect(json.certificate_chain).toBe(json.certificate);
    expectGoodCertificate(json.certificate, json.certificate_chain, json.key);
    expect((await post('dev', { csr: await makeCsr({}) })).status).toBe(400);
    expect(pca.calls).toEqual([]);
  });

  test('the key is only in the response, and the audit log says who got which certificate', async () => {
    const before = server.log().length;
    const { json } = await get(`plain/${own}?san=${own}&validity=3`);
    const log = server.log().slice(before);
    for (const secret of ['PRIVATE KEY', ...json.key.split('\n').filter((line: string) => line.length === 64)]) {
      expect(log.includes(secret)).toBe(false);
    }
    const certificate = expectGoodCertificate(json.certificate, json.certificate_chain);
    expect(auditLines(log)).toMatchObject([
      {
        principal: { name: 'svc-01', type: 'service' },
        resourceType: 'certificate',
        action: 'get',
        resourceId: own,
        outcome: 'ok',
        certificate: { ca: 'plain', alternativeNames: [own], validityDays: 3, serialNumber: certificate.serialNumber },
      },
    ]);
    await get('plain/svc-02.example.com');
    expect(auditLines(server.log()).at(-1)).toMatchObject({ resourceId: 'svc-02.example.com', outcome: 'denied' });
  });
});

describe('POST certificates', () => {
  test.each(['rsa', 'p256', 'p384', 'p521'] as const)(
    'a request with a key of kind %s gets a certificate for that key',
    async (keys) => {
      const csr = await makeCsr({ keys, san: [{ type: 'dns', value: own }] });
      const { status, json } = await post('plain', { csr, validity: 7, unknown: 'ignored' });
      expect(status).toBe(200);
      expect(Object.keys(json).sort()).toEqual(['certificate', 'certificate_chain']);
      expect(daysLeft(expectGoodCertificate(json.certificate, json.certificate_chain))).toBe(7);
    },
  );

  test('a null or missing validity means the maximum', async () => {
    for (const body of [{ validity: null }, {}]) await post('plain', { csr: await makeCsr({}), ...body });
    expect(inputsOf('IssueCertificate').map(({ Validity }) => (Validity as { Value: number }).Value)).toEqual([30, 30]);
  });

  test('a request that names another service, in its CN or a SAN, gets 403', async () => {
    for (const csr of [
      await makeCsr({ name: [{ CN: ['svc-02.example.com'] }] }),
      await makeCsr({ san: [{ type: 'dns', value: own }, { type: 'dns', value: 'svc-02.example.com' }] }), // prettier-ignore
      await makeCsr({ san: [{ type: 'ip', value: '10.0.0.1' }] }),
      await makeCsr({ san: [{ type: 'url', value: `https://${own}` }] }),
      await makeCsr({ san: [{ type: 'email', value: `root@${own}` }] }),
    ]) {
      const { status, json } = await post('plain', { csr });
      expect([status, Object.keys(json).sort()]).toEqual([403, ['error', 'reference']]);
    }
    expect(pca.calls).toEqual([]);
  });

  test('a request may have what the settings say in its subject beside the CN, and nothing else reaches the CA', async () => {
    const settings = [{ C: ['CH'] }, { ST: ['Zürich'] }, { CN: [own] }];
    expect((await post('full', { csr: await makeCsr({ name: settings }) })).status).toBe(200);
    pca.calls.length = 0;
    for (const name of [
      [{ O: ['system:masters'] }, { CN: [own] }],
      [{ C: ['CH'] }, { OU: ['admins'] }, { CN: [own] }],
    ]) {
      const { status, json } = await post('full', { csr: await makeCsr({ name }) });
      expect([status, json.error]).toEqual([400, expect.stringContaining('in its subject')]);
      expect((await post('plain', { csr: await makeCsr({ name: settings }) })).status).toBe(400);
    }
    expect(pca.calls).toEqual([]);
  });

  test('CN_ONLY allows other kinds of names too', async () => {
    const { json } = await post('loose', { csr: await makeCsr({ san: [{ type: 'ip', value: '10.0.0.1' }] }) });
    expect(expectGoodCertificate(json.certificate, json.certificate_chain).subjectAltName).toBe('IP Address:10.0.0.1');
  });

  test('a missing request, and one that cannot be decoded, get 400 with the message of the original', async () => {
    for (const body of [{}, { csr: null }, { csr: '' }]) {
      const { status, json } = await post('plain', body);
      expect([status, json]).toEqual([400, { error: 'csr must be provided in the POST body.' }]);
    }
    for (const csr of ['zz', '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----']) {
      const { status, json } = await post('plain', { csr });
      expect([status, json]).toEqual([400, { error: 'csr could not be decoded' }]);
    }
    expect((await post('plain', { csr: 5 })).json.error).toContain('csr');
    expect((await post('plain', { csr: await makeCsr({}), validity: '7' })).json.error).toContain('validity');
    expect((await post('plain', { csr: 'x'.repeat(32_769) })).status).toBe(400);
  });
});

describe('cached certificates', () => {
  // Certificates are cached for their day, which must not end during the test.
  beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterAll(() => void vi.useRealTimers());

  test('the same names, validity and day give the same key, and anything else another one', async () => {
    const first = (await get(`cached/${own}?san=${own}&validity=5`)).json;
    expect((await get(`cached/${own}?validity=5&san=${own}`)).json).toEqual(first);
    expect(inputsOf('IssueCertificate')).toHaveLength(1);
    const other = (await get(`cached/${own}?validity=5`)).json;
    const longer = (await get(`cached/${own}?san=${own}&validity=6`)).json;
    expect(new Set([first.key, other.key, longer.key]).size).toBe(3);
  });

  test('concurrent equal requests share one certificate, where the original answered 429', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => get(`cached/${own}?validity=8`)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ json }) => json.key)).size).toBe(1);
    expect(inputsOf('IssueCertificate')).toHaveLength(1);
  });

  test('the policy is checked before the cache', async () => {
    await get(`cached/${own}?validity=9`);
    expect((await get(`cached/${own}?validity=9`, 'service:svc-02')).status).toBe(403);
  });

  test('a failure is not cached', async () => {
    pca.outage = { status: 400, code: 'InvalidStateException' };
    expect((await get(`cached/${own}?validity=10`)).status).toBe(503);
    pca.outage = undefined;
    expect((await get(`cached/${own}?validity=10`)).status).toBe(200);
  });

  test('no more certificates are cached than the setting allows', async () => {
    const first = (await get(`cached/${own}?validity=11`)).json;
    for (const days of [12, 13]) await get(`cached/${own}?validity=${days}`);
    expect((await get(`cached/${own}?validity=11`)).json.key).not.toBe(first.key);
  });

  test('without the setting every request gets a new key', async () => {
    const keys = [(await get(`loose/${own}`)).json.key, (await get(`loose/${own}`)).json.key];
    expect(new Set(keys).size).toBe(2);
  });
});

describe('failures of ACM Private CA', () => {
  test('a call whose response was lost is repeated with the same token, and issues nothing twice', async () => {
    pca.faults.push('lost');
    expect((await post('plain', { csr: await makeCsr({}) })).status).toBe(200);
    const tokens = inputsOf('IssueCertificate').map(({ IdempotencyToken }) => IdempotencyToken);
    expect(tokens).toHaveLength(2);
    expect(new Set(tokens).size).toBe(1);
    expect(new Set(inputsOf('GetCertificate').map(({ CertificateArn }) => CertificateArn)).size).toBe(1);
  });

  test('a certificate that is not issued yet is fetched again', async () => {
    pca.pendingPolls = 2;
    expect((await post('plain', { csr: await makeCsr({}) })).status).toBe(200);
    expect(inputsOf('GetCertificate')).toHaveLength(3);
  });

  test('a throttled call is repeated until it succeeds', async () => {
    pca.faults.push({ status: 400, code: 'ThrottlingException' });
    expect((await post('plain', { csr: await makeCsr({}) })).status).toBe(200);
  });

  test.each(['AccessDeniedException', 'ResourceNotFoundException', 'InvalidStateException', 'LimitExceededException'])(
    '%s gets 503, with the cause in the log',
    async (code) => {
      pca.outage = { status: 400, code };
      const { status, json } = await post('plain', { csr: await makeCsr({}) });
      expect([status, Object.keys(json)]).toEqual([503, ['error']]);
      expect(server.log()).toContain(code);
      expect((await server.call(service, 'GET', '/v1/cas/plain')).status).toBe(503);
    },
  );

  test('a request that the CA calls malformed gets 400', async () => {
    pca.outage = { status: 400, code: 'MalformedCSRException' };
    expect((await post('plain', { csr: await makeCsr({}) })).status).toBe(400);
  });
});

describe('GET cas', () => {
  test('every CA is listed in the order of the settings, with all of its tags', async () => {
    const { json } = await server.call(service, 'GET', '/v1/cas');
    expect(json.cas.map(({ ca }: { ca: string }) => ca)).toEqual([
      'plain',
      'cached',
      'loose',
      'closed',
      'dev',
      'full',
      'gov',
    ]);
    const one = await server.call(service, 'GET', '/v1/cas/plain');
    expect(one.json).toEqual(json.cas[0]);
    expect(one.json.tags).toEqual({ env: 'test', team: 'infra' });
    expect(json.cas[4]).toEqual({ ca: 'dev', certificate: null, certificate_chain: null, tags: {} });
  });

  test('people get 403', async () => {
    expect((await server.call('user:alice', 'GET', '/v1/cas')).json).toEqual({
      error: 'alice does not have access to list cas',
    });
    expect((await server.call('user:alice', 'GET', '/v1/cas/plain')).status).toBe(403);
  });
});
