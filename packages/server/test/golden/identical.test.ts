import { awsKms, DataKeys } from '@confidant/kmsauth';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDynamoStore } from '../../src/adapters/store/dynamodb/store.js';
import { fernetSealer } from '../../src/adapters/sealing/fernet-sealer.js';
import { openSqliteStore } from '../../src/adapters/store/sqlite/store.js';
import type { Credential, Kind, Records } from '../../src/domain/records.js';
import { Keyring } from '../../src/embedded/keyring.js';
import type { Sealer } from '../../src/ports/sealer.js';
import type { Store } from '../../src/ports/store.js';
import { type As, startServer, type TestServer } from '../harness/server.js';
import { TEST_CREDENTIALS } from '../stand-ins/dynamodb-server.js';
import { type Production, startProduction } from './production.js';
import { recordedTable } from './recordings.js';

const KINDS: readonly Kind[] = ['credential', 'blind-credential', 'service'];
const ROTATION = { MAXIMUM_ROTATION_DAYS: '90', ROTATION_DAYS_CONFIG: '{"FINANCIALLY_SENSITIVE": 30}' };

let source: Production;
let target: Production;
let folder: string;
const paths: string[] = [];

/** Writes the same history, revision by revision, to a new DynamoDB table and to a new SQLite file. */
beforeAll(async () => {
  [source, target] = await Promise.all([startProduction(recordedTable()), startProduction()]);
  folder = mkdtempSync(join(tmpdir(), 'confidant-identical-'));
  const keyring = Keyring.open(folder);
  const sealer = (kms: ConstructorParameters<typeof DataKeys>[0]['kms']): Sealer =>
    fernetSealer(new DataKeys({ kms, masterKey: 'alias/confidant-master', cacheSize: 1000, cacheTtlMs: 60_000 }));
  const from = dynamo(source);
  const into = [
    { store: dynamo(target), sealer: sealer(target.kms.kms) },
    {
      store: openSqliteStore({ file: join(folder, 'confidant.db'), busyTimeoutMs: 20_000 }),
      sealer: sealer(keyring.kms('us-east-1')),
    },
  ];
  const recorded = awsKms({
    region: 'us-east-1',
    endpoint: source.kms.url,
    connectTimeoutMs: 20_000,
    requestTimeoutMs: 20_000,
    maxSockets: 10,
    maxAttempts: 2,
  });
  const opener = sealer(recorded);
  for (const kind of KINDS) {
    const { rows } = await from.list(kind, { archived: false });
    for (const { id, revision } of rows) {
      const history = await from.getRevisions(kind, id, revision);
      for (const { store, sealer: own } of into) await copy(store, kind, history, opener, own);
      paths.push(...pathsOf(kind, id));
    }
  }
  for (const store of [from, ...into.map((each) => each.store)]) await store.close();
  keyring.close();
  recorded.close();
});
afterAll(async () => {
  await source.stop();
  await target.stop();
  rmSync(folder, { recursive: true });
});

function dynamo({ backend: { environment } }: Production): Store {
  return openDynamoStore({
    table: environment['DYNAMODB_TABLE']!,
    region: 'us-east-1',
    endpoint: environment['DYNAMODB_URL']!,
    credentials: () => Promise.resolve(TEST_CREDENTIALS),
    connectTimeoutMs: 20_000,
    readTimeoutMs: 20_000,
    maxSockets: 20,
  });
}

async function copy<K extends Kind>(
  store: Store,
  kind: K,
  history: Records[K][],
  opener: Sealer,
  own: Sealer,
): Promise<void> {
  let expected: number | null = null;
  for (const record of history) {
    const { id, sealed } = record as Credential;
    const next =
      kind === 'credential' ? { ...record, sealed: await own.seal(id, await opener.open(id, sealed)) } : record;
    expect(await store.putRevision<K>({ kind, next, expected })).toEqual({ status: 'ok' });
    expected = record.revision;
  }
}

function pathsOf(kind: Kind, id: string): string[] {
  const name = `${kind.replace('-', '_')}s`;
  const own = [`/v1/${name}/${id}`, `/v1/archive/${name}/${id}`];
  return kind === 'service' ? own : [...own, `/v1/${name}/${id}/services`];
}

async function bodies(server: TestServer, as: As): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const lists = ['credentials', 'services', 'blind_credentials'].flatMap((name) => [
    `/v1/${name}`,
    `/v1/archive/${name}`,
    `/v1/${name}?limit=7`,
    `/v1/archive/${name}?limit=7`,
  ]);
  const wanted = [...lists, ...paths];
  for (let at = 0; at < wanted.length; at += 20) {
    await Promise.all(
      wanted.slice(at, at + 20).map(async (path) => {
        const { status, text } = await server.call(as, 'GET', path);
        expect([path, status]).toEqual([path, 200]);
        found.set(path, text);
      }),
    );
  }
  return found;
}

test('the same stored data gives the same bytes again, after a restart, and from the other store', async () => {
  const onDynamo = await startServer(ROTATION, target.backend);
  const first = await bodies(onDynamo, 'user:alice');
  expect(await bodies(onDynamo, 'user:alice')).toEqual(first);
  await onDynamo.stop();
  const restarted = await startServer(ROTATION, target.backend);
  expect(await bodies(restarted, 'user:alice')).toEqual(first);
  await restarted.stop();
  const onSqlite = await startServer({ ...ROTATION, CONFIDANT_DATA_DIR: folder });
  expect(await bodies(onSqlite, 'user:alice')).toEqual(first);
  await onSqlite.stop();
  expect(first.size).toBeGreaterThan(250);
});
