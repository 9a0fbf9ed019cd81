// One of several processes that write to the same few rows until stdin ends or they are killed. Runs the build.
// Every outcome is a line of JSON on stdout, written before the next step: what is printed was acknowledged.
import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { openDynamoStore } from '../../../dist/adapters/store/dynamodb/store.js';
import { openSqliteStore } from '../../../dist/adapters/store/sqlite/store.js';
import { systemClock } from '../../../dist/adapters/clock.js';

const { sqlite, dynamo, services, revisionsPerName } = JSON.parse(process.argv[2]);
const credentials = () => Promise.resolve({ accessKeyId: 'AKIATEST', secretAccessKey: 'test' });
const store = sqlite ? openSqliteStore(sqlite) : openDynamoStore({ ...dynamo, credentials });
const clock = systemClock();
const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`);

const told = new AbortController();
process.stdin.resume().on('end', () => told.abort());

/** Resolves to the name that all processes claim at about the same time. */
async function revise() {
  const id = services[Math.floor(Math.random() * services.length)];
  const current = await store.get('service', id);
  const expected = current === 'absent' ? null : current.revision;
  const revision = (expected ?? 0) + 1;
  const token = randomUUID();
  const next = {
    id,
    revision,
    enabled: true,
    modifiedBy: 'hammer',
    modifiedDate: clock.now(),
    credentials: [token],
    blindCredentials: [],
    account: token,
  };
  const { status } = await store.putRevision({ kind: 'service', next, expected });
  say({ type: 'revision', id, revision, token, status });
  return `name ${id} ${Math.floor(revision / revisionsPerName)}`;
}

async function create(name) {
  const id = randomUUID().replaceAll('-', '');
  const next = {
    id,
    revision: 1,
    enabled: true,
    modifiedBy: 'hammer',
    modifiedDate: clock.now(),
    name,
    tags: [],
    metadata: {},
    documentation: null,
    lastRotationDate: null,
    lastDecryptedDate: null,
    sealed: { token: 'x', dataKey: 'eA==', cipherVersion: 2 },
  };
  const outcome = await store.putRevision({ kind: 'credential', next, expected: null, name: { claim: name } });
  say({ type: 'name', name, id, ...outcome });
}

async function work() {
  while (!told.signal.aborted) {
    const name = await revise();
    if (Math.random() < 0.3) await create(name);
    // SQLite answers synchronously, so only a turn of the event loop lets the end of stdin arrive.
    await turn();
  }
}

await Promise.all([work(), work(), work()]);
await store.close();
