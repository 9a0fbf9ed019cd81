import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqliteStore } from '../../../src/adapters/store/sqlite/store.js';
import { BackendUnavailable } from '../../../src/ports/unavailable.js';
import { credential, service } from './records.js';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'confidant-sqlite-'));
  file = join(directory, 'confidant.db');
});
afterEach(() => rmSync(directory, { recursive: true }));

const open = (busyTimeoutMs = 2000) => openSqliteStore({ file, busyTimeoutMs });

describe('the database file', () => {
  test.skipIf(process.platform === 'win32')(
    'the database file and its log can be read only by their owner',
    async () => {
      const store = open();
      await store.putRevision({ kind: 'service', next: service(), expected: null });
      for (const name of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(name).mode & 0o777).toBe(0o600);
      await store.close();
      chmodSync(file, 0o644);
      await open().close();
      expect(statSync(file).mode & 0o777).toBe(0o600);
    },
  );

  test('the database file keeps what was written when it is closed and opened again', async () => {
    const one = credential();
    const first = open();
    await first.putRevision({ kind: 'credential', next: one, expected: null, name: { claim: one.name } });
    await first.close();
    const second = open();
    expect(await second.get('credential', one.id)).toEqual(one);
    const two = credential({ name: one.name });
    expect(
      await second.putRevision({ kind: 'credential', next: two, expected: null, name: { claim: one.name } }),
    ).toEqual({ status: 'name-taken', holder: one.id });
    await second.close();
  });

  test('a database file of a later version is refused with a helpful error, and left as it is', async () => {
    await open().close();
    const database = new DatabaseSync(file);
    database.exec('PRAGMA user_version = 99');
    database.close();
    expect(open).toThrow(/written by a later version of Confidant \(its schema is 99/);
    const after = new DatabaseSync(file);
    expect(after.prepare('PRAGMA user_version').get()).toMatchObject({ user_version: 99 });
    after.close();
  });

  test('a database file of another program is refused and left as it is', () => {
    const database = new DatabaseSync(file);
    database.exec('CREATE TABLE theirs (x)');
    database.close();
    expect(open).toThrow('is a database of another program');
    expect(existsSync(`${file}-wal`)).toBe(false);
    rmSync(file);
    writeFileSync(file, 'no database at all, but long enough to look like one'.repeat(100));
    expect(open).toThrow('not a database');
  });

  test('a database file in a directory that does not exist is refused', () => {
    expect(() => openSqliteStore({ file: join(directory, 'missing', 'x.db'), busyTimeoutMs: 100 })).toThrow('ENOENT');
  });
});

describe('while another process writes', () => {
  test('reads go on while another process writes, and a write is unavailable after the busy timeout', async () => {
    const store = open(150);
    const one = credential();
    await store.putRevision({ kind: 'credential', next: one, expected: null });
    const writer = new DatabaseSync(file);
    writer.exec('BEGIN IMMEDIATE');
    const write = store.putRevision({ kind: 'credential', next: { ...one, revision: 2 }, expected: 1 });
    expect(await store.get('credential', one.id)).toEqual(one);
    await expect(write).rejects.toThrow(BackendUnavailable);
    expect(await store.getRevision('credential', one.id, 2)).toBeUndefined();
    writer.exec('ROLLBACK');
    writer.close();
    expect(await store.putRevision({ kind: 'credential', next: { ...one, revision: 2 }, expected: 1 })).toEqual({
      status: 'ok',
    });
    await store.close();
  });

  test('a write waits for the other process without blocking the event loop', async () => {
    const store = open(60_000);
    const writer = new DatabaseSync(file);
    writer.exec('BEGIN IMMEDIATE');
    const write = store.putRevision({ kind: 'service', next: service(), expected: null });
    for (let tick = 0; tick < 10; tick += 1) {
      // A write that blocks the event loop would have been refused before the first timer fires.
      expect(await Promise.race([write, sleep(5, 'waits')])).toBe('waits');
    }
    writer.exec('COMMIT');
    writer.close();
    expect(await write).toEqual({ status: 'ok' });
    await store.close();
  });
});

test('a store that was closed is unavailable', async () => {
  const store = open();
  await store.close();
  await store.close();
  await expect(store.get('service', 'x')).rejects.toThrow(BackendUnavailable);
  await expect(store.ping()).rejects.toThrow(BackendUnavailable);
});
