import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TokenGenerator } from '@confidant/kmsauth';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ConnectProxy, PROXY_PASSWORD, startConnectProxy } from '../../../kmsauth/test/connect-proxy.js';
import { sealBootstrap } from '../../src/adapters/sealing/secrets-bootstrap.js';
import { adminMain } from '../../src/admin/cli.js';
import { type Receiver, startReceiver } from '../adapters/telemetry/receiver.js';
import { SECRET } from '../harness/server.js';
import { type ForgingProvider, startForgingProvider } from '../login/forging-provider.js';
import { Visitor } from '../login/visitor.js';
import { type AcmPcaStandIn, startAcmPca } from '../stand-ins/acm-pca.js';
import { type IamStandIn, startIamStandIn } from '../stand-ins/iam.js';
import { type KmsStandIn, startKmsStandIn } from '../stand-ins/kms.js';
import { startStsStandIn, type StsStandIn } from '../stand-ins/sts.js';
import { type DynamoDbServer, startDynamoDb } from '../stand-ins/dynamodb-server.js';
import { dataDirectory, type Program, run } from '../harness/program.js';

// Host names that the server connects to. Only the proxy knows the addresses of the stand-ins behind them.
const KMS = 'kms.us-east-1.amazonaws.com';
const DYNAMODB = 'dynamodb.us-east-1.amazonaws.com';
const IAM = 'iam.amazonaws.com';
const STS = 'sts.us-east-1.amazonaws.com';
const PCA = 'acm-pca.us-east-1.amazonaws.com';
const WEBHOOK = 'hooks.confidant.test';
const GRAPHITE = 'graphite.confidant.test';
const OPENID = 'login.confidant.test';

/** Time-outs for backends on a slow machine. */
const PATIENT = {
  PYNAMO_REQUEST_TIMEOUT_SECONDS: '20',
  KMS_CONNECTION_TIMEOUT: '20',
  KMS_READ_TIMEOUT: '20',
};
const IMPATIENT = { PYNAMO_REQUEST_TIMEOUT_SECONDS: '', KMS_CONNECTION_TIMEOUT: '', KMS_READ_TIMEOUT: '' };
/** For retries with pauses between them. */
const LONG = { timeout: 60_000 };

/** Credentials that replace the role. */
const KEYS = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'test' };

let kms: KmsStandIn;
let dynamo: DynamoDbServer;
let iam: IamStandIn;
let sts: StsStandIn;
let pca: AcmPcaStandIn;
let webhook: Receiver;
let graphite: Receiver;
let openid: ForgingProvider;
let hosts: Record<string, string>;
let authority: string;

const proxies: ConnectProxy[] = [];
const programs: Program[] = [];
const directories: { path: string; remove(): void }[] = [];

beforeAll(async () => {
  [kms, dynamo, iam, sts, pca, webhook, graphite, openid] = await Promise.all([
    startKmsStandIn(),
    startDynamoDb(),
    startIamStandIn(['web-production']),
    startStsStandIn(),
    startAcmPca(),
    startReceiver(),
    startReceiver(),
    startForgingProvider('client', 'client secret', { issuer: `https://${OPENID}` }),
  ]);
  authority = await pca.addAuthority();
  hosts = {
    [KMS]: kms.url,
    [DYNAMODB]: dynamo.endpoint,
    [IAM]: iam.url,
    [STS]: sts.url,
    [PCA]: pca.url,
    [WEBHOOK]: webhook.url,
    [GRAPHITE]: graphite.url,
    [OPENID]: openid.url,
  };
});
afterAll(async () => {
  await Promise.all([kms, dynamo, iam, sts].map((each) => each?.stop()));
  await Promise.all([pca, webhook, graphite, openid].map((each) => each?.close()));
});
afterEach(async () => {
  for (const program of programs.splice(0)) {
    program.process.kill('SIGKILL');
    await program.exited;
  }
  for (const proxy of proxies.splice(0)) await proxy.close();
  for (const directory of directories.splice(0)) directory.remove();
});

async function startProxy(options: { tls?: boolean } = {}): Promise<ConnectProxy> {
  const proxy = await startConnectProxy({ hosts, ...options });
  proxies.push(proxy);
  return proxy;
}

/** Starts a server as in production: it assumes a role with a web identity token, and connects only through `proxy`. */
async function start(proxy: ConnectProxy, environment: Record<string, string> = {}): Promise<Program> {
  const directory = dataDirectory();
  directories.push(directory);
  const token = join(dirname(directory.path), 'web-identity');
  writeFileSync(token, 'a token of the cluster');
  const program = await run({
    HOME: dirname(directory.path),
    NODE_EXTRA_CA_CERTS: proxy.caFile,
    HTTPS_PROXY: proxy.url,
    AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/confidant',
    AWS_WEB_IDENTITY_TOKEN_FILE: token,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_REGION: 'us-east-1',
    DYNAMODB_TABLE: `confidant-${process.hrtime.bigint()}`,
    DYNAMODB_CREATE_TABLE: 'true',
    AUTH_CONTEXT: 'confidant',
    AUTH_KEY: 'alias/authnz-service',
    USER_AUTH_KEY: 'alias/authnz-user',
    KMS_AUTH_USER_TYPES: 'user,service',
    KMS_MASTER_KEY: 'alias/confidant-master',
    SESSION_SECRET: SECRET,
    ACL_MODULE: 'confidant.authnz.rbac:no_acl',
    SSLIFY: 'false',
    ACM_PRIVATE_CAS: 'private',
    ACM_PRIVATE_CA_ARN_PRIVATE: authority,
    WEBHOOK_URL: `https://${WEBHOOK}/changed`,
    GRAPHITE_EVENT_URL: `https://${GRAPHITE}/events`,
    USER_AUTH_MODULE: 'oidc',
    OIDC_ISSUER: `https://${OPENID}`,
    OIDC_CLIENT_ID: 'client',
    OIDC_CLIENT_SECRET: 'client secret',
    ...PATIENT,
    ...environment,
  });
  programs.push(program);
  return program;
}

const generators = new Map<string, TokenGenerator>();

/** Sends a request as a person, with a KMS token that is kept for later requests. */
async function call(
  program: Program,
  method: string,
  path: string,
  { body, from = 'tester' }: { body?: object; from?: string } = {},
): Promise<Response> {
  const generator =
    generators.get(from) ??
    new TokenGenerator({
      kms: kms.kms,
      authKey: 'alias/authnz-user',
      from,
      to: 'confidant',
      userType: 'user',
      version: 2,
      lifetimeMinutes: 10,
    });
  generators.set(from, generator);
  const { username, token } = await generator.token();
  return fetch(program.url + path, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

const credential = (name: string) => ({
  name,
  documentation: 'how to rotate',
  credential_pairs: { password: 'p4ss' },
});

/** Creates a credential and the service `web-production` that maps it. */
async function createService(program: Program): Promise<void> {
  const created = await call(program, 'POST', '/v1/credentials', { body: credential('first') });
  expect(created.status).toBe(200);
  const { id } = (await created.json()) as { id: string };
  const mapped = await call(program, 'PUT', '/v1/services/web-production', {
    body: { credentials: [id], enabled: true },
  });
  expect(mapped.status).toBe(200);
}

const askedHosts = (proxy: ConnectProxy): string[] => [...new Set(proxy.asked)].sort();

async function logIn(program: Program): Promise<string> {
  const visitor = new Visitor(program.url);
  const begun = new URL((await visitor.go('/v1/login')).location!);
  expect(begun.origin).toBe(`https://${OPENID}`);
  openid.nonce = begun.searchParams.get('nonce')!;
  await visitor.go(`/v1/login?code=c&state=${begun.searchParams.get('state')}`);
  return (await visitor.go('/v1/user/email')).text;
}

describe('a server that can connect only through a proxy', () => {
  test.each([{ tls: false }, { tls: true }])('does all its work through the proxy: %o', async (options) => {
    const proxy = await startProxy(options);
    const [eventsBefore, stsBefore] = [webhook.received.length, sts.calls];
    const program = await start(proxy);
    await createService(program);
    expect(await (await call(program, 'GET', '/v1/roles')).json()).toEqual({ roles: ['web-production'] });
    expect((await call(program, 'GET', '/v1/cas/private')).status).toBe(200);
    expect(await logIn(program)).toBe('{"email":"alice@example.com"}');
    await webhook.arrived(eventsBefore + 1);
    await graphite.arrived(eventsBefore + 1);
    expect(sts.calls).toBeGreaterThan(stsBefore);
    program.process.kill('SIGTERM');
    expect(await program.exited).toBe(0);
    const everyone = [KMS, DYNAMODB, IAM, STS, PCA, WEBHOOK, GRAPHITE, OPENID];
    expect(program.stderr()).not.toContain('NodeVersionSupportWarning');
    expect(askedHosts(proxy)).toEqual(everyone.map((host) => `${host}:443`).sort());
    expect(proxy.authorization).toBe(`Basic ${Buffer.from(`user:${PROXY_PASSWORD}`).toString('base64')}`);
  });

  test('reuses its connections through the proxy', async () => {
    const proxy = await startProxy();
    const program = await start(proxy);
    await createService(program);
    const connections = () => proxy.asked.filter((asked) => asked.startsWith(DYNAMODB) || asked.startsWith(KMS)).length;
    let written = 0;
    const tenMore = async (): Promise<number> => {
      const before = connections();
      for (let n = 0; n < 10; n++) {
        const body = credential(`again ${(written += 1)}`);
        expect((await call(program, 'POST', '/v1/credentials', { body })).status).toBe(200);
      }
      return connections() - before;
    };
    // New connections may still open while other requests are under way.
    await expect.poll(tenMore, LONG).toBe(0);
  });

  test('starts although AWS takes longer for the first credentials than a request may take', async () => {
    const short = { PYNAMO_REQUEST_TIMEOUT_SECONDS: '0.5', KMS_CONNECTION_TIMEOUT: '0.2', KMS_READ_TIMEOUT: '0.2' };
    const SECRETS_BOOTSTRAP = await sealBootstrap('A_SECRET: value\n', kms.kms, 'alias/confidant-master');
    sts.delayMs = 1500;
    try {
      for (const environment of [short, { ...short, SECRETS_BOOTSTRAP }]) {
        const program = await start(await startProxy(), environment);
        expect(program.url).toMatch(/^http:/);
      }
    } finally {
      sts.delayMs = 0;
    }
  });

  test('sends everything for AWS to AWS_ENDPOINT_URL and nothing to AWS', async () => {
    const proxy = await startProxy();
    proxy.answer = 403;
    const program = await start(proxy, {
      ...KEYS,
      AWS_ENDPOINT_URL: 'https://localstack.confidant.test:4566',
      DYNAMODB_CREATE_TABLE: 'false',
      BACKGROUND_CACHE_IAM_ROLES: 'false',
      WEBHOOK_URL: '',
      GRAPHITE_EVENT_URL: '',
      KMS_URL: kms.url,
    });
    for (const path of ['/v1/credentials', '/v1/roles', '/v1/cas/private']) {
      proxy.asked.length = 0;
      expect((await call(program, 'GET', path)).status).toBe(503);
      expect(askedHosts(proxy)).toEqual(['localstack.confidant.test:4566']);
    }
  });

  test('does not start when its AWS endpoint contradicts the variant of AWS that it asks for', async () => {
    const program = await start(await startProxy(), {
      ...KEYS,
      AWS_ENDPOINT_URL_DYNAMODB: 'https://tables.confidant.test',
      AWS_USE_FIPS_ENDPOINT: 'true',
    });
    expect(await program.exited).toBe(1);
    expect(program.stderr()).toContain(
      'the endpoint of DynamoDB cannot be determined: AWS_USE_FIPS_ENDPOINT cannot be combined with an endpoint of your own',
    );
  });

  test('connects directly to hosts in NO_PROXY and to http URLs', async () => {
    const proxy = await startProxy();
    const program = await start(proxy, {
      no_proxy: 'confidant.test',
      KMS_URL: kms.url,
      DYNAMODB_URL: dynamo.endpoint,
    });
    await createService(program);
    const login = await fetch(`${program.url}/v1/login`, { redirect: 'manual' });
    expect(login.status).toBe(503);
    // The list of roles is asked for in the background.
    await expect.poll(() => askedHosts(proxy)).toEqual([IAM, STS].map((host) => `${host}:443`));
  });
});

describe('a proxy that does not connect', () => {
  test('makes the backend unavailable, and is named in the log', async () => {
    const proxy = await startProxy();
    const program = await start(proxy, { ...KEYS, BACKGROUND_CACHE_IAM_ROLES: 'false' });
    await createService(program);
    // Open connections would be reused.
    proxy.hangUp();
    for (const status of [403, 407, 502]) {
      proxy.answer = status;
      const answers = {
        kms: call(program, 'GET', '/v1/credentials', { from: `somebody-${status}` }),
        dynamodb: call(program, 'GET', '/v1/credentials'),
        iam: call(program, 'GET', '/v1/roles'),
        pca: call(program, 'GET', '/v1/cas/private'),
        openid: fetch(`${program.url}/v1/login`),
      };
      for (const [backend, asking] of Object.entries(answers)) {
        const response = await asking;
        expect([backend, response.status, response.headers.get('x-confidant-error')]).toEqual([
          backend,
          503,
          'unavailable',
        ]);
      }
      for (const host of [KMS, DYNAMODB, IAM, PCA, OPENID]) {
        const message = `the proxy ${proxy.where} makes no connection to ${host}:443: it answered ${status}`;
        await expect.poll(() => program.stdout()).toContain(message);
      }
    }
    expect(program.stdout() + program.stderr()).not.toContain('hunter2');
  });

  test('makes the backend unavailable when it does not respond in time', async () => {
    const proxy = await startProxy();
    const program = await start(proxy, { ...KEYS, ...IMPATIENT });
    // Until KMS has verified the token, which takes several tries on a slow machine with short time-outs.
    await expect.poll(async () => (await call(program, 'GET', '/v1/credentials')).status, LONG).toBe(200);
    proxy.hangUp();
    proxy.answer = 'hang';
    expect((await call(program, 'GET', '/v1/credentials')).status).toBe(503);
    expect((await call(program, 'GET', '/v1/credentials', { from: 'somebody-else' })).status).toBe(503);
    const messages = [
      `the proxy ${proxy.where} made no connection to ${KMS}:443 within 1000 ms`,
      `no connection through the proxy ${proxy.where} within`,
    ];
    for (const message of messages) await expect.poll(() => program.stdout()).toContain(message);
  });

  test('is named in the log as the reason why an event was not delivered', async () => {
    const proxy = await startProxy();
    proxy.answer = 403;
    const program = await start(proxy, { ...KEYS, KMS_URL: kms.url, DYNAMODB_URL: dynamo.endpoint });
    await createService(program);
    for (const host of [WEBHOOK, GRAPHITE]) {
      const failure = `"failure":"the proxy ${proxy.where} makes no connection to ${host}:443: it answered 403"`;
      await expect.poll(() => program.stdout(), LONG).toContain(failure);
    }
  });

  test('prevents a start that needs KMS for SECRETS_BOOTSTRAP, and is named', async () => {
    const proxy = await startProxy();
    proxy.answer = 407;
    const program = await start(proxy, {
      SECRETS_BOOTSTRAP: '{"data_key": "AAAA", "secrets": "AAAA"}',
      ...KEYS,
    });
    expect(await program.exited).toBe(1);
    expect(program.stderr()).toContain(`SECRETS_BOOTSTRAP: KMS does not answer (the proxy ${proxy.where} makes no`);
    expect(program.stderr()).not.toContain('hunter2');
  });
});

describe('a proxy variable that is not an http or https URL', () => {
  const WRONG = { HTTPS_PROXY: '', https_proxy: 'socks5://user:hunter2@127.0.0.1:1' };

  test('prevents the start, and is named', async () => {
    const program = await start(await startProxy(), WRONG);
    expect(await program.exited).toBe(1);
    expect(program.stderr()).toContain('  https_proxy: must be an http or https address\n');
    expect(program.stderr()).not.toContain('hunter2');
  });

  test('stops a command of confidant-admin with the same message', async () => {
    let printed = '';
    const environment = { ...WRONG, DYNAMODB_TABLE: 'confidant', KMS_MASTER_KEY: 'alias/x', AUTH_KEY: 'alias/y' };
    const exitCode = await adminMain(['archive_credentials', '--days', '1'], {
      environment,
      err: (text) => (printed += text),
    });
    expect([exitCode, printed]).toEqual([1, 'https_proxy: must be an http or https address\n']);
  });

  test('does not matter to an embedded server, which connects to nothing', async () => {
    const directory = dataDirectory();
    directories.push(directory);
    const program = await run({ CONFIDANT_DATA_DIR: directory.path, ALL_PROXY: 'socks5://127.0.0.1:1' });
    programs.push(program);
    expect(program.url).toMatch(/^http:/);
  });
});
