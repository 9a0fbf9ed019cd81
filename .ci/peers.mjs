// Runs the peers for CI. A part with a failure is run once more, alone. If it passes then, it counts as passed and is listed
// as unsteady. Ends with `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { close } from '../scripts/vitest.mjs';
import { noteFailed, noteUnsteady } from './unsteady.mjs';

const PROGRAM = fileURLToPath(new URL('../test/peers/run.mjs', import.meta.url));
const NOTHING = { passed: 0, failed: 1, skipped: 0, first: 'the peers ended without a report' };

const parts = runPeers([]);
for (const [part, { failed, first }] of [...parts]) {
  if (failed === 0) continue;
  console.log(`\n== once more, alone: ${part}`);
  const again = runPeers(part === 'all' ? [] : [part]);
  if ([...again.values()].every((counted) => counted.failed === 0)) noteUnsteady('peers', part, first);
  parts.delete(part);
  for (const [name, counted] of again) parts.set(name, counted);
}
noteFailed('peers', parts);
close(parts);

/** Returns what each part counted. If the run ends before it writes its report, that counts as one failure of all. */
function runPeers(names) {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-peers-'));
  const report = join(folder, 'report.json');
  spawnSync(process.execPath, [PROGRAM, ...names], {
    stdio: 'inherit',
    env: { ...process.env, PEERS_REPORT: report },
  });
  const counted = existsSync(report) ? Object.entries(JSON.parse(readFileSync(report, 'utf8'))) : [['all', NOTHING]];
  rmSync(folder, { recursive: true, force: true });
  return new Map(counted.map(([name, part]) => [name, { skipped: 0, ...part }]));
}
