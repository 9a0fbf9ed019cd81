// The list of what failed once and then passed alone: one JSON object per line in the file that UNSTEADY names.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** More entries than this fail the run. */
const MOST = 3;
const SHOWN_LINES = 6;

export function noteUnsteady(where, file, first) {
  appendFileSync(process.env.UNSTEADY, `${JSON.stringify({ where, file, first: (first ?? '').slice(0, 4000) })}\n`);
}

/** Prints the list. Sets exit code 1 if it is too long to be chance. */
function report() {
  const path = process.env.UNSTEADY;
  const entries = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
  console.log(`unsteady: ${entries.length === 0 ? 'none' : `${entries.length} failed once and passed alone`}`);
  for (const { where, file, first } of entries.map((line) => JSON.parse(line))) {
    const lines = first.trim().split('\n').slice(0, SHOWN_LINES);
    console.log([`  ${where}: ${file}`, ...lines.map((line) => `    ${line}`)].join('\n'));
  }
  if (entries.length > MOST) {
    console.log(`More than ${MOST} unsteady files is not chance: this run has failed.`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) report();
