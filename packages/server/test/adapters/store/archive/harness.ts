import { DatabaseSync } from '@photostructure/sqlite';
import { openDynamoArchive } from '../../../../src/adapters/store/dynamodb/archive.js';
import type { DynamoOptions } from '../../../../src/adapters/store/dynamodb/client.js';
import { createDynamoTable } from '../../../../src/adapters/store/dynamodb/create-table.js';
import { openSqliteArchive } from '../../../../src/adapters/store/sqlite/archive.js';
import type { Archive, Store } from '../../../../src/ports/store.js';
import type { Credential } from '../../../../src/domain/records.js';
import { type Harness, rawTable, STORES } from '../harness.js';
import { at, credential, newId } from '../records.js';

export const ARCHIVE_TABLE = 'confidant-test-archive';

export interface ArchiveHarness extends Harness {
  openArchive(): Archive;
  /** Stores the row of a revision under another number, which no server does. */
  copyRevision(id: string, from: number, to: number): Promise<void>;
  /** Deletes one row. */
  drop(rowId: string): Promise<void>;
}

/** Every store with its archive. */
export const ARCHIVES = STORES.map(({ name, open }) => ({
  name,
  start: async (): Promise<ArchiveHarness> => {
    const harness = await open();
    const { place } = harness;
    if ('sqlite' in place) {
      return {
        ...harness,
        openArchive: () => openSqliteArchive(place.sqlite),
        copyRevision: (id, from, to) => {
          const database = new DatabaseSync(place.sqlite.file);
          database
            .prepare(
              `INSERT INTO rows SELECT ?, data_type, ?, modified_date, name, last_decrypted_date,
                 json_set(body, '$.revision', ?), sealed FROM rows WHERE id = ?`,
            )
            .run(`${id}-${to}`, to, to, `${id}-${from}`);
          database.close();
          return Promise.resolve();
        },
        drop: (rowId) => {
          const database = new DatabaseSync(place.sqlite.file);
          database.prepare('DELETE FROM rows WHERE id = ?').run(rowId);
          database.close();
          return Promise.resolve();
        },
      };
    }
    await createDynamoTable({ ...place.dynamo, table: ARCHIVE_TABLE });
    return {
      ...harness,
      openArchive: () => openDynamoArchive({ ...place.dynamo, archiveTable: ARCHIVE_TABLE }),
      copyRevision: async (id, from, to) => {
        const table = rawTable(place.dynamo as DynamoOptions & { endpoint: string });
        const row = (await table.all()).find((item) => item['id']?.S === `${id}-${from}`)!;
        await table.put({ ...row, id: { S: `${id}-${to}` }, revision: { N: String(to) } });
        table.close();
      },
      drop: async (rowId) => {
        const table = rawTable(place.dynamo as DynamoOptions & { endpoint: string });
        await table.call('DeleteItem', { Key: { id: { S: rowId } } });
        table.close();
      },
    };
  },
}));

/** Writes a disabled credential with this many revisions; resolves with the current one. */
export async function written(store: Store, revisions: number, fields: Partial<Credential> = {}): Promise<Credential> {
  const id = fields.id ?? newId();
  for (let revision = 1; ; revision += 1) {
    const next = credential({
      id,
      name: `credential ${id}`,
      enabled: false,
      metadata: { revision },
      ...fields,
      revision,
      modifiedDate: at(revision),
    });
    const outcome = await store.putRevision({
      kind: 'credential',
      next,
      expected: revision === 1 ? null : revision - 1,
      ...(revision === 1 && { name: { claim: next.name } }),
    });
    if (outcome.status !== 'ok') throw new Error(outcome.status);
    if (revision === revisions) return next;
  }
}

/** Returns everything that the store has of a credential. */
export async function everything(
  store: Store,
  id: string,
  upTo: number,
): Promise<{ current: Credential | string; revisions: Credential[] }> {
  return {
    current: await store.get('credential', id),
    revisions: await store.getRevisions('credential', id, upTo),
  };
}
