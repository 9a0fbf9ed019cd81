import { describe, expect, test } from 'vitest';
import { diffCredentials } from '../../src/domain/diff.js';
import type { Instant } from '../../src/domain/instant.js';

const revision = (number: number, lastRotationDate: string | null) => ({
  id: 'c',
  revision: number,
  enabled: true,
  modifiedBy: 'alice',
  modifiedDate: '2026-11-22T01:00:00.000000+0000' as Instant,
  name: 'n',
  tags: [],
  metadata: {},
  documentation: null,
  lastRotationDate: lastRotationDate as Instant | null,
  lastDecryptedDate: null,
  pairs: {},
});

describe('the difference between two revisions of a credential', () => {
  test('shows a rotation within the same second, in which both dates have the same text', () => {
    const diff = diffCredentials(
      revision(1, '2026-11-22T01:00:00.000001+0000'),
      revision(2, '2026-11-22T01:00:00.000002+0000'),
    );
    const shown = 'Sun, 22 Nov 2026 01:00:00 GMT';
    expect(diff).toMatchObject({ last_rotation_date: { added: shown, removed: shown } });
  });

  test('shows no rotation when there was none', () => {
    const date = '2026-11-22T01:00:00.000001+0000';
    expect(diffCredentials(revision(1, date), revision(2, date))).not.toHaveProperty('last_rotation_date');
    expect(diffCredentials(revision(1, null), revision(2, date))).toMatchObject({
      last_rotation_date: { added: 'Sun, 22 Nov 2026 01:00:00 GMT', removed: null },
    });
  });
});
