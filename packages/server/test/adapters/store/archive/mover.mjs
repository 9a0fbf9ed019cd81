// This program archives one credential after the other until none is left or it is killed. It runs the build.
import { writeSync } from 'node:fs';
import { systemClock } from '../../../../dist/adapters/clock.js';
import { openDynamoArchive } from '../../../../dist/adapters/store/dynamodb/archive.js';
import { openDynamoStore } from '../../../../dist/adapters/store/dynamodb/store.js';
import { openSqliteArchive } from '../../../../dist/adapters/store/sqlite/archive.js';
import { openSqliteStore } from '../../../../dist/adapters/store/sqlite/store.js';

const { sqlite, dynamo, archiveTable, ids } = JSON.parse(process.argv[2]);
const credentials = () => Promise.resolve({ accessKeyId: 'AKIATEST', secretAccessKey: 'test' });
const store = sqlite ? openSqliteStore(sqlite) : openDynamoStore({ ...dynamo, credentials });
const archive = sqlite ? openSqliteArchive(sqlite) : openDynamoArchive({ ...dynamo, credentials, archiveTable });
const clock = systemClock();

for (const id of ids) {
  writeSync(1, `begin ${id}\n`);
  const current = await store.get('credential', id);
  if (current === 'absent') await archive.finish(id, clock.now());
  else if ((await archive.move(id, current.revision, clock.now())) !== 'ok') throw new Error(`${id} was not moved`);
  writeSync(1, `end ${id}\n`);
}
await archive.close();
await store.close();
