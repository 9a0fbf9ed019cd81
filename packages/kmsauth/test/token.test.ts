import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatUsername, parseUsername, tokenContext } from '../src/index.js';
import { encodePayload, parsePayload } from '../src/token.js';
import { recordedTokens } from './memory-kms.js';

describe('usernames', () => {
  test('all three forms of a username are parsed', () => {
    expect(parseUsername('2/user/alice')).toEqual({ version: 2, userType: 'user', from: 'alice' });
    expect(parseUsername('1/user/alice')).toEqual({ version: 1, userType: 'user', from: 'alice' });
    expect(parseUsername('svc-production')).toEqual({ version: 1, userType: 'service', from: 'svc-production' });
    expect(parseUsername('2/user/alice@example.com')?.from).toBe('alice@example.com');
  });

  test.each([
    '',
    '/',
    '2/user',
    '2//alice',
    '2/user/',
    '/user/alice',
    '2/user/alice/x',
    '2/user/alice/',
    '0/user/alice',
    '3/user/alice',
    '02/user/alice',
    '2.0/user/alice',
    ' 2/user/alice',
    'v2/user/alice',
    '٢/user/alice',
    '2/user/al\nice',
    '2/user/al\0ice',
    '2/us\x7fer/alice',
    'svc\u200b',
    'svc\u202e',
    'svc\u2028',
    'svc\ud800',
    'x'.repeat(513),
  ])('%j is not a username', (text) => {
    expect(parseUsername(text)).toBeUndefined();
  });

  test('a username has at most 512 characters', () => {
    expect(parseUsername('x'.repeat(512))?.from).toHaveLength(512);
  });

  test('the parser never throws, and the parts that it returns have no slashes and no control characters', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[12]\/[^/]*\/[^/]*$/)), (text) => {
        const parsed = parseUsername(text);
        if (parsed !== undefined) expect(`${parsed.userType}${parsed.from}`).not.toMatch(/[/\p{Cc}]/u);
      }),
    );
  });

  test('a formatted username parses to the same parts, and one that would not is a RangeError', () => {
    for (const text of ['2/user/alice', '2/service/svc', '1/user/alice', 'svc']) {
      expect(formatUsername(parseUsername(text)!)).toBe(text);
    }
    for (const from of ['', 'a/b', 'a\nb']) {
      expect(() => formatUsername({ version: 2, userType: 'user', from })).toThrow(RangeError);
      expect(() => formatUsername({ version: 1, userType: 'service', from })).toThrow(RangeError);
    }
    expect(() => formatUsername({ version: 2, userType: 'a/b', from: 'x' })).toThrow(RangeError);
  });

  test('the encryption context is that of the recorded tokens', () => {
    for (const { username_for_basic_auth, encryption_context, description } of recordedTokens.tokens) {
      const context = tokenContext(parseUsername(username_for_basic_auth)!, 'confidant-production');
      // The last token has fields that version 1 lacks, and the original refuses it as well.
      if (description.includes('given user_type too')) expect(context).not.toEqual(encryption_context);
      else expect(context).toEqual(encryption_context);
    }
  });
});

describe('payloads', () => {
  test('a payload is encoded as by the original', () => {
    const times = { notBefore: Date.UTC(2026, 10, 21, 22, 38, 8, 999), notAfter: Date.UTC(2026, 10, 21, 23, 28, 8) };
    expect(encodePayload(times).toString()).toBe(recordedTokens.tokens[0]!.plaintext_payload);
  });

  test('a payload is parsed to the same times, in whole seconds', () => {
    const seconds = fc.integer({ min: 0, max: 253_402_300_799 });
    fc.assert(
      fc.property(seconds, seconds, (a, b) => {
        const times = { notBefore: a * 1000, notAfter: b * 1000 };
        expect(parsePayload(encodePayload(times))).toEqual(times);
      }),
    );
  });

  test('other fields and other white space in a payload are ignored', () => {
    const payload = '{"v":1,"not_after":"20261121T232808Z","not_before":"20261121T223808Z"}';
    expect(parsePayload(Buffer.from(payload))).toEqual({
      notBefore: Date.UTC(2026, 10, 21, 22, 38, 8),
      notAfter: Date.UTC(2026, 10, 21, 23, 28, 8),
    });
  });

  const time = '"20261121T223808Z"';
  test.each([
    '',
    'null',
    '[]',
    time,
    '{}',
    `{"not_before": ${time}}`,
    `{"not_after": ${time}}`,
    `{"not_before": ${time}, "not_after": null}`,
    `{"not_before": ${time}, "not_after": 1}`,
    `{"not_before": ${time}, "not_after": [${time}]}`,
    `{"__proto__": {"not_before": ${time}, "not_after": ${time}}}`,
    `{"not_before": ${time}, "not_after": "2026-11-21T22:38:08Z"}`,
    `{"not_before": ${time}, "not_after": "20261121T223808"}`,
    `{"not_before": ${time}, "not_after": "20261121T223808Z\\n"}`,
    `{"not_before": ${time}, "not_after": "20260230T000000Z"}`,
    `{"not_before": ${time}, "not_after": "20261121T240000Z"}`,
    `{"not_before": ${time}, "not_after": "20261121T223860Z"}`,
    `{"not_before": ${time}, "not_after": ${time}`,
  ])('a payload with %s is rejected', (text) => {
    expect(parsePayload(Buffer.from(text))).toBeUndefined();
  });

  test('a payload that is not UTF-8 is rejected', () => {
    const payload = Buffer.from(`{"x": "?", "not_before": ${time}, "not_after": ${time}}`);
    expect(parsePayload(payload)).toBeDefined();
    payload[payload.indexOf('?')] = 0xff;
    expect(parsePayload(payload)).toBeUndefined();
  });
});
