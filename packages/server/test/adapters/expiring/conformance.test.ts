import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { beforeEach, describe, expect, test } from 'vitest';
import { expiringMemory } from '../../../src/adapters/expiring/memory.js';
import { openExpiringSqlite } from '../../../src/adapters/expiring/sqlite.js';
import { LoginFlows } from '../../../src/auth/login-flow.js';
import type { ExpiringStore } from '../../../src/ports/expiring.js';
import { BackendUnavailable } from '../../../src/ports/unavailable.js';

interface Kind {
  name: string;
  open(maxEntries?: number): ExpiringStore;
}
let folder: string;
let nowMs: number;
let stores: ExpiringStore[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'confidant-expiring-'));
  nowMs = 1_800_000_000_000;
  stores = [];
  return async () => {
    for (const store of stores) await store.close();
    rmSync(folder, { recursive: true });
  };
});

const opened = (store: ExpiringStore): ExpiringStore => {
  stores.push(store);
  return store;
};
const inFile = (maxEntries?: number): ExpiringStore =>
  opened(
    openExpiringSqlite({
      file: join(folder, 'sessions.db'),
      busyTimeoutMs: 100,
      now: () => nowMs,
      ...(maxEntries !== undefined && { maxEntries }),
    }),
  );
const KINDS: Kind[] = [
  { name: 'in memory', open: (maxEntries) => opened(expiringMemory(undefined, maxEntries)) },
  { name: 'in a file', open: inFile },
];

for (const { name, open } of KINDS) {
  describe(`an expiring store ${name}`, () => {
    test('exactly one of many concurrent additions of a key wins, and a deleted entry is not replaced', async () => {
      const store = open();
      const outcomes = await Promise.all(Array.from({ length: 10 }, (_, i) => store.add('race:a', String(i), 100)));
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      expect(await store.replace('race:a', 'next', 100)).toBe(true);
      expect(await store.get('race:a')).toBe('next');
      await store.delete('race:a');
      expect(await store.replace('race:a', 'late', 100)).toBe(false);
      expect(await store.get('race:a')).toBeUndefined();
    });

    test('an entry is kept however many entries of another purpose are added', async () => {
      const store = open(3);
      await store.set('ended:a', '1', 60);
      await store.add('assertion:a', '1', 60);
      for (let i = 0; i < 10; i++) await store.add(`flow:${i}`, '1', 60).catch(() => undefined);
      expect(await store.get('ended:a')).toBe('1');
      expect(await store.add('assertion:a', '1', 60)).toBe(false);
    });

    test('a full store is unavailable for additions, so that nothing can be used a second time', async () => {
      const store = open(2);
      expect(await store.add('assertion:a', '1', 60)).toBe(true);
      expect(await store.add('assertion:b', '1', 60)).toBe(true);
      await expect(store.add('assertion:c', '1', 60)).rejects.toBeInstanceOf(BackendUnavailable);
      expect(await store.add('assertion:a', '1', 60)).toBe(false);
    });

    test('a full store makes room for an entry that is set', async () => {
      const store = open(2);
      for (const key of ['a', 'b', 'c']) await store.set(`ended:${key}`, '1', 60);
      expect(await store.get('ended:c')).toBe('1');
      const kept = await Promise.all(['a', 'b'].map((key) => store.get(`ended:${key}`)));
      expect(kept.filter((value) => value !== undefined)).toHaveLength(1);
    });

    test('a full store has room again once entries have expired', async () => {
      const store = open(2);
      await store.add('assertion:a', '1', 0.001);
      await store.add('assertion:b', '1', 60);
      await new Promise((resolve) => setTimeout(resolve, 50));
      nowMs += 50;
      expect(await store.get('assertion:a')).toBeUndefined();
      expect(await store.add('assertion:c', '1', 60)).toBe(true);
    });
  });
}

describe('an expiring store in a file', () => {
  test('an entry is visible to every process and after a restart, and only the owner can read the file', async () => {
    const [one, two] = [inFile(), inFile()];
    await one.set('ended:a', '1', 60);
    expect(await two.get('ended:a')).toBe('1');
    expect([await one.add('flow:a', '1', 60), await two.add('flow:a', '1', 60)]).toEqual([true, false]);
    await Promise.all([one.close(), two.close()]);
    expect(await inFile().get('ended:a')).toBe('1');
    expect(statSync(join(folder, 'sessions.db')).mode & 0o777).toBe(0o600);
  });

  test('an entry is kept although the clock was ahead during one write', async () => {
    const store = inFile();
    await store.set('ended:a', '1', 60);
    nowMs += 3_600_000;
    await store.set('ended:b', '1', 60);
    nowMs -= 3_600_000;
    expect(await store.get('ended:a')).toBe('1');
  });

  test('a file that is not a database is refused by name', () => {
    writeFileSync(join(folder, 'sessions.db'), 'x'.repeat(5000));
    expect(inFile).toThrow(/sessions\.db cannot be used/);
  });

  test('the store is unavailable, never empty, while another process locks the file, and then works again', async () => {
    const store = inFile();
    await store.set('ended:a', '1', 60);
    const holder = new DatabaseSync(join(folder, 'sessions.db'));
    holder.exec('BEGIN EXCLUSIVE');
    await expect(store.get('ended:a')).rejects.toBeInstanceOf(BackendUnavailable);
    await expect(store.add('ended:b', '1', 60)).rejects.toBeInstanceOf(BackendUnavailable);
    holder.close();
    expect(await store.get('ended:a')).toBe('1');
    expect(await store.add('ended:b', '1', 60)).toBe(true);
  });
});

describe('pending logins', () => {
  test('a pending login stores nothing until it ends, and ends only once', async () => {
    const memory = expiringMemory(undefined, 1);
    const flows = new LoginFlows(['a secret of at least thirty-two characters'], memory, () => 1000);
    for (let i = 0; i < 5; i++) expect(await flows.begun('openid', await flows.begin('openid', {}, '/'))).toBeDefined();
    const cookie = await flows.begin('openid', { state: 's' }, '/');
    const [first, second] = [await flows.begun('openid', cookie), await flows.begun('openid', cookie)];
    expect(await flows.end(first!)).toBe(true);
    expect(await flows.end(second!)).toBe(false);
    expect(await flows.begun('openid', cookie)).toBeUndefined();
  });
});
