import { readFile, readdir } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { KmsRefused, KmsUnavailable, awsKms, type AwsKmsOptions } from '../src/index.js';
import { startSlowTls } from './slow-tls.js';

type Answer = (response: ServerResponse, body: Record<string, unknown>) => void;
interface Asked {
  operation: string;
  body: Record<string, unknown>;
}

const ARN = 'arn:aws:kms:us-east-1:123456789012:key/2c5204f7-e292-4d65-8ce7-93257f4b2053';
const base64 = (text: string) => Buffer.from(text).toString('base64');

let server: Server;
let asked: Asked[];
let answers: Answer[];
const open: { close(): void }[] = [];

const send = (response: ServerResponse, status: number, body: unknown) => {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
};
const answer =
  (body: unknown, status = 200): Answer =>
  (response) => {
    send(response, status, body);
  };
const failure = (code: string, status = 400) => answer({ __type: code, message: 'because' }, status);

// Each test has a server of its own, because a late request of one test could reach the next.
beforeEach(async () => {
  asked = [];
  answers = [];
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
      asked.push({ operation: String(request.headers['x-amz-target']).replace('TrentService.', ''), body });
      // The last answer is repeated.
      const next = answers.length > 1 ? answers.shift() : answers[0];
      next?.(response, body);
    });
  });
  // No idle connection is closed, because a request could reuse it at that moment.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const kms of open.splice(0)) kms.close();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
});

const port = () => (server.address() as AddressInfo).port;

function connect(options: Partial<AwsKmsOptions> = {}) {
  const kms = awsKms({
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port()}`,
    connectTimeoutMs: 20_000,
    requestTimeoutMs: 20_000,
    maxSockets: 10,
    maxAttempts: 1,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' },
    ...options,
  });
  open.push(kms);
  return kms;
}

const decryption = { ciphertext: Buffer.from('ciphertext'), context: { from: 'svc' } };

describe('calls', () => {
  test('encrypt returns the ciphertext under a key and context, and the ARN of the key', async () => {
    answers = [answer({ CiphertextBlob: base64('sealed'), KeyId: ARN })];
    const request = { keyId: 'alias/x', plaintext: Buffer.from('plain'), context: { a: '1', b: 'ü' } };
    const { ciphertext, keyArn } = await connect().encrypt(request);
    expect(Buffer.from(ciphertext).toString()).toBe('sealed');
    expect(keyArn).toBe(ARN);
    const body = { KeyId: 'alias/x', Plaintext: base64('plain'), EncryptionContext: { a: '1', b: 'ü' } };
    expect(asked).toEqual([{ operation: 'Encrypt', body }]);
  });

  test('decrypt uses the context and returns the key that KMS reports', async () => {
    answers = [answer({ Plaintext: base64('plain'), KeyId: ARN })];
    const { plaintext, keyArn } = await connect().decrypt(decryption);
    expect(Buffer.from(plaintext).toString()).toBe('plain');
    expect(keyArn).toBe(ARN);
    const body = { CiphertextBlob: base64('ciphertext'), EncryptionContext: { from: 'svc' } };
    expect(asked).toEqual([{ operation: 'Decrypt', body }]);
  });

  test('generateRandom returns random bytes, and describeKey the ARN of a key', async () => {
    answers = [answer({ Plaintext: base64('random') }), answer({ KeyMetadata: { KeyId: 'x', Arn: ARN } })];
    const kms = connect();
    expect(Buffer.from(await kms.generateRandom(6)).toString()).toBe('random');
    expect(await kms.describeKey('alias/x')).toEqual({ keyArn: ARN });
    expect(asked).toEqual([
      { operation: 'GenerateRandom', body: { NumberOfBytes: 6 } },
      { operation: 'DescribeKey', body: { KeyId: 'alias/x' } },
    ]);
  });

  test('listGrants returns the grants of every page', async () => {
    const grant = (id: string, constraints?: object) => ({
      GrantId: id,
      GranteePrincipal: `role/${id}`,
      Operations: ['Encrypt', 'Decrypt'],
      ...(constraints && { Constraints: constraints }),
    });
    answers = [
      answer({ Grants: [grant('1', { EncryptionContextSubset: { from: 'svc' } })], Truncated: true, NextMarker: 'm' }),
      answer({ Grants: [grant('2')], Truncated: false }),
    ];
    const common = { operations: ['Encrypt', 'Decrypt'] };
    expect(await connect().listGrants(ARN)).toEqual([
      { grantId: '1', granteePrincipal: 'role/1', contextSubset: { from: 'svc' }, ...common },
      { grantId: '2', granteePrincipal: 'role/2', contextSubset: {}, ...common },
    ]);
    expect(asked.map(({ body }) => body['Marker'])).toEqual([undefined, 'm']);
  });

  test('createGrant and revokeGrant create and revoke grants', async () => {
    answers = [answer({ GrantId: 'g', GrantToken: 't' }), answer({})];
    const kms = connect();
    const grant = { keyId: ARN, granteePrincipal: 'role', operations: ['Decrypt'], contextSubset: { to: 'svc' } };
    expect(await kms.createGrant(grant)).toEqual({ grantId: 'g' });
    await kms.revokeGrant({ keyId: ARN, grantId: 'g' });
    expect(asked.map(({ operation, body }) => ({ operation, ...body }))).toEqual([
      {
        operation: 'CreateGrant',
        KeyId: ARN,
        GranteePrincipal: 'role',
        Operations: ['Decrypt'],
        Constraints: { EncryptionContextSubset: { to: 'svc' } },
      },
      { operation: 'RevokeGrant', KeyId: ARN, GrantId: 'g' },
    ]);
  });
});

describe('KMS refused', () => {
  test.each([
    'InvalidCiphertextException',
    'AccessDeniedException',
    'NotFoundException',
    'DisabledException',
    'ValidationException',
    'IncorrectKeyException',
    'InvalidKeyUsageException',
    'InvalidGrantTokenException',
    'KMSInvalidStateException',
  ])('%s is a KmsRefused with that code, after a single attempt', async (code) => {
    answers = [failure(code)];
    const error = await connect({ maxAttempts: 3 })
      .decrypt(decryption)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KmsRefused);
    expect(error).toMatchObject({ code, cause: { message: expect.anything() as unknown } });
    expect(asked).toHaveLength(1);
  });
});

test('an exhausted quota of KMS is a KmsRefused', async () => {
  answers = [failure('LimitExceededException')];
  const grant = { keyId: ARN, granteePrincipal: 'role', operations: ['Decrypt'], contextSubset: {} };
  await expect(connect().createGrant(grant)).rejects.toMatchObject({ code: 'LimitExceededException' });
  await expect(connect().createGrant(grant)).rejects.toBeInstanceOf(KmsRefused);
});

describe('no usable response', () => {
  const unavailable = async (call: Promise<unknown>) => {
    const error = await call.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KmsUnavailable);
    return (error as KmsUnavailable).code;
  };

  test.each([
    ['ThrottlingException', 400],
    ['TooManyRequestsException', 429],
    ['ValidationException', 429],
    ['KMSInternalException', 500],
    ['KeyUnavailableException', 500],
    ['DependencyTimeoutException', 503],
    ['InvalidCiphertextException', 500],
    ['ExpiredTokenException', 400],
    ['UnrecognizedClientException', 400],
    ['InvalidSignatureException', 403],
    ['IncompleteSignatureException', 400],
    ['MissingAuthenticationTokenException', 400],
    ['RequestExpired', 400],
  ])('%s with status %d is a KmsUnavailable, not a refusal', async (code, status) => {
    answers = [failure(code, status)];
    expect(await unavailable(connect().decrypt(decryption))).toBe(code);
  });

  test.each([
    ['a page of a proxy', 403, '<html>Forbidden</html>'],
    ['an empty answer', 404, ''],
    ['an error without a name', 400, '{}'],
    ['an answer that is no JSON', 200, 'nonsense'],
    ['an answer that lacks its fields', 200, '{}'],
  ])('%s is a KmsUnavailable', async (_what, status, body) => {
    answers = [answer(body, status)];
    await unavailable(connect().decrypt(decryption));
  });

  test('refused connections, broken connections and unknown hosts are KmsUnavailable', async () => {
    const endpoint = 'http://127.0.0.1:1';
    expect(await unavailable(connect({ endpoint }).decrypt(decryption))).toBe('ECONNREFUSED');
    answers = [(response) => response.destroy()];
    await unavailable(connect().decrypt(decryption));
    await unavailable(connect({ endpoint: 'http://kms.invalid' }).decrypt(decryption));
  });

  test('missing credentials are KmsUnavailable', async () => {
    const credentials = async () => Promise.reject(new Error('none here'));
    await unavailable(connect({ credentials }).decrypt(decryption));
    expect(asked).toEqual([]);
  });

  test('a request without a response ends after its timeout', async () => {
    answers = [() => undefined];
    expect(await unavailable(connect({ requestTimeoutMs: 50, deadlineMs: 60_000 }).decrypt(decryption))).toBe(
      'TimeoutError',
    );
  });

  test('the timeout of a response begins when the connection is ready, and connecting has its own', async () => {
    // TCP connects at once, but the TLS handshake takes longer than a response may.
    const slow = await startSlowTls({ handshakeMs: 7000, behind: server });
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    try {
      answers = [answer({ Plaintext: base64('plain'), KeyId: ARN })];
      const options = { endpoint: slow.url, requestTimeoutMs: 6000, deadlineMs: 120_000 };
      const { plaintext } = await connect({ ...options, connectTimeoutMs: 60_000 }).decrypt(decryption);
      expect(Buffer.from(plaintext).toString()).toBe('plain');
      expect(await unavailable(connect({ ...options, connectTimeoutMs: 50 }).decrypt(decryption))).toBe('TimeoutError');
    } finally {
      vi.unstubAllEnvs();
      await slow.close();
    }
  }, 60_000);

  test('the timeout of a response holds for its whole body', async () => {
    answers = [
      (response) => {
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1', 'content-length': '1000' });
        response.write('{"Plain');
      },
    ];
    const options = { requestTimeoutMs: 200, deadlineMs: 120_000 };
    expect(await unavailable(connect(options).decrypt(decryption))).toBe('TimeoutError');
  });

  test('an endless response is not kept in memory', async () => {
    let sent = 0;
    answers = [
      (response) => {
        const chunk = Buffer.alloc(1024 * 1024, 'x');
        const more = (): void => {
          while (!response.destroyed && response.write(chunk)) sent += chunk.length;
        };
        response.on('drain', more);
        more();
      },
    ];
    await unavailable(connect({ deadlineMs: 120_000 }).decrypt(decryption));
    expect(sent).toBeLessThan(100 * 1024 * 1024);
  });

  test('a response that stops half-way ends by the deadline', async () => {
    answers = [
      (response) => {
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1', 'content-length': '1000' });
        response.write('{"Plain');
      },
    ];
    expect(await unavailable(connect({ deadlineMs: 100 }).decrypt(decryption))).toBe('DeadlineExceeded');
  });

  test('a call that ends by the deadline says why its last attempt failed', async () => {
    answers = [() => undefined];
    const kms = connect({ requestTimeoutMs: 200, maxAttempts: 1000, deadlineMs: 3000 });
    const { code, cause } = (await kms.decrypt(decryption).catch((reason: unknown) => reason)) as KmsUnavailable;
    expect([code, cause]).toEqual(['DeadlineExceeded', new Error('no response within 200 ms')]);
  });

  test('an endless search for credentials ends by the deadline', async () => {
    const credentials = async () => new Promise<never>(() => undefined);
    expect(await unavailable(connect({ credentials, deadlineMs: 100 }).decrypt(decryption))).toBe('DeadlineExceeded');
  });

  test('attempts end by the deadline, however many are allowed', async () => {
    answers = [failure('ThrottlingException')];
    const kms = connect({ maxAttempts: 1000, deadlineMs: 300 });
    expect(await unavailable(kms.decrypt(decryption))).toBe('DeadlineExceeded');
    const attempts = asked.length;
    expect(attempts).toBeLessThan(50);
  });

  test('the default deadline is the timeouts of all attempts, without pauses', async () => {
    answers = [failure('ThrottlingException')];
    // With 100 attempts of 4 ms, the pauses between them would take minutes.
    const kms = connect({ maxAttempts: 100, connectTimeoutMs: 1, requestTimeoutMs: 3 });
    await unavailable(kms.decrypt(decryption));
    expect(asked.length).toBeLessThan(50);
  });
});

describe('attempts', () => {
  test('throttled requests are retried up to maxAttempts', async () => {
    answers = [failure('ThrottlingException'), answer({ Plaintext: base64('plain'), KeyId: ARN })];
    await connect({ maxAttempts: 2 }).decrypt(decryption);
    expect(asked).toHaveLength(2);
  });
});

describe('errors', () => {
  test('errors contain neither the plaintext nor the credentials', async () => {
    answers = [failure('AccessDeniedException'), failure('KMSInternalException', 500)];
    const secret = 'plaintext of a data key';
    const kms = connect();
    for (let call = 0; call < 2; call += 1) {
      const request = { keyId: 'alias/x', plaintext: Buffer.from(secret), context: {} };
      const error = (await kms.encrypt(request).catch((reason: unknown) => reason)) as Error & { cause: Error };
      const all = [error, error.cause].flatMap((part) => [
        ...Object.getOwnPropertyNames(part).map((name) => String(part[name as keyof Error])),
        JSON.stringify(part),
      ]);
      expect(all.join('\n')).not.toMatch(new RegExp(`${secret}|${base64(secret)}|AKIDEXAMPLE|Signature`));
    }
  });
});

describe('closing', () => {
  test('close ends idle connections, and may be called before the first call and twice', async () => {
    const unused = connect();
    unused.close();
    unused.close();
    answers = [answer({ Plaintext: base64('x'), KeyId: ARN })];
    const kms = connect();
    await kms.decrypt(decryption);
    const connections = async () =>
      new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
    const before = await connections();
    kms.close();
    await expect.poll(connections).toBeLessThan(before);
  });
});

test('only aws.ts imports the SDK, and only on first use', async () => {
  const directory = new URL('../src/', import.meta.url);
  for (const name of await readdir(directory)) {
    const source = await readFile(new URL(name, directory), 'utf8');
    const loads = source.split('\n').filter((line) => /@(aws-sdk|smithy)\//.test(line));
    // The import is indented, because it is inside a function.
    const isAllowed = (line: string): boolean => /^import type |^ +.*\b(import|require)\('|typeof import/.test(line);
    if (name === 'aws.ts') expect(loads.filter((line) => !isAllowed(line))).toEqual([]);
    else expect(loads, name).toEqual([]);
  }
});
