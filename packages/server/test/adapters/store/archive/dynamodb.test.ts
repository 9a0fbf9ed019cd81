import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDynamoArchive } from '../../../../src/adapters/store/dynamodb/archive.js';
import type { DynamoOptions } from '../../../../src/adapters/store/dynamodb/client.js';
import type { Item } from '../../../../src/adapters/store/dynamodb/items.js';
import { createDynamoTable } from '../../../../src/adapters/store/dynamodb/create-table.js';
import { openDynamoStore } from '../../../../src/adapters/store/dynamodb/store.js';
import { DamagedRow, type Store } from '../../../../src/ports/store.js';
import { BackendUnavailable } from '../../../../src/ports/unavailable.js';
import { type DynamoDbServer, startDynamoDb } from '../../../stand-ins/dynamodb-server.js';
import { dynamoOptions, type RawTable, rawTable } from '../harness.js';
import { at } from '../records.js';
import { everything, written } from './harness.js';

const recorded = readFileSync(
  new URL('../../../../../../test/golden/dynamodb-archive-table.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Item);

let server: DynamoDbServer;
let options: DynamoOptions & { endpoint: string };
let archiveTable: string;
let store: Store;
let live: RawTable;
let archived: RawTable;
beforeAll(async () => {
  server = await startDynamoDb();
  options = dynamoOptions(server.endpoint);
  archiveTable = `${options.table}-archive`;
  await createDynamoTable(options, { archiveTable });
  store = openDynamoStore(options);
  live = rawTable(options);
  archived = rawTable({ ...options, table: archiveTable });
});
afterAll(async () => {
  live.close();
  archived.close();
  await store.close();
  await server.stop();
});

const byId = (items: Item[], id: string): Item[] =>
  items.filter((item) => item['id']?.S?.startsWith(id) === true).sort((a, b) => (a['id']!.S! < b['id']!.S! ? -1 : 1));

describe('the archive table', () => {
  test('archived rows are unchanged, with archive_date in the stored form', async () => {
    const { id } = await written(store, 2, { documentation: 'bye', lastDecryptedDate: at(7) });
    const before = byId(await live.all(), id);
    const archive = openDynamoArchive({ ...options, archiveTable });
    await archive.move(id, 2, at(500));
    expect(byId(await archived.all(), id)).toEqual(before.map((item) => ({ ...item, archive_date: { S: at(500) } })));
    // The claim on the name is gone too.
    expect((await live.all()).filter((item) => item['holder']?.S === id)).toEqual([]);
    await archive.close();
  });

  test('an archive table of the original is restored byte for byte', async () => {
    for (const item of recorded) await archived.put(item);
    const archive = openDynamoArchive({ ...options, archiveTable });
    const ids = ['99fe3eb3710f4271b24c902b26f914c3', 'cb607eca0fb64a649f3b9fd316ffc931'];
    expect(await archive.ids()).toEqual(expect.arrayContaining(ids));
    for (const id of ids) {
      await archive.restore(id);
      const rows = byId(recorded, id).map(({ archive_date: _date, ...item }) => item);
      expect(byId(await live.all(), id)).toEqual(rows);
    }
    expect(await store.get('credential', ids[0]!)).toMatchObject({ name: 'To archive', revision: 2, enabled: false });
    await archive.close();
  });
});

describe('failures while archiving', () => {
  /** Opens an archive through a proxy, in which `meddle` may answer an operation instead of the server. */
  async function meddling(meddle: (operation: string) => [status: number, body: string] | undefined) {
    const proxy = createServer((request, response) => {
      const operation = String(request.headers['x-amz-target']).split('.')[1]!;
      const answer = meddle(operation);
      const { hostname, port } = new URL(server.endpoint);
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (answer) {
          response.writeHead(answer[0], { 'content-type': 'application/x-amz-json-1.0' }).end(answer[1]);
          return;
        }
        const onward = httpRequest({ hostname, port, method: 'POST', path: '/', headers: request.headers }, (reply) => {
          response.writeHead(reply.statusCode ?? 500, reply.headers);
          reply.pipe(response);
        });
        // The client retries after a broken connection.
        onward.on('error', () => response.destroy());
        onward.end(Buffer.concat(chunks));
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const archive = openDynamoArchive({
      ...options,
      endpoint,
      archiveTable,
      readTimeoutMs: 20_000,
      connectTimeoutMs: 20_000,
    });
    return {
      archive,
      stop: async () => {
        await archive.close();
        proxy.closeAllConnections();
        await new Promise((resolve) => proxy.close(resolve));
      },
    };
  }

  test.each([
    ['was acknowledged but not kept', 'BatchWriteItem', 200, '{"UnprocessedItems":{}}', DamagedRow],
    ['could not be written', 'BatchWriteItem', 500, '{"__type":"InternalServerError"}', BackendUnavailable],
    ['is refused', 'BatchWriteItem', 400, '{"__type":"x#AccessDeniedException"}', BackendUnavailable],
  ])('no row is deleted if a copy %s', async (_what, failing, status, body, error) => {
    const { id } = await written(store, 3);
    const before = await everything(store, id, 3);
    const { archive, stop } = await meddling((operation) => (operation === failing ? [status, body] : undefined));
    await expect(archive.move(id, 3, at(500))).rejects.toBeInstanceOf(error);
    expect(await everything(store, id, 3)).toEqual(before);
    await stop();
  });

  test.each(['DeleteItem', 'TransactWriteItems'])(
    'a move fails if a %s was acknowledged but not carried out, and the next attempt finishes it',
    async (lying) => {
      for (const body of ['{}', '{"ok":true}', '[]']) {
        const { id } = await written(store, 3);
        const { archive, stop } = await meddling((operation) => (operation === lying ? [200, body] : undefined));
        await expect(archive.move(id, 3, at(500))).rejects.toBeInstanceOf(BackendUnavailable);
        expect((await everything(store, id, 3)).revisions).toHaveLength(3);
        await stop();
        const again = openDynamoArchive({ ...options, archiveTable });
        if (lying === 'DeleteItem') expect(await again.finish(id, at(501))).toBe(true);
        else expect(await again.move(id, 3, at(501))).toBe('ok');
        expect(await everything(store, id, 3)).toEqual({ current: 'absent', revisions: [] });
        await again.close();
      }
    },
  );

  test.each(['PutItem', 'TransactWriteItems'])(
    'a restore fails if a %s was acknowledged but not carried out',
    async (lying) => {
      for (const body of ['{}', '{"ok":true}', '[]']) {
        const { id } = await written(store, 3);
        const plain = openDynamoArchive({ ...options, archiveTable });
        await plain.move(id, 3, at(500));
        const { archive, stop } = await meddling((operation) => (operation === lying ? [200, body] : undefined));
        await expect(archive.restore(id)).rejects.toBeInstanceOf(BackendUnavailable);
        await stop();
        expect(await plain.restore(id)).toEqual({ status: 'ok' });
        expect((await everything(store, id, 3)).revisions).toHaveLength(3);
        await plain.close();
      }
    },
  );

  test('the revisions stay if deleting fails, and the next attempt finishes the move', async () => {
    const { id } = await written(store, 3);
    const { archive, stop } = await meddling((operation) =>
      operation === 'DeleteItem' ? [500, '{"__type":"InternalServerError"}'] : undefined,
    );
    await expect(archive.move(id, 3, at(500))).rejects.toBeInstanceOf(BackendUnavailable);
    const { current, revisions } = await everything(store, id, 3);
    expect([current, revisions.length]).toEqual(['absent', 3]);
    await stop();
    const again = openDynamoArchive({ ...options, archiveTable });
    expect(await again.finish(id, at(501))).toBe(true);
    expect((await everything(store, id, 3)).revisions).toEqual([]);
    await again.close();
  });
});
