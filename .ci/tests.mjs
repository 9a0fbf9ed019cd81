// Runs the tests for CI. A file with a failure is run once more, alone. If it passes then, it counts as passed and is listed
// as unsteady. Ends with `N passed, N failed`. Arguments go to vitest.
import { close, NO_FILE, runVitest } from '../scripts/vitest.mjs';
import { noteFailed, noteUnsteady } from './unsteady.mjs';

/** If more files fail than this, it is not chance, and running them again would only take time. */
const MOST_REPEATED = 6;

const WHERE = `Node ${process.version}`;
const args = process.argv.slice(2);
const files = runVitest(args);
const failing = [...files].filter(([, { failed }]) => failed > 0);
if (failing.length > MOST_REPEATED) console.log(`${failing.length} files failed: none is run again`);
else for (const [file, { first }] of failing) repeat(file, first);
noteFailed(WHERE, files);
close(files);

function repeat(file, first) {
  // A failure that belongs to no file can only be repeated by running all files.
  const belongs = file !== NO_FILE;
  console.log(`\n== once more, ${belongs ? `alone: ${file}` : 'all files'}`);
  const again = runVitest(belongs ? [...args, file] : args);
  const isSteady = [...again.values()].some(({ failed }) => failed > 0) || again.size === 0;
  if (!isSteady) noteUnsteady(WHERE, file, first);
  files.delete(file);
  if (again.size === 0) again.set(file, { passed: 0, failed: 1, skipped: 0, first });
  for (const [name, counted] of again) files.set(name, counted);
}
