// Property tests use the same examples in every run, so that a failure is caused by the change and not by chance.
// CONFIDANT_TEST_SEED=random chooses others, and a number repeats the run that reported it.
import { configureGlobal } from 'fast-check';

const seed = process.env['CONFIDANT_TEST_SEED'] ?? '20261122';
if (seed !== 'random' && !/^-?\d+$/.test(seed)) throw new Error('CONFIDANT_TEST_SEED must be a number or random');
if (seed !== 'random') configureGlobal({ seed: Number(seed) });
