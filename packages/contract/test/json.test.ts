import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ExactNumber, isPlainObject, parseJson, pythonJson, stringifyJson } from '../src/index.js';

describe('JSON without loss', () => {
  test.each([
    '12345678901234567890',
    '1.0',
    '1e400',
    '-0',
    '0.1',
    '{"a":9007199254740993,"b":[1.50,"1.0"],"c":{"d":-0.0}}',
    '{"__proto__":{"x":1.0},"constructor":2.0}',
    '{"\\u0000k":1.0,"v":"\\u00001","w":"\\u0000\\u0000","q":"\\"\\u00005"}',
  ])('%s comes back as it was written', (text) => {
    expect(stringifyJson(parseJson(text))).toBe(text);
  });

  test('ordinary numbers stay ordinary numbers', () => {
    expect(parseJson('[1, -2, 0.5, 9007199254740991]')).toEqual([1, -2, 0.5, 9007199254740991]);
    expect(parseJson('9007199254740993')).toEqual(new ExactNumber('9007199254740993'));
  });

  test('every JSON value survives next to a number that needs its exact text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.string(), (value, text) => {
        const body = `{"exact":1.0,"text":${JSON.stringify(`\0${text}`)},"value":${JSON.stringify(value)}}`;
        expect(stringifyJson(parseJson(body))).toBe(body);
      }),
    );
  });

  test('an own property named __proto__ never becomes a prototype', () => {
    const value = parseJson('{"__proto__":{"admin":1.0}}') as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(['__proto__']);
  });

  test('invalid text is refused without being quoted', () => {
    for (const text of ['{"hunter2": 1.0,}', '{hunter2}', 'hunter2']) {
      expect(() => parseJson(text)).toThrow(/^not valid JSON$/);
    }
  });

  test('nesting is bounded', () => {
    expect(() => parseJson('['.repeat(65) + ']'.repeat(65))).toThrow(/deeply/);
    expect(() => parseJson('['.repeat(5000) + '1.0' + ']'.repeat(5000))).toThrow();
    expect(parseJson('['.repeat(64) + ']'.repeat(64))).toBeTruthy();
  });
});

describe("JSON as Python's json.dumps writes it", () => {
  test('separators, escapes and order are those of the recorded rows', () => {
    expect(pythonJson({ m: 'x', nested: { a: [1, 2] } })).toBe('{"m": "x", "nested": {"a": [1, 2]}}');
    expect(pythonJson({ key_b: 'ünï "q" \\ \u2028 \n' })).toBe('{"key_b": "\\u00fcn\\u00ef \\"q\\" \\\\ \\u2028 \\n"}');
    // DEL is the only ASCII character that JSON prints and Python escapes.
    expect(pythonJson({ 'k\u007f': ' ~\u007f\u0080' })).toBe('{"k\\u007f": " ~\\u007f\\u0080"}');
    expect(pythonJson(parseJson('[12345678901234567890, 1.0, true, null]'))).toBe(
      '[12345678901234567890, 1.0, true, null]',
    );
  });

  test('indented JSON is sorted by code point, as the command line of the original prints it', () => {
    expect(pythonJson({ b: [], a: { '\u{10000}': 1, '\uffff': 2 } }, { sortKeys: true, indent: 4 })).toBe(
      '{\n    "a": {\n        "\\uffff": 2,\n        "\\ud800\\udc00": 1\n    },\n    "b": []\n}',
    );
  });
});

describe('isPlainObject', () => {
  test('is true for objects of JSON and objects without a prototype', () => {
    expect([{}, { a: 1 }, parseJson('{"__proto__": 1}'), Object.create(null)].every(isPlainObject)).toBe(true);
  });

  test('is false for primitives, arrays, functions and instances of a class', () => {
    const others = [undefined, null, 0, '', true, [], () => 1, new Date(), new Map(), new ExactNumber('1.0')];
    expect(others.filter(isPlainObject)).toEqual([]);
  });
});
