import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqliteArchive } from '../../../src/adapters/store/sqlite/archive.js';
import { openSqliteStore } from '../../../src/adapters/store/sqlite/store.js';
import type { Kind, Records } from '../../../src/domain/records.js';
import { DamagedRow, type Store } from '../../../src/ports/store.js';
import { at, blindCredential, credential, service } from './records.js';

let directory: string;
let file: string;
let store: Store;
let reported: { id: string; problem: string }[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'confidant-sqlite-'));
  file = join(directory, 'confidant.db');
  reported = [];
  store = openSqliteStore({ file, busyTimeoutMs: 60_000, onDamagedRow: (row) => reported.push(row) });
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

/** Changes a row as no server would. */
function change(sql: string, ...values: (string | null)[]): void {
  const database = new DatabaseSync(file);
  const { changes } = database.prepare(sql).run(...values);
  database.close();
  if (changes === 0) throw new Error(`nothing changed: ${sql}`);
}

/** Sets one field in the body of a row; `value` is JSON. */
function setField(rowId: string, field: string, value: string): void {
  change(`UPDATE rows SET body = json_set(body, '$.${field}', json(?)) WHERE id = ?`, value, rowId);
}

async function write<K extends Kind>(kind: K, next: Records[K]): Promise<void> {
  expect(await store.putRevision({ kind, next, expected: null })).toEqual({ status: 'ok' });
}

const BROKEN: [kind: Kind, field: string, value: string][] = [
  ['credential', 'name', '7'],
  ['credential', 'name', 'null'],
  ['credential', 'tags', '"one"'],
  ['credential', 'tags', '[1]'],
  ['credential', 'tags', '{}'],
  ['credential', 'modifiedDate', '1700000000'],
  ['credential', 'lastRotationDate', '{}'],
  ['credential', 'revision', '"1"'],
  ['credential', 'revision', '0'],
  ['credential', 'revision', '1.5'],
  ['credential', 'revision', 'null'],
  ['credential', 'enabled', '"true"'],
  ['credential', 'metadata', '"[]"'],
  ['credential', 'metadata', '{}'],
  ['credential', 'documentation', '[]'],
  ['credential', 'modifiedBy', '1'],
  ['credential', 'id', '"another"'],
  ['blind-credential', 'credentialKeys', '"one"'],
  ['blind-credential', 'credentialPairs', '{"r":1}'],
  ['blind-credential', 'dataKey', '[]'],
  ['blind-credential', 'cipherVersion', '"2"'],
  ['service', 'credentials', '[null]'],
  ['service', 'blindCredentials', '"x"'],
  ['service', 'account', '1'],
];

describe('rows that another program has damaged', () => {
  const make = { credential, 'blind-credential': blindCredential, service };

  test.each(BROKEN)(
    'a row of kind %s with the %s %s is an error when read by id, and hides no other row of a list',
    async (kind, field, value) => {
      const [whole, broken] = [make[kind](), make[kind]({ modifiedDate: at(5) })];
      await write(kind, whole);
      await write(kind, broken);
      setField(broken.id, field, value);

      const naming = expect.toSatisfy((error) => error instanceof DamagedRow && error.id === broken.id);
      await expect(store.get(kind, broken.id)).rejects.toEqual(naming);
      await expect(store.getMany(kind, [whole.id, broken.id])).rejects.toEqual(naming);
      const { rows } = await store.list(kind, { archived: false });
      expect(rows.map(({ id }) => id)).toEqual([whole.id]);
      expect(reported.map(({ id }) => id)).toEqual([broken.id]);
      expect(reported[0]!.problem).not.toContain('another');
    },
  );

  test('an archived revision with another id is left out of the history', async () => {
    const one = credential();
    await write('credential', one);
    expect(await store.putRevision({ kind: 'credential', next: { ...one, revision: 2 }, expected: 1 })).toEqual({
      status: 'ok',
    });
    setField(`${one.id}-1`, 'id', '"another"');
    expect((await store.getRevisions('credential', one.id, 2)).map(({ revision }) => revision)).toEqual([2]);
    expect(reported.map(({ id }) => id)).toEqual([`${one.id}-1`]);
  });

  test('a ciphertext that is not an object is an error where the ciphertext is read, and its row is listed', async () => {
    const one = credential();
    await write('credential', one);
    for (const sealed of ['[]', '7', '{"token":1}', '{']) {
      change('UPDATE rows SET sealed = ? WHERE id = ?', sealed, one.id);
      await expect(store.get('credential', one.id)).rejects.toBeInstanceOf(DamagedRow);
      await expect(store.getMany('credential', [one.id])).rejects.toBeInstanceOf(DamagedRow);
    }
    expect((await store.list('credential', { archived: false })).rows).toHaveLength(1);
  });

  test('a row without a name is left out of the changed names and reported', async () => {
    const [whole, broken] = [credential(), credential()];
    await write('credential', whole);
    await write('credential', broken);
    change('UPDATE rows SET name = NULL WHERE id = ?', broken.id);
    expect((await store.changedNames('credential', null)).map(({ id }) => id)).toEqual([whole.id]);
    expect(reported.map(({ id }) => id)).toEqual([broken.id]);
  });

  test('a damaged service stops the archive from deciding which credentials no service maps', async () => {
    const role = service();
    await write('service', role);
    setField(role.id, 'credentials', '7');
    const archive = openSqliteArchive({ file, busyTimeoutMs: 60_000 });
    await expect(archive.mappings()).rejects.toBeInstanceOf(DamagedRow);
    await archive.close();
  });
});

describe('absent and unreadable fields', () => {
  test('a field that is absent or null is read as its default', async () => {
    const one = credential();
    await write('credential', one);
    change(`UPDATE rows SET sealed = NULL, body = '{"revision":1,"name":"n"}' WHERE id = ?`, one.id);
    const expected = {
      id: one.id,
      revision: 1,
      enabled: true,
      modifiedBy: null,
      modifiedDate: null,
      name: 'n',
      tags: [],
      metadata: {},
      documentation: null,
      lastRotationDate: null,
      lastDecryptedDate: null,
      sealed: { token: '', dataKey: '', cipherVersion: 2 },
    };
    expect(await store.get('credential', one.id)).toEqual(expected);
    change(`UPDATE rows SET body = '{"revision":1,"name":"n","tags":null,"metadata":null}' WHERE id = ?`, one.id);
    expect(await store.get('credential', one.id)).toEqual(expected);
    expect(await store.getMany('credential', [one.id])).toEqual(new Map([[one.id, expected]]));
  });

  test('a date that cannot be read is null', async () => {
    const one = credential();
    await write('credential', one);
    setField(one.id, 'modifiedDate', '"yesterday"');
    expect(await store.get('credential', one.id)).toMatchObject({ modifiedDate: null });
    expect(reported).toEqual([]);
  });
});
