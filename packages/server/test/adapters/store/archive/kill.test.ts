import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Archive, Store } from '../../../../src/ports/store.js';
import { ARCHIVE_TABLE, ARCHIVES, type ArchiveHarness, everything, written } from './harness.js';

const MOVER = fileURLToPath(new URL('./mover.mjs', import.meta.url));
const CREDENTIALS = 6;
const REVISIONS = 40;
/** Milliseconds after the start of a move at which the mover is killed, so that every step is hit. */
const KILL_AFTER_MS = [0, 3, 8, 16, 30];

describe.each(ARCHIVES)('$name, killed in the middle of archiving', ({ start }) => {
  test('a killed move loses no row, and the next run finishes it', async () => {
    const harness = await start();
    const store = harness.open();
    const archive = harness.openArchive();
    const before = new Map<string, Awaited<ReturnType<typeof everything>>>();
    for (let index = 0; index < CREDENTIALS; index += 1) {
      const { id } = await written(store, REVISIONS);
      before.set(id, await everything(store, id, REVISIONS));
    }
    const ids = [...before.keys()];

    for (const [round, killAfterMs] of KILL_AFTER_MS.entries()) {
      await moveAndKill(harness, ids, round + 1, killAfterMs);
      for (const id of ids) expect(await rowsAnywhere(store, archive, id)).toBe(REVISIONS + 1);
    }
    const last = run(harness, ids);
    expect(await once(last, 'exit')).toEqual([0, null]);

    for (const [id, rows] of before) {
      expect(await everything(store, id, REVISIONS)).toEqual({ current: 'absent', revisions: [] });
      expect(await archive.restore(id)).toEqual({ status: 'ok' });
      expect(await everything(store, id, REVISIONS)).toEqual(rows);
    }
    await archive.close();
    await store.close();
    await harness.stop();
  });
});

function run({ place }: ArchiveHarness, ids: readonly string[]) {
  const where = 'sqlite' in place ? place : { dynamo: { ...place.dynamo, credentials: undefined } };
  const job = JSON.stringify({ ...where, archiveTable: ARCHIVE_TABLE, ids });
  return spawn(process.execPath, [MOVER, job], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Kills the mover this many milliseconds after it began to move the `nth` credential. */
async function moveAndKill(harness: ArchiveHarness, ids: readonly string[], nth: number, afterMs: number) {
  const child = run(harness, ids);
  const ended = once(child, 'exit');
  let begun = 0;
  for await (const line of createInterface(child.stdout!)) {
    if (line.startsWith('begin') && ++begun === nth) break;
  }
  await sleep(afterMs);
  child.kill('SIGKILL');
  await ended;
}

/** Counts the rows of a credential that are in the table, in the archive, or in both. */
async function rowsAnywhere(store: Store, archive: Archive, id: string): Promise<number> {
  const { current, revisions } = await everything(store, id, REVISIONS);
  const live = new Set(revisions.map(({ revision }) => `${id}-${revision}`));
  if (typeof current !== 'string') live.add(id);
  return new Set([...live, ...(await archive.missing(id))]).size;
}
