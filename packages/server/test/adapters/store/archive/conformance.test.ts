import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Archive, DamagedRow, type Store } from '../../../../src/ports/store.js';
import { at, credential, newId, service } from '../records.js';
import { ARCHIVES, everything, written } from './harness.js';

describe.each(ARCHIVES)('the archive of $name', ({ name, start }) => {
  let harness: Awaited<ReturnType<typeof start>>;
  let store: Store;
  let archive: Archive;
  beforeAll(async () => {
    harness = await start();
    store = harness.open();
    archive = harness.openArchive();
  });
  afterAll(async () => {
    await archive.close();
    await store.close();
    await harness.stop();
  });

  test('a move takes the current row and every revision, and gives them back unchanged', async () => {
    const current = await written(store, 30, { tags: ['a'], documentation: 'bye', lastDecryptedDate: at(99) });
    const before = await everything(store, current.id, 30);
    expect(before.revisions).toHaveLength(30);

    expect(await archive.move(current.id, 30, at(500))).toBe('ok');
    expect(await everything(store, current.id, 30)).toEqual({ current: 'absent', revisions: [] });
    expect(await archive.ids()).toContain(current.id);
    expect(await archive.nameOf(current.id)).toBe(current.name);

    const rows = Array.from({ length: 30 }, (_, index) => `${current.id}-${index + 1}`);
    expect(await archive.missing(current.id)).toEqual([current.id, ...rows]);
    expect(await archive.restore(current.id)).toEqual({ status: 'ok' });
    expect(await everything(store, current.id, 30)).toEqual(before);
    expect(await archive.missing(current.id)).toEqual([]);
    expect(await archive.restore(current.id)).toEqual({ status: 'ok' });
    expect(await archive.ids()).toContain(current.id);
  });

  test('a move takes along a revision beyond the current one, which a crashed server may have left', async () => {
    const current = await written(store, 2);
    await harness.copyRevision(current.id, 2, 3);
    const leftover = await store.getRevision('credential', current.id, 3);
    expect(await archive.move(current.id, 2, at(500))).toBe('ok');
    expect(await store.getRevision('credential', current.id, 3)).toBeUndefined();
    await archive.restore(current.id);
    expect(await store.getRevision('credential', current.id, 3)).toEqual(leftover);
  });

  test('a move of another revision than the current one is refused, and deletes nothing', async () => {
    const current = await written(store, 2);
    expect(await archive.move(current.id, 1, at(500))).toBe('conflict');
    expect(await archive.move(newId(), 1, at(500))).toBe('conflict');
    expect(await archive.move(`${current.id}-1`, 1, at(500))).toBe('conflict');
    expect((await everything(store, current.id, 2)).revisions).toHaveLength(2);
    expect(await archive.finish(current.id, at(500))).toBe(false);
    expect(await archive.ids()).not.toContain(current.id);
  });

  test('of a concurrent move and update exactly one happens, and never half of either', async () => {
    for (let round = 0; round < 10; round += 1) {
      const current = await written(store, 1);
      const next = { ...current, revision: 2, enabled: true };
      const [moved, updated] = await Promise.all([
        archive.move(current.id, 1, at(500)),
        store.putRevision({ kind: 'credential', next, expected: 1 }),
      ]);
      const after = await everything(store, current.id, 2);
      if (updated.status === 'ok') {
        expect(moved).toBe('conflict');
        expect(after).toMatchObject({ current: { revision: 2 }, revisions: [{ revision: 1 }, { revision: 2 }] });
      } else {
        expect([moved, updated.status]).toEqual(['ok', 'conflict']);
        expect(after).toEqual({ current: 'absent', revisions: [] });
      }
    }
  });

  test('a move frees the name, and restoring takes it back unless another credential has it', async () => {
    const current = await written(store, 1);
    await archive.move(current.id, 1, at(500));
    const taker = await written(store, 1, { name: current.name });
    expect(await archive.restore(current.id)).toEqual({ status: 'name-taken', holder: taker.id });
    expect(await store.get('credential', current.id)).toBe('absent');
    await archive.move(taker.id, 1, at(501));
    expect(await archive.restore(current.id)).toEqual({ status: 'ok' });
    const late = credential({ name: current.name });
    expect(
      await store.putRevision({ kind: 'credential', next: late, expected: null, name: { claim: current.name } }),
    ).toEqual({ status: 'name-taken', holder: current.id });
  });

  test('restoring takes the name from a holder that the caller says no longer has it', async () => {
    const current = await written(store, 1);
    await archive.move(current.id, 1, at(500));
    const taker = await written(store, 1, { name: current.name });
    expect(await archive.restore(current.id, taker.id)).toEqual({ status: 'ok' });
  });

  test('a credential that was restored and changed can be archived again', async () => {
    const current = await written(store, 1);
    await archive.move(current.id, 1, at(500));
    await archive.restore(current.id);
    const next = { ...current, revision: 2, documentation: 'changed' };
    await store.putRevision({ kind: 'credential', next, expected: 1 });
    expect(await archive.move(current.id, 2, at(501))).toBe('ok');
    await archive.restore(current.id);
    expect(await store.get('credential', current.id)).toEqual(next);
  });

  test('restoring writes only the missing rows', async () => {
    const current = await written(store, 3);
    await archive.move(current.id, 3, at(500));
    await archive.restore(current.id);
    await harness.drop(`${current.id}-2`);
    await harness.drop(current.id);
    const changed = await store.getRevision('credential', current.id, 1);
    expect(await archive.missing(current.id)).toEqual([current.id, `${current.id}-2`]);
    await archive.restore(current.id);
    expect(await everything(store, current.id, 3)).toMatchObject({
      current,
      revisions: [changed, { metadata: { revision: 2 } }, { metadata: { revision: 3 } }],
    });
  });

  // In SQLite a move is one transaction.
  const testInDynamoDb = name === 'DynamoDB' ? test : () => undefined;
  testInDynamoDb('a move that was interrupted after the current row was deleted can be finished', async () => {
    const current = await written(store, 3);
    const before = await everything(store, current.id, 3);
    await archive.move(current.id, 3, at(500));
    await archive.restore(current.id);
    await harness.drop(current.id);
    await harness.drop(`${current.id}-1`);
    expect(await archive.finish(current.id, at(501))).toBe(true);
    expect(await everything(store, current.id, 3)).toEqual({ current: 'absent', revisions: [] });
    expect(await archive.finish(current.id, at(502))).toBe(false);
    await archive.restore(current.id);
    expect(await everything(store, current.id, 3)).toEqual(before);
  });

  test('the archive has nothing of a credential that was never archived', async () => {
    const id = newId();
    expect(await archive.nameOf(id)).toBeUndefined();
    expect(await archive.missing(id)).toEqual([]);
    expect(await archive.restore(id)).toEqual({ status: 'ok' });
    expect(await store.get('credential', id)).toBe('absent');
  });

  test('the mappings of all services say which ones map a credential', async () => {
    const [one, two] = [newId(), newId()];
    const ids = ['svc-b', 'svc-a'];
    for (const id of ids) {
      const next = service({ id, credentials: id === 'svc-a' ? [one] : [one, two] });
      await store.putRevision({ kind: 'service', next, expected: null });
    }
    const mappings = await archive.mappings();
    expect(mappings.get(one)).toEqual(['svc-a', 'svc-b']);
    expect(mappings.get(two)).toEqual(['svc-b']);
    expect(mappings.has(newId())).toBe(false);
  });

  test('the mappings are an error while a service cannot be read', async () => {
    await store.putRevision({ kind: 'service', next: service({ id: 'svc-broken' }), expected: null });
    await harness.damage('svc-broken');
    await expect(archive.mappings()).rejects.toBeInstanceOf(DamagedRow);
  });
});
