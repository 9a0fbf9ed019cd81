import { describe, expect, test } from 'vitest';
import { type CookieAttributes, cookieValues, readCookies, writeCookie } from '../../src/http/cookies.js';

describe('the cookies of a request', () => {
  test.each([
    [undefined, []],
    ['', []],
    [
      'a=1; b=2',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    [
      ' a = 1 ;b=2;',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['a=first; a=second', [['a', 'first']]],
    ['a=; a=second', [['a', '']]],
    ['noise; a=1; ;;', [['a', '1']]],
    ['a=x=y==', [['a', 'x=y==']]],
    ['a=%41%zz', [['a', '%41%zz']]],
    ['a="quoted"', [['a', '"quoted"']]],
    [
      '__proto__=1; constructor=2',
      [
        ['__proto__', '1'],
        ['constructor', '2'],
      ],
    ],
  ])('%j are read unchanged, and of several cookies with one name the first counts', (header, expected) => {
    expect([...readCookies(header)]).toEqual(expected);
  });
});

test('all cookies of one name are found, in their order', () => {
  expect(cookieValues('a=1; b=2;a = x=y ;aa=3; noise; a=', 'a')).toEqual(['1', 'x=y', '']);
  expect(cookieValues(undefined, 'a')).toEqual([]);
});

describe('a cookie', () => {
  const attributes: CookieAttributes = { httpOnly: true, secure: true, sameSite: 'lax', maxAgeSeconds: null };

  test('is for this host and its whole path, until the browser closes', () => {
    expect(writeCookie('__Host-s', 'a.b~c_d-1', attributes)).toBe(
      '__Host-s=a.b~c_d-1; Path=/; HttpOnly; Secure; SameSite=Lax',
    );
    expect(writeCookie('s', '', { ...attributes, httpOnly: false, secure: false, sameSite: undefined })).toBe(
      's=; Path=/',
    );
    expect(writeCookie('s', 'x', { ...attributes, sameSite: 'none' })).toMatch(/; SameSite=None$/);
  });

  test.each([0, 900])('lives %d seconds, which it also says as a date for old browsers', (maxAgeSeconds) => {
    const parts = writeCookie('s', 'x', { ...attributes, maxAgeSeconds }).split('; ');
    expect(parts).toContain(`Max-Age=${maxAgeSeconds}`);
    const expires = Date.parse(parts.find((part) => part.startsWith('Expires='))!.slice('Expires='.length));
    expect(Math.abs(expires - (Date.now() + maxAgeSeconds * 1000))).toBeLessThan(60_000);
  });

  test.each(['a b', 'a;b', 'a,b', 'a"b', 'a=b', 'a%20b', 'a\r\nb', 'ä'])('cannot have the value %j', (value) => {
    expect(() => writeCookie('s', value, attributes)).toThrow('holds characters that cookies may not');
  });
});
