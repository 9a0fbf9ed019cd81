import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awsKms } from '@confidant/kmsauth';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ConnectProxy, startConnectProxy } from '../../../../kmsauth/test/connect-proxy.js';
import { iamRoles } from '../../../src/adapters/aws/iam-roles.js';
import { acmPcaClient, acmPcaEndpoint } from '../../../src/adapters/signing/acm-pca.js';
import { dynamoEndpoint } from '../../../src/adapters/store/dynamodb/client.js';
import { openDynamoStore } from '../../../src/adapters/store/dynamodb/store.js';

const TIMEOUTS = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000, readTimeoutMs: 60_000 };
const ONCE = { maxSockets: 1, maxAttempts: 1 };

/** The variables of the SDK that a developer's own shell may set. */
const SDK_VARIABLES = [
  ...['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_DYNAMODB', 'AWS_ENDPOINT_URL_ACM_PCA', 'AWS_ENDPOINT_URL_KMS'],
  ...['AWS_ENDPOINT_URL_IAM', 'AWS_USE_FIPS_ENDPOINT', 'AWS_USE_DUALSTACK_ENDPOINT', 'AWS_PROFILE'],
  ...['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS', 'https_proxy', 'no_proxy', 'NO_PROXY', 'ALL_PROXY', 'all_proxy'],
];

let proxy: ConnectProxy;
let folder: string;
beforeAll(async () => {
  proxy = await startConnectProxy({ hosts: {} });
  // The hosts are AWS's own, so the proxy records them and connects to none.
  proxy.answer = 403;
  folder = mkdtempSync(join(tmpdir(), 'confidant-endpoints-'));
});
afterAll(async () => {
  await proxy.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  for (const name of SDK_VARIABLES) vi.stubEnv(name, undefined);
  vi.stubEnv('HTTPS_PROXY', proxy.url);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'none'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'none'));
});
afterEach(() => vi.unstubAllEnvs());

type Service = 'dynamodb' | 'acm-pca' | 'kms' | 'iam';

interface Urls {
  dynamodb?: string;
  'acm-pca'?: string;
  kms?: string;
}

/** Makes one call to each service as the server does, and returns the hosts that were asked for. */
async function askedHosts(region: string, urls: Urls = {}): Promise<Record<Service, string>> {
  const store = openDynamoStore({
    table: 'rows',
    region,
    endpoint: await dynamoEndpoint(region, urls.dynamodb),
    ...TIMEOUTS,
    ...ONCE,
  });
  const pca = acmPcaClient({ region, endpoint: await acmPcaEndpoint(region, urls['acm-pca']) });
  const kms = awsKms({ region, ...TIMEOUTS, ...ONCE, ...(urls.kms !== undefined && { endpoint: urls.kms }) });
  const roles = iamRoles({ region, ...TIMEOUTS, ...ONCE, onRefreshFailed: () => undefined });
  const calls: Record<Service, () => Promise<unknown>> = {
    dynamodb: () => store.ping(),
    'acm-pca': () => pca.call('ListTags', {}),
    kms: () => kms.describeKey('alias/x'),
    iam: () => roles.list(),
  };
  const hosts = {} as Record<Service, string>;
  try {
    for (const [service, call] of Object.entries(calls) as [Service, () => Promise<unknown>][]) {
      proxy.asked.length = 0;
      await expect(call(), service).rejects.toThrow('unavailable');
      hosts[service] = [...new Set(proxy.asked)].join();
    }
  } finally {
    await store.close();
    pca.close();
    kms.close();
    roles.close();
  }
  return hosts;
}

const FIPS = { AWS_USE_FIPS_ENDPOINT: 'true' };
const DUAL_STACK = { AWS_USE_DUALSTACK_ENDPOINT: 'true' };

describe("AWS's hosts are those of the region's partition, in the variant of the environment", () => {
  test.each<[region: string, environment: Record<string, string>, regional: string]>([
    ['us-east-1', {}, '.us-east-1.amazonaws.com'],
    ['mx-central-1', {}, '.mx-central-1.amazonaws.com'],
    ['us-west-9', {}, '.us-west-9.amazonaws.com'],
    ['cn-north-1', {}, '.cn-north-1.amazonaws.com.cn'],
    ['us-gov-west-1', {}, '.us-gov-west-1.amazonaws.com'],
    ['eusc-de-east-1', {}, '.eusc-de-east-1.amazonaws.eu'],
    ['us-iso-east-1', {}, '.us-iso-east-1.c2s.ic.gov'],
    ['us-isob-east-1', {}, '.us-isob-east-1.sc2s.sgov.gov'],
    ['eu-isoe-west-1', {}, '.eu-isoe-west-1.cloud.adc-e.uk'],
    ['us-isof-south-1', {}, '.us-isof-south-1.csp.hci.ic.gov'],
    ['eu-west-1', DUAL_STACK, '.eu-west-1.api.aws'],
    ['cn-north-1', DUAL_STACK, '.cn-north-1.api.amazonwebservices.com.cn'],
    ['us-gov-west-1', DUAL_STACK, '.us-gov-west-1.api.aws'],
    ['us-east-1', FIPS, '-fips.us-east-1.amazonaws.com'],
    ['us-east-1', { ...FIPS, ...DUAL_STACK }, '-fips.us-east-1.api.aws'],
    ['us-gov-west-1', { ...FIPS, ...DUAL_STACK }, '-fips.us-gov-west-1.api.aws'],
  ])('%s with %o', async (region, environment, regional) => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    const { iam: _global, ...hosts } = await askedHosts(region);
    expect(hosts).toEqual({
      dynamodb: `dynamodb${regional}:443`,
      'acm-pca': `acm-pca${regional}:443`,
      kms: `kms${regional}:443`,
    });
  });

  test('in GovCloud, the FIPS hosts of DynamoDB and ACM Private CA are the usual ones', async () => {
    vi.stubEnv('AWS_USE_FIPS_ENDPOINT', 'true');
    expect(await askedHosts('us-gov-east-1')).toEqual({
      dynamodb: 'dynamodb.us-gov-east-1.amazonaws.com:443',
      'acm-pca': 'acm-pca.us-gov-east-1.amazonaws.com:443',
      kms: 'kms-fips.us-gov-east-1.amazonaws.com:443',
      iam: 'iam.us-gov.amazonaws.com:443',
    });
  });

  test('the shared config file chooses the variant, too', async () => {
    writeFileSync(join(folder, 'variant'), '[default]\nuse_dualstack_endpoint = true\n');
    vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'variant'));
    expect((await askedHosts('us-east-1')).dynamodb).toBe('dynamodb.us-east-1.api.aws:443');
  });

  test.each<[region: string, environment: Record<string, string>, problem: string]>([
    ['us-iso-east-1/x', {}, '"us-iso-east-1/x" is not an AWS region'],
    ['us-east-1.example.com#', {}, '"us-east-1.example.com#" is not an AWS region'],
    ['us-east-1', { ...FIPS, AWS_ENDPOINT_URL: 'https://one.test' }, 'AWS_USE_FIPS_ENDPOINT cannot be combined'],
    [
      'us-east-1',
      { ...DUAL_STACK, AWS_ENDPOINT_URL: 'https://one.test' },
      'AWS_USE_DUALSTACK_ENDPOINT cannot be combined',
    ],
    ['us-east-1', { AWS_ENDPOINT_URL: 'ftp://one.test' }, 'must be an http:// or https:// URL'],
    ['us-east-1', { AWS_ENDPOINT_URL: 'localstack' }, 'Invalid URL'],
  ])('%s with %o is refused with a reason', async (region, environment, problem) => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    await expect(dynamoEndpoint(region, undefined)).rejects.toThrow(problem);
    await expect(acmPcaEndpoint(region, undefined)).rejects.toThrow(problem);
  });
});

describe("a configured endpoint replaces AWS's", () => {
  const everywhere = (host: string): Record<Service, string> => ({
    dynamodb: host,
    'acm-pca': host,
    kms: host,
    iam: host,
  });

  test('AWS_ENDPOINT_URL holds for every service', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'https://localstack.example.com:4566');
    expect(await askedHosts('us-east-1')).toEqual(everywhere('localstack.example.com:4566'));
  });

  test('AWS_ENDPOINT_URL_<SERVICE> holds for one service and overrides AWS_ENDPOINT_URL', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'https://all.test');
    for (const name of ['DYNAMODB', 'ACM_PCA', 'KMS', 'IAM']) {
      vi.stubEnv(`AWS_ENDPOINT_URL_${name}`, `https://${name.toLowerCase().replace('_', '-')}.test`);
    }
    expect(await askedHosts('us-east-1')).toEqual({
      dynamodb: 'dynamodb.test:443',
      'acm-pca': 'acm-pca.test:443',
      kms: 'kms.test:443',
      iam: 'iam.test:443',
    });
  });

  test('endpoint_url of the shared config file holds, and the environment overrides it', async () => {
    const services = 'services = own\n[services own]\ndynamodb =\n  endpoint_url = https://tables.test\n';
    writeFileSync(join(folder, 'config'), `[default]\nendpoint_url = https://all.test\n${services}`);
    vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'));
    expect(await askedHosts('us-east-1')).toEqual({ ...everywhere('all.test:443'), dynamodb: 'tables.test:443' });
    vi.stubEnv('AWS_ENDPOINT_URL', 'https://environment.test');
    expect(await askedHosts('us-east-1')).toEqual(everywhere('environment.test:443'));
  });

  test('AWS_IGNORE_CONFIGURED_ENDPOINT_URLS ignores all of these, but not our own settings', async () => {
    vi.stubEnv('AWS_IGNORE_CONFIGURED_ENDPOINT_URLS', 'true');
    vi.stubEnv('AWS_ENDPOINT_URL', 'https://all.test');
    vi.stubEnv('AWS_ENDPOINT_URL_DYNAMODB', 'https://tables.test');
    expect(await askedHosts('eu-west-1', { kms: 'https://own.test' })).toEqual({
      dynamodb: 'dynamodb.eu-west-1.amazonaws.com:443',
      'acm-pca': 'acm-pca.eu-west-1.amazonaws.com:443',
      kms: 'own.test:443',
      iam: 'iam.amazonaws.com:443',
    });
  });

  test('our own settings override AWS_ENDPOINT_URL', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'https://all.test');
    vi.stubEnv('AWS_ENDPOINT_URL_DYNAMODB', 'https://tables.test');
    const own = { dynamodb: 'https://own.test:8000', 'acm-pca': 'https://own.test', kms: 'https://own.test/path' };
    expect(await askedHosts('us-east-1', own)).toEqual({
      dynamodb: 'own.test:8000',
      'acm-pca': 'own.test:443',
      kms: 'own.test:443',
      iam: 'all.test:443',
    });
  });
});
