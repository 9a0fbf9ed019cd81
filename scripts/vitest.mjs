import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** Stands for the file of a failure that vitest attributes to no file: an unhandled error or a crash. */
export const NO_FILE = '(no file)';

/**
 * Runs vitest over the repository and shows its output. Returns what it counted by file, paths from the root: `passed`,
 * `failed` and `skipped` tests, and the message of the `first` failure.
 *
 * @param {readonly string[]} args vitest's own arguments
 * @returns {Map<string, { passed: number, failed: number, skipped: number, first: string | undefined }>}
 */
export function runVitest(args) {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-tests-'));
  const report = join(folder, 'report.json');
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const run = spawnSync(
    process.execPath,
    [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
    { cwd: ROOT, stdio: 'inherit', env: { ...process.env, NO_COLOR: '1' } },
  );
  const files = new Map();
  if (existsSync(report)) {
    for (const file of JSON.parse(readFileSync(report, 'utf8')).testResults) {
      files.set(relative(ROOT, file.name), countFile(file));
    }
  }
  rmSync(folder, { recursive: true, force: true });
  if (run.status !== 0 && sum(files).failed === 0) {
    const end = run.status === null ? `was ended by ${run.signal}` : `ended with ${run.status}`;
    files.set(NO_FILE, { passed: 0, failed: 1, skipped: 0, first: `vitest ${end}; its output says why` });
  }
  return files;
}

/** Adds up what {@link runVitest} counted. */
export function sum(files) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of files.values()) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  return total;
}

/** Prints `N passed, N failed`, adds the number of skipped tests if there are any, and sets the exit code. */
export function close(files) {
  const { passed, failed, skipped } = sum(files);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

function countFile({ status, message, assertionResults }) {
  const by = (wanted) => assertionResults.filter((test) => test.status === wanted);
  const failing = by('failed');
  const passed = by('passed').length;
  // If a file cannot be loaded or its hooks fail, it has no failed tests but counts as one failure.
  const failed = status === 'failed' ? Math.max(failing.length, 1) : 0;
  const test = failing[0];
  const first = test === undefined ? message : `${test.fullName}: ${test.failureMessages[0] ?? ''}`;
  return {
    passed,
    failed,
    skipped: assertionResults.length - passed - failing.length,
    first: failed > 0 ? first : undefined,
  };
}
