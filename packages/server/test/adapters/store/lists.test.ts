import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PageKey, Store } from '../../../src/ports/store.js';
import { type Harness, STORES } from './harness.js';
import { at, blindCredential, credential, service } from './records.js';

describe.each(STORES)('$name', ({ open }) => {
  let harness: Harness;
  let store: Store;

  beforeAll(async () => {
    harness = await open();
    store = harness.open();
    // Ten rows share a date, so that pages end between rows that the date alone does not order.
    for (let n = 0; n < 25; n++) {
      const modifiedDate = at(n < 10 ? 10 : n + 100);
      const one = credential({ modifiedDate, name: `name ${n}`, tags: ['t'], metadata: { n } });
      await store.putRevision({ kind: 'credential', next: one, expected: null });
      const role = service({ modifiedDate, credentials: [one.id] });
      await store.putRevision({ kind: 'service', next: role, expected: null });
      if (n >= 20) await store.putRevision({ kind: 'service', next: { ...role, revision: 2 }, expected: 1 });
      const blind = blindCredential({ modifiedDate, name: `name ${n}` });
      await store.putRevision({ kind: 'blind-credential', next: blind, expected: null });
    }
    const undated = { modifiedDate: null };
    await store.putRevision({ kind: 'credential', next: credential(undated), expected: null });
    await store.putRevision({ kind: 'service', next: service(undated), expected: null });
    await store.putRevision({ kind: 'blind-credential', next: blindCredential(undated), expected: null });
  });
  afterAll(async () => {
    await store.close();
    await harness.stop();
  });

  const newestFirst = (a: string, b: string): number => (a < b ? 1 : a > b ? -1 : 0);
  const dates = (rows: { modifiedDate: string | null }[]): string[] => rows.map((row) => row.modifiedDate ?? 'none');

  test('a list has all rows with a date, newest first, either the current or the archived ones', async () => {
    for (const [kind, archived, size] of [
      ['credential', false, 25],
      ['credential', true, 25],
      ['blind-credential', false, 25],
      ['service', false, 25],
      ['service', true, 30],
    ] as const) {
      const { rows, next } = await store.list(kind, { archived });
      expect(next).toBeNull();
      expect(rows).toHaveLength(size);
      expect(dates(rows)).toEqual(dates(rows).toSorted(newestFirst));
      for (const { id } of rows) expect(id).not.toMatch(/-[12]$/);
    }
  });

  test('a list of credentials has everything but the ciphertext', async () => {
    const { rows } = await store.list('credential', { archived: false, limit: 1 });
    const { sealed: _, ...listed } = credential({
      id: rows[0]!.id,
      modifiedDate: at(124),
      name: 'name 24',
      tags: ['t'],
      metadata: { n: 24 },
    });
    expect(rows).toEqual([listed]);
  });

  test('pages have every row exactly once, in the order of the whole list, whatever their size', async () => {
    for (const [kind, archived, size] of [
      ['credential', false, 25],
      ['service', true, 30],
    ] as const) {
      for (const limit of [1, 4, 5, size - 1, size, size + 1]) {
        const found = [];
        let after: PageKey | null = null;
        let count = 0;
        do {
          const page: Awaited<ReturnType<Store['list']>> = await store.list(kind, {
            archived,
            limit,
            ...(after && { after }),
          });
          found.push(...page.rows);
          after = page.next;
          count += 1;
        } while (after !== null);
        expect(count).toBe(Math.ceil(size / limit));
        expect(dates(found)).toEqual(dates((await store.list(kind, { archived })).rows));
        expect(new Set(found.map(({ id, revision }) => `${id} ${revision}`)).size).toBe(size);
      }
    }
  });

  test('a page boundary is the row itself, for archived revisions with the number', async () => {
    const current = await store.list('service', { archived: false, limit: 1 });
    expect(current.next).toEqual({ id: current.rows[0]!.id, modifiedDate: at(124) });
    const archived = await store.list('service', { archived: true, limit: 1 });
    expect(archived.next).toEqual({
      id: `${archived.rows[0]!.id}-${archived.rows[0]!.revision}`,
      modifiedDate: at(124),
    });
  });

  test('changed services are those modified at or after the given time, complete', async () => {
    const changed = await store.changedServices(at(123));
    expect(dates(changed).toSorted(newestFirst)).toEqual([at(124), at(123)]);
    for (const role of changed) expect(await store.get('service', role.id)).toEqual(role);
    expect(await store.changedServices(null)).toHaveLength(25);
    expect(await store.changedServices(at(125))).toEqual([]);
  });

  test('changed names are those of current rows modified at or after the given time', async () => {
    for (const kind of ['credential', 'blind-credential'] as const) {
      const { rows } = await store.list(kind, { archived: false, limit: 2 });
      const expected = rows.map(({ id, name, modifiedDate }) => ({ id, name, modifiedDate }));
      const changed = await store.changedNames(kind, at(123));
      expect(changed.sort((a, b) => (a.modifiedDate < b.modifiedDate ? 1 : -1))).toEqual(expected);
      expect(await store.changedNames(kind, null)).toHaveLength(25);
    }
  });

  test('a list that is larger than one response of DynamoDB is complete', async () => {
    const documentation = 'x'.repeat(30_000);
    const rows = Array.from({ length: 120 }, (_, n) =>
      blindCredential({ documentation, modifiedDate: at(10_000 + n), name: `large ${n}` }),
    );
    for (const next of rows) await store.putRevision({ kind: 'blind-credential', next, expected: null });
    const newest = rows.toReversed().map(({ id }) => id);
    const all = await store.list('blind-credential', { archived: false });
    expect(all.rows.slice(0, 120).map(({ id }) => id)).toEqual(newest);
    expect(all.rows).toHaveLength(145);
    const page = await store.list('blind-credential', { archived: false, limit: 100 });
    expect(page.rows.map(({ id }) => id)).toEqual(newest.slice(0, 100));
    const names = await store.changedNames('blind-credential', at(10_000));
    expect(new Set(names.map(({ id }) => id))).toEqual(new Set(newest));
    expect((await store.getMany('blind-credential', newest)).size).toBe(120);
  });
});
