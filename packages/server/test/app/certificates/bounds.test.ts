import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AcmPca, acmPcaClient } from '../../../src/adapters/signing/acm-pca.js';
import type { AwsJsonClient } from '../../../src/adapters/aws/json-client.js';
import { systemClock } from '../../../src/adapters/clock.js';
import { KeyMaker, NO_SUBJECT } from '../../../src/adapters/signing/x509/key-maker.js';
import type { Metrics } from '../../../src/ports/telemetry.js';
import { BackendUnavailable } from '../../../src/ports/unavailable.js';
import { type AcmPcaStandIn, startAcmPca } from '../../stand-ins/acm-pca.js';
import { makeCsr } from '../../adapters/signing/tools.js';
import type { SigningRequest } from '../../../src/ports/certificates.js';

/** Keys that are too short for any real use, but quick to make. */
const TINY_KEYS = { bits: 512, publicExponent: 65_537, subject: NO_SUBJECT };
const names = { commonName: 'web.example.com', dnsNames: [] };

test('keys are made a few at a time; with a hundred requests waiting the next gets 429, and later ones are served again', async () => {
  const keys = new KeyMaker(TINY_KEYS);
  const results = await Promise.allSettled(Array.from({ length: 110 }, () => keys.make(names)));
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  expect(refused).toHaveLength(8);
  for (const reason of refused) expect(reason).toMatchObject({ name: 'Refusal', code: 'too_many_requests' });
  await expect(keys.make(names)).resolves.toMatchObject({ request: { commonName: 'web.example.com' } });
});

describe('a certificate request to ACM PCA is given up within its time limit', () => {
  let pca: AcmPcaStandIn;
  let client: AwsJsonClient;
  let authority: AcmPca;
  let patient: AcmPca;
  const timers: string[] = [];
  const metrics: Metrics = { count: (name) => timers.push(name), timing: (name) => timers.push(name) };
  beforeAll(async () => {
    pca = await startAcmPca();
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'stand-in-secret' };
    client = acmPcaClient({ region: pca.region, endpoint: pca.url, credentials: () => Promise.resolve(credentials) });
    const options = {
      name: 'private',
      arn: await pca.addAuthority(),
      signingAlgorithm: 'SHA256WITHRSA',
      templateArn: 'arn:aws:acm-pca:::template/EndEntityCertificate/V1',
      maxValidityDays: 10,
      selfSign: false,
      keys: new KeyMaker({ ...TINY_KEYS, bits: 2048 }),
      cacheSize: 10,
      client,
      clock: systemClock(),
      metrics,
    };
    authority = new AcmPca({ ...options, issueWithinMs: 700 });
    patient = new AcmPca(options);
  });
  afterAll(async () => {
    client.close();
    await pca.close();
  });
  const request = async (): Promise<SigningRequest> => ({
    pem: await makeCsr({}),
    commonName: 'svc-01.example.com',
    alternativeNames: [],
    otherAttributes: [],
  });

  test('when the certificate is never issued', async () => {
    pca.pendingPolls = Infinity;
    await expect(authority.issue(await request(), 5)).rejects.toBeInstanceOf(BackendUnavailable);
    pca.pendingPolls = 0;
  });

  test('when the CA does not respond at all', async () => {
    pca.outage = 'hang';
    await expect(authority.issue(await request(), 5)).rejects.toBeInstanceOf(BackendUnavailable);
    pca.outage = undefined;
  });

  test('and its duration is measured under the metric names of the original', async () => {
    timers.length = 0;
    for (let i = 0; i < 2; i++) await patient.issueWithKey('svc-01.example.com', [], 5);
    expect(timers).toEqual([
      'get_cached_certificate_with_key.miss',
      'issue_certificate',
      'get_certificate_from_arn',
      'issue_certificate_with_key',
      'get_cached_certificate_with_key',
      'get_cached_certificate_with_key.hit',
      'get_cached_certificate_with_key',
    ]);
  });
});
