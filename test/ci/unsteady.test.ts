import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PASSES = "test('passes', () => expect(1).toBe(1));";
/** Fails until its second run. */
const STUMBLES = `test('stumbles', () => {
  const isSecond = existsSync(import.meta.filename + '.run');
  writeFileSync(import.meta.filename + '.run', '');
  expect(isSecond, 'the first run').toBe(true);
});`;
const FAILS = "test('fails', () => expect(1).toBe(2));";
const BREAKS = "throw new Error('cannot be loaded');";

// Inside the repository, so that the files find vitest.
mkdirSync(join(ROOT, 'node_modules/.cache'), { recursive: true });
const folder = mkdtempSync(join(ROOT, 'node_modules/.cache/unsteady-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs CI's test command with these files; returns its last line and exit code, and the report of the run. */
function runInCi(
  name: string,
  files: Record<string, string>,
): { line: string; status: number | null; report: string; red: boolean } {
  const place = join(folder, name);
  mkdirSync(place);
  const header =
    "import { existsSync, writeFileSync } from 'node:fs';\nimport { expect, test } from 'vitest';\nvoid [existsSync, writeFileSync, expect, test];\n";
  for (const [file, body] of Object.entries(files)) writeFileSync(join(place, `${file}.test.ts`), header + body);
  const config = join(place, 'vitest.config.mjs');
  writeFileSync(config, "export default { test: { include: ['**/*.test.ts'], exclude: [] } };");
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('VITEST'))),
    UNSTEADY: join(place, 'unsteady'),
  };
  const run = spawnSync(process.execPath, ['.ci/tests.mjs', '--config', config, '--root', place], { cwd: ROOT, env });
  const report = spawnSync(process.execPath, ['.ci/unsteady.mjs'], { cwd: ROOT, env });
  const line = run.stdout.toString().trimEnd().split('\n').at(-1)!;
  return { line, status: run.status, report: report.stdout.toString(), red: report.status !== 0 };
}

test('a file that fails once and passes alone counts as passed and is listed with its first failure', () => {
  const { line, status, report, red } = runInCi('once', { steady: PASSES, stumbling: `${PASSES}\n${STUMBLES}` });
  expect([line, status, red]).toEqual(['3 passed, 0 failed', 0, false]);
  expect(report).toMatch(/^unsteady: 1 failed once/);
  expect(report).toMatch(/stumbling\.test\.ts\n +stumbles: AssertionError: the first run/);
});

test('a file that fails twice, or cannot be loaded, makes the run red and is named at its end', () => {
  const { line, status, report } = runInCi('twice', { steady: PASSES, failing: `${PASSES}\n${FAILS}`, broken: BREAKS });
  expect([line, status]).toEqual(['2 passed, 2 failed', 1]);
  expect(report).toMatch(/^unsteady: none\nfailing: 2 failed\n/);
  expect(report).toMatch(/failing\.test\.ts\n +fails: AssertionError: expected 1 to be 2/);
  expect(report).toMatch(/broken\.test\.ts\n +Error: cannot be loaded|broken\.test\.ts\n +cannot be loaded/);
});

test('more than three unsteady files make the run red, although each passed alone', () => {
  const names = ['a', 'b', 'c', 'd'];
  const { line, status, report, red } = runInCi('many', Object.fromEntries(names.map((name) => [name, STUMBLES])));
  expect([line, status, red]).toEqual(['4 passed, 0 failed', 0, true]);
  expect(report).toMatch(/^unsteady: 4 failed once/);
});
