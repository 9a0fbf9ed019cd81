// The list of test files that failed: once, and then passed alone, or for good. One JSON object per line in the file that
// UNSTEADY names. Printed at the end of a run, where it is found even if the middle of the log is cut.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** More unsteady entries than this fail the run. */
const MOST = 3;
const SHOWN_LINES = 6;

/** Notes a file that failed once and then passed alone. `first` is the message of its first failure. */
export function noteUnsteady(where, file, first) {
  note({ where, file, first, passedAlone: true });
}

/** Notes every file in what `runVitest` counted that still has failures. */
export function noteFailed(where, files) {
  for (const [file, { failed, first }] of files) if (failed > 0) note({ where, file, first, passedAlone: false });
}

function note({ first, ...entry }) {
  appendFileSync(process.env.UNSTEADY, `${JSON.stringify({ ...entry, first: (first ?? '').slice(0, 4000) })}\n`);
}

/** Prints the list. Sets exit code 1 if there are too many unsteady files to be chance. */
function report() {
  const path = process.env.UNSTEADY;
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
  const entries = lines.map((line) => JSON.parse(line));
  const unsteady = entries.filter(({ passedAlone }) => passedAlone);
  const failed = entries.filter(({ passedAlone }) => !passedAlone);
  print('unsteady', unsteady, 'failed once and passed alone');
  print('failing', failed, 'failed');
  if (unsteady.length > MOST) {
    console.log(`More than ${MOST} unsteady files is not chance: this run has failed.`);
    process.exitCode = 1;
  }
}

function print(title, entries, what) {
  console.log(`${title}: ${entries.length === 0 ? 'none' : `${entries.length} ${what}`}`);
  for (const { where, file, first } of entries) {
    const lines = first.trim().split('\n').slice(0, SHOWN_LINES);
    console.log([`  ${where}: ${file}`, ...lines.map((line) => `    ${line}`)].join('\n'));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) report();
