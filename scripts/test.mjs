// Runs the tests and ends with the line `N passed, N failed`. Arguments go to vitest.
import { close, runVitest } from './vitest.mjs';

close(runVitest(process.argv.slice(2)));
