import { request as httpRequest } from 'node:http';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import {
  CreateAliasCommand,
  CreateGrantCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  GenerateRandomCommand,
  KMSClient,
  ListAliasesCommand,
  ListGrantsCommand,
  ListKeysCommand,
  ReEncryptCommand,
  RevokeGrantCommand,
  type KMSClientConfig,
} from '@aws-sdk/client-kms';
import { awsKms } from '@confidant/kmsauth';
import { describe, expect, onTestFinished, test } from 'vitest';
import { signRequest } from '../../src/aws/sigv4.js';
import { openAccessKey, type AccessKey } from '../../src/embedded/access-key.js';
import { Keyring } from '../../src/embedded/keyring.js';
import { startKmsEndpoint } from '../../src/embedded/kms-endpoint.js';
import { temporaryDirectory } from './temporary-directory.js';

const MASTER = 'alias/confidant-master';
const context = { from: 'a', to: 'b', user_type: 'service' };

async function startEndpoint(options: { host?: string; now?: () => Date } = {}) {
  const dataDir = temporaryDirectory();
  const keyring = Keyring.open(dataDir);
  const accessKey = openAccessKey(dataDir);
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => void faults.push(error);
  const endpoint = await startKmsEndpoint({ host: '127.0.0.1', port: 0, keyring, accessKey, onFault, ...options });
  onTestFinished(async () => {
    await endpoint.close();
    keyring.close();
  });
  const client = (config: KMSClientConfig = {}) => {
    const kms = new KMSClient({
      endpoint: endpoint.url,
      region: 'us-east-1',
      credentials: accessKey,
      maxAttempts: 1,
      ...config,
    });
    onTestFinished(() => kms.destroy());
    return kms;
  };
  return { endpoint, keyring, accessKey, client, faults };
}

interface RawRequest {
  target?: string;
  body?: string | Buffer;
  sentBody?: string | Buffer;
  headers?: Record<string, string>;
  host?: string;
  method?: string;
  path?: string;
}

/** Sends a request that is signed by hand, so that each part of it can be wrong. */
async function send(url: string, accessKey: AccessKey | undefined, raw: RawRequest) {
  const { hostname, port } = new URL(url);
  const { method = 'POST', path = '/', body = '{}', host = `${hostname}:${port}`, target = 'GenerateRandom' } = raw;
  const headers = { 'x-amz-target': `TrentService.${target}` };
  const request = { method, path, body, headers, host, service: 'kms', region: 'us-east-1', now: new Date() };
  const signature = accessKey === undefined ? {} : signRequest({ ...request, credentials: accessKey });
  return new Promise<{ status: number | undefined; type: unknown; body: Record<string, unknown> }>(
    (resolve, reject) => {
      const outgoing = httpRequest(
        { hostname, port, method, path, headers: { ...headers, host, ...signature, ...raw.headers }, agent: false },
        (response) => {
          text(response).then((answer) => {
            const parsed = JSON.parse(answer) as Record<string, unknown>;
            resolve({ status: response.statusCode, type: response.headers['x-amzn-errortype'], body: parsed });
          }, reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end(raw.sentBody ?? body);
    },
  );
}

describe('an AWS SDK client', () => {
  test('encrypts, and decrypts with and without naming the key', async () => {
    const { client } = await startEndpoint();
    const kms = client();
    const sealed = await kms.send(
      new EncryptCommand({ KeyId: MASTER, Plaintext: Buffer.from('secret'), EncryptionContext: context }),
    );
    expect(sealed.KeyId).toMatch(/^arn:aws:kms:us-east-1:000000000000:key\//);
    expect(sealed.EncryptionAlgorithm).toBe('SYMMETRIC_DEFAULT');
    for (const KeyId of [undefined, MASTER, sealed.KeyId]) {
      const opened = await kms.send(
        new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context, KeyId }),
      );
      expect(Buffer.from(opened.Plaintext ?? []).toString()).toBe('secret');
      expect(opened.KeyId).toBe(sealed.KeyId);
    }
    const wrongKey = new DecryptCommand({
      CiphertextBlob: sealed.CiphertextBlob,
      EncryptionContext: context,
      KeyId: 'alias/confidant-user',
    });
    await expect(kms.send(wrongKey)).rejects.toMatchObject({ name: 'IncorrectKeyException' });
    for (const EncryptionContext of [undefined, {}, { ...context, to: 'c' }]) {
      const wrong = new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob, EncryptionContext });
      await expect(kms.send(wrong)).rejects.toMatchObject({
        name: 'InvalidCiphertextException',
        $metadata: { httpStatusCode: 400 },
      });
    }
  });

  test('decrypts what the server encrypted, and the server what the client encrypted', async () => {
    const { client, keyring } = await startEndpoint();
    const serverKms = keyring.kms('us-east-1');
    const fromServer = await serverKms.encrypt({ keyId: MASTER, plaintext: Buffer.from('s'), context });
    const opened = await client().send(
      new DecryptCommand({ CiphertextBlob: fromServer.ciphertext, EncryptionContext: context }),
    );
    expect(Buffer.from(opened.Plaintext ?? []).toString()).toBe('s');
    const fromClient = await client().send(
      new EncryptCommand({ KeyId: MASTER, Plaintext: Buffer.from('c'), EncryptionContext: context }),
    );
    const ciphertext = fromClient.CiphertextBlob ?? new Uint8Array();
    expect(Buffer.from((await serverKms.decrypt({ ciphertext, context })).plaintext).toString()).toBe('c');
  });

  test('can use a context name that JavaScript treats specially', async () => {
    const special = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
    const { endpoint, accessKey } = await startEndpoint();
    const encrypt = await send(endpoint.url, accessKey, {
      target: 'Encrypt',
      body: JSON.stringify({ KeyId: MASTER, Plaintext: 'AA==', EncryptionContext: special }),
    });
    const decrypt = (EncryptionContext: Record<string, string>) =>
      send(endpoint.url, accessKey, {
        target: 'Decrypt',
        body: JSON.stringify({ CiphertextBlob: encrypt.body['CiphertextBlob'], EncryptionContext }),
      });
    expect((await decrypt(special)).status).toBe(200);
    const without = JSON.parse('{"constructor":"y"}') as Record<string, string>;
    expect((await decrypt(without)).type).toBe('InvalidCiphertextException');
  });

  test('generates random bytes and data keys', async () => {
    const { client } = await startEndpoint();
    const kms = client();
    expect((await kms.send(new GenerateRandomCommand({ NumberOfBytes: 32 }))).Plaintext).toHaveLength(32);
    const dataKey = await kms.send(
      new GenerateDataKeyCommand({ KeyId: MASTER, KeySpec: 'AES_256', EncryptionContext: context }),
    );
    const opened = await kms.send(
      new DecryptCommand({ CiphertextBlob: dataKey.CiphertextBlob, EncryptionContext: context }),
    );
    expect(dataKey.Plaintext).toHaveLength(32);
    expect(opened.Plaintext).toEqual(dataKey.Plaintext);
    const without = await kms.send(new GenerateDataKeyWithoutPlaintextCommand({ KeyId: MASTER, NumberOfBytes: 64 }));
    expect(without).not.toHaveProperty('Plaintext');
    const sealed = await kms.send(new DecryptCommand({ CiphertextBlob: without.CiphertextBlob }));
    expect(sealed.Plaintext).toHaveLength(64);
    for (const size of [{}, { KeySpec: 'AES_256', NumberOfBytes: 32 } as const]) {
      await expect(kms.send(new GenerateDataKeyCommand({ KeyId: MASTER, ...size }))).rejects.toMatchObject({
        name: 'ValidationException',
      });
    }
  });

  test('creates keys and aliases, lists them by page, and finds nothing of another region', async () => {
    const { client } = await startEndpoint();
    const east = client();
    const west = client({ region: 'us-west-2' });
    expect((await west.send(new ListAliasesCommand({}))).Aliases).toEqual([]);
    const { KeyMetadata: made } = await west.send(new CreateKeyCommand({}));
    expect(made).toMatchObject({ Enabled: true, KeyUsage: 'ENCRYPT_DECRYPT', KeyState: 'Enabled' });
    expect(made?.CreationDate).toBeInstanceOf(Date);
    await west.send(new CreateAliasCommand({ AliasName: 'alias/west', TargetKeyId: made?.KeyId }));
    const described = await west.send(new DescribeKeyCommand({ KeyId: 'alias/west' }));
    expect(described.KeyMetadata).toEqual(made);
    await expect(east.send(new DescribeKeyCommand({ KeyId: 'alias/west' }))).rejects.toMatchObject({
      name: 'NotFoundException',
    });
    expect((await west.send(new ListAliasesCommand({ KeyId: made?.KeyId }))).Aliases).toMatchObject([
      { AliasName: 'alias/west', TargetKeyId: made?.KeyId },
    ]);

    const first = await east.send(new ListAliasesCommand({ Limit: 2 }));
    const second = await east.send(new ListAliasesCommand({ Limit: 2, Marker: first.NextMarker }));
    expect([...(first.Aliases ?? []), ...(second.Aliases ?? [])].map(({ AliasName }) => AliasName)).toEqual([
      'alias/confidant-master',
      'alias/confidant-service',
      'alias/confidant-user',
    ]);
    expect([first.Truncated, second.Truncated, second.NextMarker]).toEqual([true, false, undefined]);
    expect((await east.send(new ListKeysCommand({}))).Keys).toHaveLength(3);
  });

  test('creates, lists and revokes grants by the key’s id or ARN, not by alias, as in AWS', async () => {
    const { client, keyring } = await startEndpoint();
    const kms = client();
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: MASTER }));
    const KeyId = KeyMetadata?.Arn;
    const grant = {
      KeyId,
      GranteePrincipal: 'arn:aws:iam::123456789012:role/svc',
      Operations: ['Encrypt', 'Decrypt'] satisfies Array<'Encrypt' | 'Decrypt'>,
      Constraints: { EncryptionContextSubset: { from: 'svc' } },
    };
    const { GrantId } = await kms.send(new CreateGrantCommand(grant));
    const { Grants } = await kms.send(new ListGrantsCommand({ KeyId }));
    expect(Grants).toMatchObject([{ ...grant, GrantId, Operations: ['Decrypt', 'Encrypt'] }]);
    expect(await keyring.kms('us-east-1').listGrants(MASTER)).toHaveLength(1);
    for (let i = 0; i < 4; i += 1) await kms.send(new CreateGrantCommand({ ...grant, Name: `n${i}` }));
    const first = await kms.send(new ListGrantsCommand({ KeyId, Limit: 3 }));
    const rest = await kms.send(new ListGrantsCommand({ KeyId, Limit: 3, Marker: first.NextMarker }));
    expect([first.Grants?.length, rest.Grants?.length, rest.Truncated]).toEqual([3, 2, false]);
    await kms.send(new RevokeGrantCommand({ KeyId, GrantId }));
    expect((await kms.send(new ListGrantsCommand({ KeyId, GrantId }))).Grants).toEqual([]);
    await expect(kms.send(new ListGrantsCommand({ KeyId: MASTER }))).rejects.toMatchObject({
      name: 'NotFoundException',
    });
  });

  test('gets an error for what the embedded KMS cannot do, instead of having it ignored', async () => {
    const { client } = await startEndpoint();
    const kms = client();
    const refused = [
      new CreateKeyCommand({ Policy: '{}' }),
      new EncryptCommand({ KeyId: MASTER, Plaintext: Buffer.of(1), DryRun: true }),
      new CreateGrantCommand({
        KeyId: MASTER,
        GranteePrincipal: 'a',
        Operations: ['Decrypt'],
        Constraints: { EncryptionContextEquals: { a: 'b' } },
      }),
    ];
    for (const command of refused) {
      await expect(kms.send(command as CreateKeyCommand)).rejects.toMatchObject({
        name: 'UnsupportedOperationException',
      });
    }
    await expect(
      kms.send(new ReEncryptCommand({ CiphertextBlob: Buffer.of(1), DestinationKeyId: MASTER })),
    ).rejects.toMatchObject({ name: 'UnknownOperationException' });
  });

  test('works over every loopback address, of IPv6 where there is IPv6, and localhost', async () => {
    const hasIPv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'));
    for (const host of [...(hasIPv6 ? ['::1', '[::1]', '::ffff:127.0.0.1'] : []), 'localhost', 'LOCALHOST']) {
      const { client } = await startEndpoint({ host });
      expect((await client().send(new GenerateRandomCommand({ NumberOfBytes: 1 }))).Plaintext).toHaveLength(1);
    }
  });

  test('with a wrong secret, a wrong key id or a session token is refused', async () => {
    const { client, accessKey } = await startEndpoint();
    const attempts = [
      [{ ...accessKey, secretAccessKey: 'x'.repeat(40) }, 'InvalidSignatureException'],
      [{ ...accessKey, accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' }, 'UnrecognizedClientException'],
      [{ ...accessKey, sessionToken: 'token' }, 'UnrecognizedClientException'],
    ] as const;
    for (const [credentials, name] of attempts) {
      const command = new GenerateRandomCommand({ NumberOfBytes: 1 });
      await expect(client({ credentials }).send(command)).rejects.toMatchObject({ name });
    }
  });

  test('whose clock is more than five minutes off is refused', async () => {
    // Half a minute over, because a signature has whole seconds and takes time to arrive. The exact limit is tested
    // in verify-signature.test.ts.
    for (const skewMs of [-330_000, 330_000]) {
      const { client } = await startEndpoint({ now: () => new Date(Date.now() + skewMs) });
      await expect(client().send(new GenerateRandomCommand({ NumberOfBytes: 1 }))).rejects.toMatchObject({
        name: 'InvalidSignatureException',
      });
    }
  });

  test('gets a server error for a broken keyring, which the server also reports', async () => {
    const { client, keyring, faults } = await startEndpoint();
    keyring.close();
    await expect(client().send(new DescribeKeyCommand({ KeyId: MASTER }))).rejects.toMatchObject({
      name: 'DependencyTimeoutException',
      $metadata: { httpStatusCode: 500 },
    });
    expect(faults).toMatchObject([{ name: 'KmsUnavailable' }]);
  });
});

describe('access to the endpoint', () => {
  test.each([
    '0.0.0.0',
    '::',
    '',
    '192.168.1.1',
    '10.0.0.1',
    'example.org',
    '127.evil.example',
    '127.1',
    '::ffff:10.0.0.1',
  ])('listening on %j is refused', async (host) => {
    await expect(startEndpoint({ host })).rejects.toThrow(/loopback only/);
  });

  test('a taken port is an error, not another port', async () => {
    const { endpoint, keyring, accessKey } = await startEndpoint();
    const port = Number(new URL(endpoint.url).port);
    await expect(startKmsEndpoint({ host: '127.0.0.1', port, keyring, accessKey })).rejects.toThrow(/EADDRINUSE/);
  });

  test('a foreign Host header gets 403, even with a valid signature over it', async () => {
    const { endpoint, accessKey } = await startEndpoint();
    const hosts = [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '127.0.0.1@evil.example',
      '[::2]',
    ];
    for (const host of hosts) {
      const answer = await send(endpoint.url, accessKey, { host, body: '{"NumberOfBytes":1}' });
      expect([answer.status, answer.type]).toEqual([403, 'AccessDeniedException']);
    }
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1', '[::1]:9']) {
      expect((await send(endpoint.url, accessKey, { host, body: '{"NumberOfBytes":1}' })).status).toBe(200);
    }
  });

  test('a request that is unsigned, partly signed or was changed is refused before anything is done', async () => {
    const { endpoint, accessKey, keyring } = await startEndpoint();
    const create = { target: 'CreateKey' };
    const attempts: Array<[AccessKey | undefined, RawRequest, string]> = [
      [undefined, create, 'MissingAuthenticationTokenException'],
      [undefined, { ...create, headers: { authorization: 'Basic YTpi' } }, 'MissingAuthenticationTokenException'],
      [undefined, { ...create, headers: { authorization: 'AWS4-HMAC-SHA256 x' } }, 'IncompleteSignatureException'],
      [accessKey, { ...create, sentBody: '{} ' }, 'InvalidSignatureException'],
      [accessKey, { headers: { 'x-amz-target': 'TrentService.CreateKey' } }, 'InvalidSignatureException'],
      [accessKey, { ...create, headers: { 'x-amz-more': '1' } }, 'IncompleteSignatureException'],
    ];
    for (const [key, raw, type] of attempts) {
      const answer = await send(endpoint.url, key, raw);
      expect([answer.status, answer.type, answer.body['__type']]).toEqual([400, type, type]);
    }
    expect(keyring.keys('us-east-1')).toHaveLength(3);
  });

  test.each([
    [{ body: 'no json "secret-in-body"' }, 'SerializationException'],
    [{ body: '["secret-in-body"]' }, 'SerializationException'],
    [{ body: Buffer.from([0x7b, 0xff, 0x7d]) }, 'SerializationException'],
    [{ body: '' }, 'SerializationException'],
    [{ body: '{"NumberOfBytes":"secret-in-body"}' }, 'ValidationException'],
    [{ body: '{"NumberOfBytes":1025}' }, 'ValidationException'],
    [{ target: 'Encrypt', body: '{"KeyId":"secret-in-body","Plaintext":"AA=="}' }, 'NotFoundException'],
    [{ target: 'Encrypt', body: `{"KeyId":"${MASTER}","Plaintext":"secret-in-body!"}` }, 'ValidationException'],
    [
      { target: 'Encrypt', body: `{"KeyId":"${MASTER}","Plaintext":"AA==","EncryptionContext":{"a":1}}` },
      'ValidationException',
    ],
    [{ target: 'Decrypt', body: '{"CiphertextBlob":"c2VjcmV0LWluLWJvZHk="}' }, 'InvalidCiphertextException'],
    [{ target: 'ScheduleKeyDeletion' }, 'UnknownOperationException'],
    [{ target: 'toString' }, 'UnknownOperationException'],
    [{ path: '/other' }, 'UnknownOperationException'],
    [{ method: 'PUT' }, 'UnknownOperationException'],
  ] satisfies Array<[RawRequest, string]>)('%j is %s, and the response repeats nothing of it', async (raw, type) => {
    const { endpoint, accessKey, faults } = await startEndpoint();
    const answer = await send(endpoint.url, accessKey, raw);
    expect([answer.status, answer.body['__type']]).toEqual([400, type]);
    expect(JSON.stringify(answer.body)).not.toMatch(/secret-in-body|c2VjcmV0/);
    expect(faults).toEqual([]);
  });

  test('a body over 64 KiB gets 413, with or without its length in a header', async () => {
    const { endpoint, accessKey } = await startEndpoint();
    const body = Buffer.alloc(64 * 1024 + 1, 0x20);
    for (const headers of [{ 'content-length': String(body.length) }, { 'transfer-encoding': 'chunked' }]) {
      const answer = await send(endpoint.url, accessKey, { body, headers });
      expect([answer.status, answer.type]).toEqual([413, 'RequestEntityTooLargeException']);
    }
    const padded = `{"NumberOfBytes":1}${' '.repeat(64 * 1024 - 19)}`;
    expect((await send(endpoint.url, accessKey, { body: padded })).status).toBe(200);
  });

  test('after close no request is answered, and closing does not wait for an idle connection', async () => {
    const { endpoint, accessKey, client } = await startEndpoint();
    await client().send(new GenerateRandomCommand({ NumberOfBytes: 1 }));
    await endpoint.close();
    await expect(send(endpoint.url, accessKey, {})).rejects.toThrow(/ECONNREFUSED/);
  });
});

test('several clients that all start with full pools of connections are answered', async () => {
  const { endpoint, accessKey } = await startEndpoint();
  const pools = Array.from({ length: 4 }, () => {
    const timeouts = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
    const kms = awsKms({
      region: 'us-east-1',
      endpoint: endpoint.url,
      credentials: accessKey,
      maxSockets: 100,
      maxAttempts: 1,
      ...timeouts,
    });
    onTestFinished(() => kms.close());
    return kms;
  });
  const calls = pools.flatMap((kms) => Array.from({ length: 120 }, () => kms.generateRandom(8)));
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
});
