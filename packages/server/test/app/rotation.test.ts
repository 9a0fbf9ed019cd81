import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addDays, type Instant } from '../../src/domain/instant.js';
import { nextRotation, type RotationPolicy } from '../../src/domain/rotation.js';
import { credential } from '../adapters/store/records.js';

const ROTATED = '2026-11-21T22:38:06.401781+0000' as Instant;
const POLICY: RotationPolicy = {
  maximumDays: 90,
  daysByTag: { FINANCIALLY_SENSITIVE: 30, SLOW: 365 },
  excludingTags: ['ROTATION_EXCLUDED'],
};

const next = (fields: Parameters<typeof credential>[0], policy: Partial<RotationPolicy> = {}): Instant | null =>
  nextRotation(credential({ lastRotationDate: ROTATED, ...fields }), { ...POLICY, ...policy });

describe('a credential is due for rotation', () => {
  test('MAXIMUM_ROTATION_DAYS after its last one, to the microsecond (recorded)', () => {
    expect(next({})).toBe('2027-02-19T22:38:06.401781+0000');
  });

  test('after the days of its tag when these are fewer (recorded)', () => {
    expect(next({ tags: ['FINANCIALLY_SENSITIVE'] })).toBe('2026-12-21T22:38:06.401781+0000');
    expect(next({ tags: ['SLOW'] })).toBe(next({}));
    expect(next({ tags: ['SLOW', 'other', 'FINANCIALLY_SENSITIVE'] })).toBe(next({ tags: ['FINANCIALLY_SENSITIVE'] }));
  });

  test('from the moment its values were seen after the last rotation, and not for having been seen before', () => {
    const seen = addDays(ROTATED, 1);
    expect(next({ lastDecryptedDate: seen })).toBe(seen);
    expect(next({ lastDecryptedDate: addDays(ROTATED, -1) })).toBe(next({}));
    expect(next({ lastDecryptedDate: ROTATED })).toBe(next({}));
  });

  test('never with an excluding tag, seen or not', () => {
    const tags = ['FINANCIALLY_SENSITIVE', 'ROTATION_EXCLUDED'];
    expect(next({ tags })).toBeNull();
    expect(next({ tags, lastDecryptedDate: addDays(ROTATED, 1) })).toBeNull();
  });

  test('never without a maximum, unless a tag says so (bug 20)', () => {
    expect(next({}, { maximumDays: 0 })).toBeNull();
    expect(next({ tags: ['other'] }, { maximumDays: 0 })).toBeNull();
    expect(next({ tags: ['SLOW'] }, { maximumDays: 0 })).toBe(addDays(ROTATED, 365));
    expect(next({ tags: ['NOW'] }, { maximumDays: 0, daysByTag: { NOW: 0 } })).toBe(ROTATED);
  });

  test('never when the date of its last rotation is unknown (bug 20)', () => {
    expect(next({ lastRotationDate: null })).toBeNull();
    expect(next({ lastRotationDate: null, lastDecryptedDate: ROTATED })).toBeNull();
  });

  test('not by a tag that is named like a property of every object', () => {
    expect(next({ tags: ['constructor', '__proto__', 'toString'] }, { maximumDays: 0 })).toBeNull();
  });

  test('at a moment that depends only on stored data, never on the present time', () => {
    const fields = fc.record({
      tags: fc.subarray(['FINANCIALLY_SENSITIVE', 'SLOW', 'ROTATION_EXCLUDED', 'other']),
      lastDecryptedDate: fc.option(fc.integer({ min: -100, max: 100 }).map((days) => addDays(ROTATED, days))),
    });
    fc.assert(
      fc.property(fields, fc.integer({ min: 0, max: 1000 }), (row, maximumDays) => {
        const [first, second] = [next(row, { maximumDays }), next(row, { maximumDays })];
        expect(first).toBe(second);
        if (first !== null) expect(first >= ROTATED).toBe(true);
      }),
    );
  });
});
