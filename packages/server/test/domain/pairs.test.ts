import { describe, expect, test } from 'vitest';
import { normalizePairs } from '../../src/domain/pairs.js';
import { Refusal } from '../../src/domain/refusal.js';

describe('pairs of a credential', () => {
  test.each([
    [['a', 'b c'], 'credential key must not contain whitespace: "b c"'],
    [['a\nb'], 'credential key must not contain whitespace: "a\\nb"'],
    [['a\u0007b'], 'credential key must not contain control or invisible characters: "a\\u0007b"'],
    [['a\u009bb'], 'credential key must not contain control or invisible characters: "a\\u009bb"'],
    [['a\u202eb'], 'credential key must not contain control or invisible characters: "a\\u202eb"'],
    [['Url', 'user', 'URL'], 'two keys differ only in upper and lower case: "Url", "URL"'],
    [[` ${'x'.repeat(100)}`], `credential key must not contain whitespace: " ${'x'.repeat(63)}…"`],
  ])('the keys %j are refused by name', (keys, message) => {
    const pairs = Object.fromEntries(keys.map((key) => [key, 's3cret']));
    expect(() => normalizePairs(pairs)).toThrow(new Refusal('invalid_request', `credential_pairs: ${message}`));
  });

  test('valid keys are stored in lower case', () => {
    expect(normalizePairs({ Url: 'A', b: 1 })).toEqual({ url: 'A', b: 1 });
  });
});
