import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { BadPattern, CaNames, isCommonName, isDnsName } from '../../src/domain/ca-names.js';

const PATTERN = '(?P<service_name>[\\w-]+)\\.example\\.com';

describe('the names that a CA allows', () => {
  const names = new CaNames(PATTERN);

  test('a name is allowed only if the whole name matches and the group is the caller', () => {
    expect(names.allow('web', 'web.example.com', [])).toBe(true);
    for (const name of [
      'api.example.com',
      'web.example.com.evil.org',
      'evil.web.example.com',
      'web.example.com\n',
      'web.example.comx',
      'webxexample.com',
      'wéb.example.com',
      '',
    ]) {
      expect([name, names.allow('web', name, [])]).toEqual([name, false]);
    }
  });

  test('every alternative name must match too (bug 6), unless only the CN is checked', () => {
    expect(names.allow('web', 'web.example.com', ['web.example.com', 'api.example.com'])).toBe(false);
    const cnOnly = new CaNames(PATTERN, true);
    expect(cnOnly.allow('web', 'web.example.com', ['api.example.com'])).toBe(true);
    expect(cnOnly.allow('web', 'api.example.com', ['web.example.com'])).toBe(false);
  });

  test('a name that is not a DNS name is never allowed, however loose the pattern', () => {
    const loose = new CaNames('.*?(?P<service_name>web).*');
    expect(loose.allow('web', 'web.example.com', ['a.web.b'])).toBe(true);
    for (const name of ['uri:https://web', 'ip:web', 'email:web@example.com']) {
      expect([name, loose.allow('web', 'web', [name])]).toEqual([name, false]);
    }
  });

  test('a name is never allowed if the group did not take part in the match', () => {
    const optional = new CaNames('(?:(?P<service_name>a)|b)');
    expect(optional.allow('a', 'a', [])).toBe(true);
    for (const principal of ['', 'b', 'null', 'undefined']) expect(optional.allow(principal, 'b', [])).toBe(false);
  });

  test('property: no name other than the caller’s own is ever allowed', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (principal, name) => {
        fc.pre(name !== `${principal}.example.com`);
        expect(names.allow(principal, name, [])).toBe(false);
      }),
    );
  });

  test('a hostile pattern and a long name are checked quickly', () => {
    const nested = new CaNames('(?P<service_name>(?:a+)+)+b');
    expect(nested.allow('web', 'a'.repeat(250), [])).toBe(false);
    expect(names.allow('web', `web.example.com${'a'.repeat(100_000)}`, [])).toBe(false);
  });
});

describe('patterns of a CA', () => {
  test('a pattern may use Python’s sign for the end of the text', () => {
    expect(new CaNames(`\\A${PATTERN}\\Z`).allow('web', 'web.example.com', [])).toBe(true);
    expect(new CaNames(`^${PATTERN}$`).allow('web', 'web.example.com', [])).toBe(true);
    // An escaped backslash before a Z is not the end of the text.
    expect(new CaNames('(?P<service_name>a\\\\Z)').allow('a\\Z', 'a\\Z', [])).toBe(true);
  });

  test.each([
    '(?P<service_name>a',
    '(?=a)(?P<service_name>a)',
    '(?P<service_name>a)(?P=service_name)',
    'no group',
    '(a)',
  ])('the pattern %s is refused, without being repeated', (pattern) => {
    const refused = expect(() => new CaNames(pattern));
    refused.toThrow(BadPattern);
    refused.not.toThrow(pattern);
  });
});

test('certificates may have DNS names of the usual form and CNs of one line, and no others', () => {
  for (const name of [
    'a',
    'web.example.com',
    '*.example.com',
    '_acme.example.com',
    'xn--bcher-kva.example',
    '10.0.0.1',
  ]) {
    expect([name, isDnsName(name)]).toEqual([name, true]);
  }
  for (const name of [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a b',
    '*.*.a',
    'a.*',
    'a\0b',
    'ä.de',
    '-a',
    'x'.repeat(64),
    'a.'.repeat(127) + 'ab',
  ]) {
    expect([name, isDnsName(name)]).toEqual([name, false]);
  }
  for (const name of ['a', 'Web server', 'ünï', 'x'.repeat(64)])
    expect([name, isCommonName(name)]).toEqual([name, true]);
  for (const name of ['', 'a\nb', 'a\0', 'x'.repeat(65), 'a\u2028b', 'a\u200eb', '\ud800']) {
    expect([name, isCommonName(name)]).toEqual([name, false]);
  }
});
