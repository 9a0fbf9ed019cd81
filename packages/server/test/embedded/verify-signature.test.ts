import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { amzDate, signRequest } from '../../src/aws/sigv4.js';
import { verifySigV4 } from '../../src/embedded/verify-signature.js';

const accessKey = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};
const signatureIn = (headers: Record<string, string>): string => headers['authorization']?.slice(-64) ?? '';

describe('signing', () => {
  // These are cases of AWS's published test suite for Signature Version 4, by their names.
  test.each([
    ['get-vanilla', 'GET', '/', {}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['post-vanilla', 'POST', '/', {}, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'get-vanilla-query-order-key-case',
      'GET',
      '/?Param2=value2&Param1=value1',
      {},
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-header-value-trim',
      'GET',
      '/',
      { 'My-Header1': ' value1', 'My-Header2': ' "a   b   c"' },
      'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
    ],
  ])('%s is signed as in AWS’s test suite', (_name, method, path, headers, signature) => {
    const signed = signRequest({
      method,
      path,
      headers,
      host: 'example.amazonaws.com',
      body: '',
      service: 'service',
      region: 'us-east-1',
      credentials: accessKey,
      now: new Date('2015-08-30T12:36:00Z'),
    });
    expect(signatureIn(signed)).toBe(signature);
    expect(signed['x-amz-date']).toBe('20150830T123600Z');
  });

  // These were recorded from AWS's JavaScript signer (@smithy/signature-v4 5.7.5).
  test.each([
    ['/', '5b21903a629dec53ca37a5ba662ada3c488199f836e80109823aae67e94615bc', undefined],
    ['/%C3%A9/x%20y?b=2&a=1%20x&A=z', '8e2a48bbfb12bb2195ffebc68475f5ff40d80b4a70a4b6e3be97254bbf42b350', 'tok/+=='],
    [
      '/certs/arn%3Aaws%3Ax/%281%29%21%2A?b=2&a=1%20x&A=z',
      '938aef8f8f37aef8fd03e920eedb78137640252328363bdc1009e6d6c39af562',
      'tok/+==',
    ],
  ])('%s with a body is signed as the SDK signs it', (path, signature, sessionToken) => {
    const signed = signRequest({
      method: 'POST',
      path,
      host: 'dynamodb.eu-west-1.amazonaws.com',
      headers: {
        'Content-Type': 'application/x-amz-json-1.0',
        'X-Amz-Target': 'DynamoDB_20120810.GetItem',
        'x-odd': '  a   b\t c ',
      },
      body: '{"é":1}',
      service: 'dynamodb',
      region: 'eu-west-1',
      credentials: sessionToken === undefined ? accessKey : { ...accessKey, sessionToken },
      now: new Date('2026-03-04T05:06:07Z'),
    });
    expect(signatureIn(signed)).toBe(signature);
    expect(signed['x-amz-security-token']).toBe(sessionToken);
  });

  test('a signature never uses the derived key of another day, region, service or secret', () => {
    const request = {
      method: 'POST',
      path: '/',
      host: 'h',
      headers: {},
      body: '',
      service: 'kms',
      region: 'us-east-1',
      credentials: accessKey,
      now: new Date('2026-01-01T00:00:00Z'),
    };
    const variants = [
      request,
      { ...request, service: 'iam' },
      { ...request, region: 'us-west-2' },
      { ...request, now: new Date('2026-01-02T00:00:00Z') },
      { ...request, credentials: { ...accessKey, secretAccessKey: 'other' } },
    ];
    const once = variants.map((variant) => signatureIn(signRequest(variant)));
    // There are more scopes than the cache holds, so that the second signatures use newly derived keys.
    for (let day = 0; day < 40; day += 1) signRequest({ ...request, now: new Date(day * 86_400_000) });
    expect(variants.map((variant) => signatureIn(signRequest(variant)))).toEqual(once);
    expect(new Set(once).size).toBe(variants.length);
  });
});

describe('verification', () => {
  const now = new Date('2026-03-04T05:06:07Z');
  const body = Buffer.from('{"NumberOfBytes":1}');
  const signedHeaders = (headers: Record<string, string>, options: { at?: Date; service?: string } = {}) => {
    const added = signRequest({
      method: 'POST',
      path: '/',
      host: '127.0.0.1:1',
      headers,
      body,
      service: options.service ?? 'kms',
      region: 'us-west-2',
      credentials: accessKey,
      now: options.at ?? now,
    });
    return { ...headers, ...added };
  };
  const raw = (headers: Record<string, string>): string[] => Object.entries(headers).flat();
  const verify = (rawHeaders: string[], change: { body?: Buffer; method?: string; target?: string } = {}) =>
    verifySigV4({ method: 'POST', target: '/', rawHeaders, body, ...change }, { service: 'kms', accessKey, now });
  const target = { 'X-Amz-Target': 'TrentService.GenerateRandom' };

  test('a valid signature says which region it is for, and headers that are not AWS’s may be unsigned', () => {
    expect(verify(raw(signedHeaders({ ...target, 'X-Extra': 'a,  b' })))).toEqual({ region: 'us-west-2' });
    expect(verify([...raw(signedHeaders(target)), 'User-Agent', 'x', 'Accept', 'a', 'Accept', 'b'])).toEqual({
      region: 'us-west-2',
    });
  });

  test.each([
    ['the body', { body: Buffer.from('{"NumberOfBytes":2}') }],
    ['the method', { method: 'PUT' }],
    ['the path', { target: '/x' }],
    ['the query', { target: '/?a=b' }],
  ])('a change of %s is InvalidSignatureException', (_what, change) => {
    expect(verify(raw(signedHeaders(target)), change)).toEqual({ fault: 'InvalidSignatureException' });
  });

  test('a change of a signed header, the date or the scope is refused', () => {
    const headers = signedHeaders(target);
    const changes: Array<Record<string, string>> = [
      { ...headers, 'X-Amz-Target': 'TrentService.Decrypt' },
      { ...headers, host: 'localhost:1' },
      { ...headers, 'x-amz-date': amzDate(new Date(now.getTime() + 1000)) },
      { ...headers, authorization: headers['authorization']?.replace('us-west-2', 'us-east-1') ?? '' },
      { ...headers, authorization: headers['authorization']?.replace('/kms/', '/iam/') ?? '' },
      signedHeaders(target, { service: 'sts' }),
    ];
    for (const changed of changes) expect(verify(raw(changed))).toEqual({ fault: 'InvalidSignatureException' });
  });

  test('a clock skew of five minutes is accepted, and more is refused', () => {
    for (const sign of [-1, 1]) {
      const at = (skewMs: number) => new Date(now.getTime() + sign * skewMs);
      expect(verify(raw(signedHeaders(target, { at: at(300_000) })))).toEqual({ region: 'us-west-2' });
      expect(verify(raw(signedHeaders(target, { at: at(301_000) })))).toEqual({ fault: 'InvalidSignatureException' });
    }
  });

  test('a given payload hash must be that of the body', () => {
    const hash = createHash('sha256').update(body).digest('hex');
    expect(verify(raw(signedHeaders({ ...target, 'X-Amz-Content-Sha256': hash })))).toEqual({ region: 'us-west-2' });
    const other = createHash('sha256').update('other').digest('hex');
    for (const stated of ['UNSIGNED-PAYLOAD', other, '']) {
      expect(verify(raw(signedHeaders({ ...target, 'X-Amz-Content-Sha256': stated })))).toEqual({
        fault: 'InvalidSignatureException',
      });
    }
  });

  test('an x-amz- header added after signing, or a signed header that comes twice, is IncompleteSignatureException', () => {
    const headers = raw(signedHeaders(target));
    for (const added of [
      ['X-Amz-Extra', 'a'],
      ['X-Amz-Target', 'TrentService.Decrypt'],
      ['x-amz-date', amzDate(now)],
      ['Host', 'localhost'],
      ['Authorization', 'AWS4-HMAC-SHA256 x'],
      ['X-Amz-Security-Token', 'token'],
    ]) {
      expect(verify([...headers, ...added])).toEqual({ fault: 'IncompleteSignatureException' });
    }
  });

  test('a missing signature, a partial one and one of another key each have the error name of AWS', () => {
    const headers = signedHeaders(target);
    const withAuthorization = (text: string) => verify(raw({ ...headers, authorization: text }));
    const whole = headers['authorization'] ?? '';
    expect(verify(raw(target))).toEqual({ fault: 'MissingAuthenticationTokenException' });
    expect(withAuthorization('Basic YTpi')).toEqual({ fault: 'MissingAuthenticationTokenException' });
    for (const half of [
      'AWS4-HMAC-SHA256',
      whole.slice(0, -1),
      whole.replace(/SignedHeaders=[^,]*, /, ''),
      whole.replace('host;', ''),
      whole.replace('host;', 'host;host;'),
      whole.replace('host;x-amz-date', 'x-amz-date;host'),
      whole.replace('/20260304/', '/20260305/'),
    ]) {
      expect(withAuthorization(half)).toEqual({ fault: 'IncompleteSignatureException' });
    }
    expect(withAuthorization(whole.replace('AKIDEXAMPLE', 'AKIDEXAMPLF'))).toEqual({
      fault: 'UnrecognizedClientException',
    });
  });
});
