import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Store, WriteOutcome } from '../../../src/ports/store.js';
import { type Harness, STORES } from './harness.js';
import { newId } from './records.js';

const PROCESSES = 4;
const KILL_EVERY_MS = 300;
/** The number of revisions of a service that share a name, so that concurrent writers claim the same name. */
const REVISIONS_PER_NAME = 10;
/** A run ends when it has reached all of these counts; a slow machine takes longer. */
const ENOUGH = { revisions: 80, lostRaces: 8, wonNames: 4, killed: 4 };
const LONGEST_MS = 200_000;

type Line =
  | { type: 'revision'; id: string; revision: number; token: string; status: WriteOutcome['status'] }
  | ({ type: 'name'; name: string; id: string } & WriteOutcome);

interface Run {
  lines: Line[];
  started: number;
  killed: number;
  failures: string[];
}

/** Keeps PROCESSES hammers running, and now and then kills one that has begun to work. */
async function hammer(place: object, services: string[]): Promise<Run> {
  const script = fileURLToPath(new URL('hammer.mjs', import.meta.url));
  const argument = JSON.stringify({ ...place, services, revisionsPerName: REVISIONS_PER_NAME });
  const run: Run = { lines: [], started: 0, killed: 0, failures: [] };
  const alive = new Set<ChildProcess>();
  const atWork = new Set<ChildProcess>();
  const ended: Promise<unknown>[] = [];

  const start = (): void => {
    const child = spawn(process.execPath, [script, argument], { stdio: 'pipe' });
    run.started += 1;
    alive.add(child);
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (alive.has(child)) atWork.add(child);
      // A kill may cut a line short, in which case the write was not acknowledged.
      if (line.endsWith('}')) run.lines.push(JSON.parse(line) as Line);
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    ended.push(
      once(child, 'close').then(([code, signal]) => {
        alive.delete(child);
        atWork.delete(child);
        if (code !== 0 && signal !== 'SIGKILL') run.failures.push(said);
      }),
    );
  };

  for (let n = 0; n < PROCESSES; n++) start();
  for (const deadline = Date.now() + LONGEST_MS; !isEnough(run) && Date.now() < deadline;) {
    // Kills become rarer, because otherwise no process would get far on a slow machine.
    await sleep(KILL_EVERY_MS * (1 + run.killed / ENOUGH.killed));
    const [victim] = atWork;
    // One process must survive and meet what the killed one left behind.
    if (victim === undefined || atWork.size < 2) continue;
    alive.delete(victim);
    atWork.delete(victim);
    if (victim.kill('SIGKILL')) run.killed += 1;
    start();
  }
  for (const child of alive) child.stdin?.end();
  await Promise.all(ended);
  return run;
}

function isEnough({ lines, killed }: Run): boolean {
  const count = (type: Line['type'], isOk: boolean): number =>
    lines.filter((line) => line.type === type && (line.status === 'ok') === isOk).length;
  return (
    killed >= ENOUGH.killed &&
    count('revision', true) >= ENOUGH.revisions &&
    count('revision', false) >= ENOUGH.lostRaces &&
    count('name', true) >= ENOUGH.wonNames &&
    count('name', false) >= ENOUGH.wonNames
  );
}

describe.each(STORES)('$name, several processes, some of them killed', ({ name, open }) => {
  const services = Array.from({ length: 3 }, (_, n) => `hammered-${n}-${newId()}`);
  let harness: Harness;
  let store: Store;
  let run: Run;

  beforeAll(async () => {
    const build = fileURLToPath(new URL('../../../dist/adapters/store/sqlite/store.js', import.meta.url));
    if (!existsSync(build)) throw new Error('this test runs the build: npm run build');
    harness = await open();
    store = harness.open();
    run = await hammer(harness.place, services);
  });
  afterAll(async () => {
    await store.close();
    await harness.stop();
  });

  test('every acknowledged revision is kept exactly once with its content, and the current row is the last', async () => {
    expect(run.failures).toEqual([]);
    expect(isEnough(run)).toBe(true);
    const acknowledged = run.lines.filter((line) => line.type === 'revision' && line.status === 'ok');
    const attempts = run.lines.filter(({ type }) => type === 'revision').length;
    let kept = 0;
    for (const id of services) {
      const current = await store.get('service', id);
      if (typeof current === 'string') throw new Error(`${id} is ${current}`);
      const history = await store.getRevisions('service', id, current.revision);
      // Each writer takes the number after the one it has read, so a gap would be a lost revision.
      expect(history.map(({ revision }) => revision)).toEqual(history.map((_, n) => n + 1));
      expect(history.at(-1)).toEqual(current);
      expect(new Set(history.map(({ account }) => account)).size).toBe(history.length);
      const mine = acknowledged.filter((line) => line.id === id) as Extract<Line, { type: 'revision' }>[];
      expect(new Set(mine.map(({ revision }) => revision)).size).toBe(mine.length);
      for (const { revision, token } of mine) {
        expect(history[revision - 1]).toMatchObject({ revision, account: token, credentials: [token] });
      }
      kept += history.length;
    }
    console.log(
      `${name}: ${run.started} processes, ${PROCESSES} at a time, ${run.killed} killed; ${attempts} attempts on ` +
        `${services.length} services, ${acknowledged.length} acknowledged, ${kept} revisions kept, 0 lost`,
    );
  });

  test('exactly one of several concurrent creations with one name wins', async () => {
    const lines = run.lines.filter((line) => line.type === 'name');
    const { rows } = await store.list('credential', { archived: false });
    const holders = new Map(rows.map((row) => [row.name, row.id]));
    expect(holders.size).toBe(rows.length);
    for (const line of lines) {
      if (line.status === 'ok') expect(holders.get(line.name)).toBe(line.id);
      else if (line.status === 'name-taken') expect(holders.get(line.name)).toBe(line.holder);
    }
    const won = lines.filter(({ status }) => status === 'ok').length;
    console.log(`${name}: ${lines.length} creates of ${holders.size} names, ${won} told that they won`);
  });
});
