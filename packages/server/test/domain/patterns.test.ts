import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BadPattern, compilePattern } from '../../src/domain/patterns.js';

describe('patterns', () => {
  test('a text without wildcards matches only itself', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), (text, other) => {
        fc.pre(!/[*?]/.test(text) && !(text.startsWith('/') && text.endsWith('/')));
        expect(compilePattern(text)(text)).toBe(true);
        expect(compilePattern(text)(other)).toBe(other === text);
      }),
    );
  });

  test('every character of a glob that is not a wildcard stands for itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (before, middle) => {
        fc.pre(!/[*?]/.test(before));
        expect(compilePattern(`x${before}*`)(`x${before}${middle}`)).toBe(true);
        expect(compilePattern(`x${before}*`)(`y${before}${middle}`)).toBe(false);
      }),
    );
  });

  test.each([
    ['*', '', true],
    ['*', 'a\nb', true],
    ['a*', 'a\nb', true],
    ['a*c', 'abc', true],
    ['a*c', 'abcd', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a.c*', 'abc', false],
    ['/a.c/', 'abc', true],
    ['/a.c/', 'xabc', false],
    ['/a|b/', 'ab', false],
    ['/(?i)abc/', 'ABC', true],
    ['svc-[0-9]*', 'svc-1', false],
  ])('%s and %j: %s', (pattern, text, expected) => {
    expect(compilePattern(pattern)(text)).toBe(expected);
  });

  test.each(['', '/(/', '/a(?=b)/', String.raw`/(a)\1/`, '/a{2000}/', 'x'.repeat(600)])('%j is refused', (pattern) => {
    expect(() => compilePattern(pattern)).toThrow(BadPattern);
  });

  // A backtracking engine would never finish these, but they are ordinary matches for RE2.
  test.each([
    '/(a+)+$/',
    '/(a|a)*b/',
    '/(a|aa)+c/',
    '/(.*)*x/',
    `${'*a'.repeat(40)}b`,
    `/${'a?'.repeat(30)}${'a'.repeat(30)}/`,
  ])('%s against a long text ends quickly', (pattern) => {
    const matches = compilePattern(pattern);
    expect(matches(`${'a'.repeat(5000)}!`)).toBe(false);
  });
});
