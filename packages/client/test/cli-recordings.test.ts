import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decryptBlind } from '@confidant/kmsauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AwsSession } from '../src/sdk/aws-session.js';
import { awsEnvironment, callCli } from './support/cli.js';
import { recordings } from './support/golden.js';
import { startAnswering, type Answer, type AnsweringServer, type Seen } from './support/http.js';
import { startRecordedKms } from './support/recorded-kms.js';

/**
 * These tests use a stand-in for the server, because they compare the requests that are sent. The printed output is
 * compared with the recordings in recorded-session.test.ts.
 */
type Body = Record<string, unknown>;
type Recorded = { result: boolean; [field: string]: unknown };

const all = recordings();
const find = (name: string) => all.find((recording) => recording.name === name)!;
const printed = (name: string): Recorded => JSON.parse(find(name).stdout) as Recorded;

const BLIND = '/v1/blind_credentials';
const BLIND_ID = `${BLIND}/23782e6f3be144cbac9b1b0b0b634951`;
const SERVICE_5 = 'GET /v1/services/svc-05-production?metadata_only=False';
const SERVICE_16 = '/v1/services/svc-16-production';
const READ_16 = `GET ${SERVICE_16}?metadata_only=True`;
const service16 = (ids: readonly string[]): Body => ({
  id: 'svc-16-production',
  revision: 3,
  account: null,
  enabled: true,
  credentials: ids.map((id) => ({ id })),
  blind_credentials: [],
});
const CERT = '/v1/certificates/selfsigned/svc-01-production.example.com';
const blind: Answer = { body: printed('create_blind_credential --group-context')['blind_credential'] };

/** For each recording the expected requests in order, with answers that let the command go on. */
const ASKED: Record<string, (readonly [string, Answer])[]> = {
  'get_service as service (blind decrypted)': [[SERVICE_5, { body: service16([]) }]],
  'get_service as user --no-decrypt-blind': [[SERVICE_5, { body: service16([]) }]],
  'create_blind_credential --group-context': [[`POST ${BLIND}`, blind]],
  'create_blind_credential --blind-contexts --no-store-keys --disabled': [[`POST ${BLIND}`, blind]],
  'update_blind_credential pairs': [
    [`GET ${BLIND_ID}`, blind],
    [`PUT ${BLIND_ID}`, blind],
  ],
  'update_blind_credential name only': [
    [`GET ${BLIND_ID}`, blind],
    [`PUT ${BLIND_ID}`, blind],
  ],
  'update_blind_credential metadata (context kept)': [
    [`GET ${BLIND_ID}`, blind],
    [`PUT ${BLIND_ID}`, blind],
  ],
  get_blind_credential: [[`GET ${BLIND_ID}`, blind]],
  list_blind_credentials: [[`GET ${BLIND}`, { body: { blind_credentials: [] } }]],
  revert_blind_credential: [[`PUT ${BLIND_ID}/1`, blind]],
  revert_credential: [['PUT /v1/credentials/05b6b1e4f6b748a3a5283735289bd4cd/1', { body: { id: 'c' } }]],
  revert_service: [['PUT /v1/services/svc-03-production/1', { body: service16([]) }]],
  add_creds: [
    [READ_16, { body: service16(['b', 'a']) }],
    [`PUT ${SERVICE_16}`, { body: service16([]) }],
  ],
  remove_creds: [
    [READ_16, { body: service16(['cf73d49ba9374beda9a35ace4c2c6f13', 'b', 'a']) }],
    [`PUT ${SERVICE_16}`, { body: service16([]) }],
  ],
  'add_creds nothing': [],
  get_jwt: [['GET /v1/jwks/token?environment=staging', { body: { token: 't' } }]],
  get_jwks: [['GET /v1/jwks/public/staging', { body: { keys: [] } }]],
  get_ca: [['GET /v1/cas/private', { body: { ca: 'private' } }]],
  'get_certificate selfsigned': [[`GET ${CERT}?validity=120`, { body: { certificate: 'pem' } }]],
  'confidant without subcommand': [],
};

/** The username for each profile of the recordings. */
const USERNAMES: Record<string, string> = {
  default: '2/user/alice',
  service1: '2/service/svc-01-production',
  svc5west: '2/service/svc-05-production',
};

let folder: string;
let kms: Awaited<ReturnType<typeof startRecordedKms>>;
let server: AnsweringServer;
let expected: (readonly [string, Answer])[] = [];

beforeAll(async () => {
  kms = await startRecordedKms();
  server = await startAnswering(({ method, path }: Seen) => {
    const next = expected.shift();
    if (next === undefined || next[0] !== `${method} ${path}`)
      return { status: 418, body: { error: `not ${method} ${path}` } };
    return next[1];
  });
  folder = mkdtempSync(join(tmpdir(), 'confidant-cli-'));
  const profile = (key: string, from: string, type: string) => `
  url: ${server.url}
  auth_key: alias/authnz-${key}
  region: us-east-1
  token_cache_file: ${join(folder, `token-${from}`)}
  timeout: 60
  auth_context: {from: ${from}, to: confidant-production, user_type: ${type}}
`;
  writeFileSync(
    join(folder, 'client.yaml'),
    `default:${profile('user', 'alice', 'user')}service1:${profile('service', 'svc-01-production', 'service')}svc5west:${profile('service', 'svc-05-production', 'service')}`,
  );
});

afterAll(async () => {
  await server.close();
  await kms.close();
  rmSync(folder, { recursive: true });
});

async function replay(name: string, answers = ASKED[name]!) {
  const recording = find(name);
  expected = [...answers];
  server.seen.length = 0;
  const argv = recording.argv.map((word) => (word === 'run/client.yaml' ? join(folder, 'client.yaml') : word));
  const end = await callCli(argv, awsEnvironment(kms.url));
  expect(expected).toEqual([]);
  return { recording, end };
}

describe('the recorded commands send the recorded requests as the recorded caller', () => {
  for (const name of Object.keys(ASKED)) {
    test(name, async () => {
      const { recording, end } = await replay(name);
      expect(end.code).toBe(recording.rc);
      const profile = recording.argv[recording.argv.indexOf('--profile') + 1]!;
      const username = USERNAMES[recording.argv.includes('--profile') ? profile : 'default'];
      const open = '/v1/jwks/public/';
      for (const request of server.seen) {
        expect(request.username).toBe(request.path.startsWith(open) ? undefined : username);
      }
    });
  }
});

describe('output without a server of this project', () => {
  test('get_service of another account is refused as by the original', async () => {
    const refused = { status: 401, body: { error: 'Authenticated user is not authorized.' } };
    const { recording, end } = await replay('get_service 401 (account)', [
      ['GET /v1/services/svc-20-production?metadata_only=False', refused],
    ]);
    expect(end).toMatchObject({ stdout: recording.stdout, code: recording.rc });
  });

  test('a command line without a command prints what the original prints', async () => {
    const { recording, end } = await replay('confidant without subcommand');
    expect(end).toMatchObject({ stdout: recording.stdout, code: recording.rc });
  });

  test('without an address, the fault and its remedy go to standard error, and the exit code is 1', async () => {
    const recording = find('no url');
    const end = await callCli(recording.argv);
    expect(end).toMatchObject({ stdout: recording.stdout, code: recording.rc });
    expect(end.stderr).toMatch(/no server address: set url in .*, or give --url/);
  });
});

describe('requests', () => {
  const bodyOf = (method: string): Body =>
    JSON.parse(server.seen.find((request) => request.method === method)!.body) as Body;

  test('a blind credential leaves the machine encrypted, under the context of each region', async () => {
    await replay('create_blind_credential --group-context');
    const { credential_pairs, data_key, ...rest } = bodyOf('POST');
    expect(rest).toEqual({
      name: 'CLI blind',
      credential_keys: ['ssl_key', 'b'],
      cipher_type: 'fernet',
      cipher_version: 2,
      metadata: {
        path: '/etc/x',
        mode: '0600',
        context: { 'us-east-1': { group: 'web-production' }, 'us-west-2': { group: 'web-production' } },
      },
      enabled: true,
      documentation: 'rotate',
    });
    process.env['AWS_ENDPOINT_URL_KMS'] = kms.url;
    process.env['AWS_ACCESS_KEY_ID'] = 'AKIATESTTESTTESTTEST';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
    const aws = new AwsSession({ timeoutMs: 60_000, region: 'us-east-1' });
    for (const region of ['us-east-1', 'us-west-2']) {
      const pairs = await decryptBlind({
        credential_pairs: credential_pairs as Record<string, string>,
        data_key: data_key as Record<string, string>,
        contexts: { [region]: { group: 'web-production' } },
        region,
        kmsFor: (of) => aws.kms(of),
      });
      expect(pairs).toEqual({ ssl_key: '-----BEGIN\nüx', b: '2' });
    }
    aws.close();
  });

  test('new blind pairs use the stored contexts; a name alone sends nothing else', async () => {
    await replay('update_blind_credential pairs');
    expect(Object.keys(bodyOf('PUT')).sort()).toEqual([
      'cipher_type',
      'cipher_version',
      'credential_keys',
      'credential_pairs',
      'data_key',
    ]);
    const [wrapped] = Object.values(bodyOf('PUT')['data_key'] as Record<string, string>);
    expect(kms.opened(wrapped!)?.context).toEqual({ group: 'web-production' });
    await replay('update_blind_credential name only');
    expect(bodyOf('PUT')).toEqual({ name: 'CLI blind renamed', documentation: 'new doc' });
  });

  test('new metadata keeps the stored contexts', async () => {
    await replay('update_blind_credential metadata (context kept)');
    expect(bodyOf('PUT')).toEqual({
      metadata: {
        x: 'y',
        context: { 'us-east-1': { group: 'web-production' }, 'us-west-2': { group: 'web-production' } },
      },
    });
  });

  test('add_creds and remove_creds send account, enabled and the sorted ids, and the revision they have read', async () => {
    const as = { account: null, enabled: true, blind_credentials: [], expected_revision: 3 };
    await replay('add_creds');
    expect(bodyOf('PUT')).toEqual({ ...as, credentials: ['a', 'b', 'cf73d49ba9374beda9a35ace4c2c6f13'] });
    await replay('remove_creds');
    expect(bodyOf('PUT')).toEqual({ ...as, credentials: ['a', 'b'] });
  });

  test('the token is bound to sender, receiver and user type, and valid for ten minutes', async () => {
    rmSync(join(folder, 'token-svc-01-production'), { force: true });
    await replay('get_ca');
    const [, token] = Buffer.from(server.seen[0]!.headers.authorization!.slice(6), 'base64').toString().split(':');
    const sealed = kms.opened(token!)!;
    expect(sealed.context).toEqual({ from: 'svc-01-production', to: 'confidant-production', user_type: 'service' });
    expect(sealed.key).toBe('alias/authnz-service');
    const payload = JSON.parse(Buffer.from(sealed.plaintext, 'base64').toString()) as Record<string, string>;
    const [from, to] = [payload['not_before']!, payload['not_after']!].map((text) =>
      Date.parse(text.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')),
    );
    expect(to! - from!).toBe(10 * 60_000);
  });
});

describe('bugs of the recorded release that are fixed', () => {
  const run = async (argv: readonly string[], answers: (readonly [string, Answer])[]) => {
    expected = [...answers];
    const end = await callCli(
      ['confidant', '--config-files', join(folder, 'client.yaml'), ...argv],
      awsEnvironment(kms.url),
    );
    expect(expected).toEqual([]);
    return { ...end, body: end.stdout === '' ? undefined : (JSON.parse(end.stdout) as Recorded) };
  };

  test('get_certificate takes alternative names', async () => {
    const query = 'san=a.example.com&san=b.example.com&validity=120';
    const end = await run(
      [
        'get_certificate',
        '--ca',
        'selfsigned',
        '--cn',
        'svc-01-production.example.com',
        '--san',
        'a.example.com',
        'b.example.com',
      ],
      [[`GET ${CERT}?${query}`, { body: { certificate: 'pem' } }]],
    );
    expect(end).toMatchObject({ code: 0, body: { certificate: { certificate: 'pem' }, result: true } });
  });

  test('get_certificate_from_csr sends the file', async () => {
    writeFileSync(join(folder, 'web.csr'), 'the request\n');
    const end = await run(
      ['get_certificate_from_csr', '--ca', 'private', '--csr-file', join(folder, 'web.csr'), '--validity', '7'],
      [['POST /v1/certificates/private', { body: { certificate: 'pem', certificate_chain: 'chain' } }]],
    );
    expect(end.body).toEqual({ certificate: { certificate: 'pem', certificate_chain: 'chain' }, result: true });
    expect(JSON.parse(server.seen.at(-1)!.body)).toEqual({ csr: 'the request\n', validity: 7 });
  });

  test('--cipher-version is sent as a number', async () => {
    const end = await run(
      // prettier-ignore
      ['create_blind_credential', '--name', 'x', '--blind-keys', '{"us-east-1":"alias/blind-useast1"}', '--group-context', '{"g":"x"}', '--credential-pairs', '{"k":"v"}', '--cipher-version', '2'],
      [[`POST ${BLIND}`, { body: { id: 'x' } }]],
    );
    expect(end.code).toBe(0);
    expect(JSON.parse(server.seen.at(-1)!.body)).toMatchObject({ cipher_version: 2 });
  });

  test('a revert without --revision goes back to the revision before, over gaps', async () => {
    const end = await run(
      ['revert_service', '--id', 'web'],
      [
        [
          'GET /v1/archive/services/web',
          { body: { revisions: [{ revision: 2 }, { revision: 7 }, { revision: 4 }], next_page: null } },
        ],
        ['PUT /v1/services/web/4', { body: { id: 'web', revision: 8 } }],
      ],
    );
    expect(end.body).toMatchObject({ result: true, service: { revision: 8 } });
  });

  test('get_jwt sends id and expiry, and an expiry without an id in the place of the id', async () => {
    const token = { body: { token: 't' } };
    const both = ['get_jwt', '--environment', 'staging', '--resource-id', 'r', '--expiry', '60'];
    expect((await run(both, [['GET /v1/jwks/token/r/60?environment=staging', token]])).code).toBe(0);
    const alone = ['get_jwt', '--environment', 'staging', '--expiry', '60'];
    expect((await run(alone, [['GET /v1/jwks/token/60?environment=staging', token]])).code).toBe(0);
  });

  test('remove_creds takes blind credentials away by id', async () => {
    const mapped = { ...service16(['a']), blind_credentials: [{ id: '00ff' }, { id: 'x' }] };
    const end = await run(
      ['remove_creds', '--service-id', 'svc-16-production', '--blind-cred-ids', '00ff'],
      [
        ['GET /v1/services/svc-16-production?metadata_only=True', { body: mapped }],
        ['PUT /v1/services/svc-16-production', { body: mapped }],
      ],
    );
    expect(end.code).toBe(0);
    expect(JSON.parse(server.seen.at(-1)!.body)).toMatchObject({ credentials: ['a'], blind_credentials: ['x'] });
  });

  test('every setting can be given on the command line', async () => {
    const recording = find('get_service all options on the command line');
    expected = [
      [
        'GET /v1/services/svc-01-production?metadata_only=False',
        { body: { ...service16([]), id: 'svc-01-production' } },
      ],
    ];
    // The default cache file would remain after the test.
    writeFileSync(join(folder, 'no-cache.json'), JSON.stringify({ default: { token_cache_file: '', timeout: 60 } }));
    const replaced: Record<string, string> = { '/nonexistent': join(folder, 'no-cache.json') };
    const argv = recording.argv.map((word) => (word.startsWith('http://') ? server.url : (replaced[word] ?? word)));
    const end = await callCli(argv, awsEnvironment(kms.url));
    expect(end.code).toBe(0);
    expect(server.seen.at(-1)!.username).toBe('svc-01-production');
  });

  test('an authentication key that does not exist in the region ends with exit code 1 and the reason of KMS', async () => {
    const name = 'get_blind_credential --decrypt-blind region us-west-2 (auth key must exist there)';
    const { end } = await replay(name, []);
    expect(end.code).toBe(1);
    expect(end.stderr).toMatch(/KMS refused the request \(NotFoundException\)/);
  });
});
