import { describe, expect, test } from 'vitest';
import { placeOf, inspectJson } from '../src/text/json-syntax.js';

const VALID = [
  '{}',
  '[]',
  ' { "a" : [ 1 , -0.5e+3 , true , false , null , "x\\u00e9\\n" ] , "" : { } }\n',
  '"text"',
  '0',
  '-1E5',
  'null',
  '{"a": {"b": 1, "c": [[], {}]}, "d": "\u2028 \ud800"}',
  '["\\"\\\\\\/\\b\\f\\n\\r\\t"]',
];
const EDITS = [
  '',
  '"',
  ',',
  ':',
  '{',
  '}',
  '[',
  ']',
  '0',
  '-',
  '.',
  'e',
  't',
  '\\',
  '\n',
  ' ',
  '\u0001',
  '\ufeff',
  'ü',
];

describe('syntax errors in JSON', () => {
  test('inspectJson reports an error for exactly the texts that JSON.parse rejects', () => {
    const texts = VALID.flatMap((valid) =>
      [...valid, ''].flatMap((_, at) =>
        EDITS.flatMap((edit) => [valid.slice(0, at) + edit + valid.slice(at), valid.slice(0, at) + edit]),
      ),
    );
    const isJson = (text: string): boolean => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    const differing = texts.filter((text) => isJson(text) !== (inspectJson(text).errorOffset === undefined));
    expect(differing).toEqual([]);
    expect(texts.filter(isJson).length).toBeGreaterThan(100);
  });

  test('the position is that of the first invalid character', () => {
    const placed = (text: string) => placeOf(text, inspectJson(text).errorOffset!);
    expect(placed('{\n  "a": "v",\n  "b": s3cret\n}')).toBe('line 3, column 8');
    expect(placed('{\r\n  "a": "v"\r\n  "b": 1}')).toBe('line 3, column 3');
    expect(placed('{"a": "line\nbreak"}')).toBe('line 1, column 12');
    expect(placed('{"a": 1,}')).toBe('line 1, column 9');
    expect(placed("{'a': 1}")).toBe('line 1, column 2');
    expect(placed('{"a": 1')).toBe('line 1, column 8');
    expect(placed('{"a": 1}}')).toBe('line 1, column 9');
  });

  test('errors are found at any depth and length', () => {
    expect(inspectJson('['.repeat(1_000_000)).errorOffset).toBe(1_000_000);
    expect(inspectJson(`"${'\\n'.repeat(1_000_000)}`).errorOffset).toBe(2_000_001);
  });
});

test('duplicateKey is a key that the top-level object has twice, also if it is escaped', () => {
  expect(inspectJson('{"a": 1, "b": 2, "\\u0061": 3}')).toEqual({ duplicateKey: 'a' });
  expect(inspectJson('{"a": {"b": 1, "b": 2}, "c": "a", "A": 1}')).toEqual({});
  expect(inspectJson('[{"a": 1}, {"a": 1}]')).toEqual({});
  expect(inspectJson('{"__proto__": 1, "toString": 2}')).toEqual({});
});
