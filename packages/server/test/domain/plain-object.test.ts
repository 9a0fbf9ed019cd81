import { ExactNumber, parseJson } from '@confidant/contract';
import { expect, test } from 'vitest';
import { isPlainObject } from '../../src/domain/plain-object.js';

test('objects of JSON and objects without a prototype are plain', () => {
  expect([{}, { a: 1 }, parseJson('{"__proto__": 1}'), Object.create(null)].every(isPlainObject)).toBe(true);
});

test('nothing else is plain: neither primitives, arrays, functions nor instances of a class', () => {
  const others = [undefined, null, 0, '', true, [], () => 1, new Date(), new Map(), new ExactNumber('1.0')];
  expect(others.filter(isPlainObject)).toEqual([]);
});
