// Property tests try the same examples in every run, so that a run says something about the change and not about luck.
// CONFIDANT_TEST_SEED=random looks for others, and a number repeats what one of those runs has told.
import { configureGlobal } from 'fast-check';

const seed = process.env['CONFIDANT_TEST_SEED'] ?? '20261122';
if (seed !== 'random' && !/^-?\d+$/.test(seed)) throw new Error('CONFIDANT_TEST_SEED must be a number or random');
if (seed !== 'random') configureGlobal({ seed: Number(seed) });
