import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A part cannot run here, for example without a registry, Python or Java. This is neither a pass nor a failure. */
export class NotAvailable extends Error {}

const CHECK_TIMEOUT_MS = 10 * 60_000;
const results = { passed: 0, failed: 0, notRun: [] };
/** What each part counted, and its first failure. */
const parts = new Map();
let current;

/** Checks one promise: it holds, fails, or cannot be tried here. It never throws, so that later checks still run. */
export async function check(promise, body, timeoutMs = CHECK_TIMEOUT_MS) {
  const abort = new AbortController();
  try {
    const value = await Promise.race([
      body(),
      sleep(timeoutMs, undefined, { signal: abort.signal }).then(() => {
        throw new Error(`no end within ${timeoutMs / 1000} s`);
      }),
    ]);
    pass(1);
    console.log(`  ok    ${promise}`);
    return value;
  } catch (error) {
    if (error instanceof NotAvailable) {
      notRun(promise, error.message);
    } else {
      fail(1, `${promise}: ${reason(error)}`);
      console.log(`  FAIL  ${promise}\n${indented(reason(error))}`);
    }
    return undefined;
  } finally {
    abort.abort();
  }
}

/** Adds the counts of another test runner. */
export function add({ passed, failed }) {
  pass(passed);
  if (failed > 0) fail(failed, `${failed} tests of another runner`);
}

/** Runs a part. If it ends early, that is one failure. If it cannot run here, the closing lines say so. */
export async function part(name, title, body) {
  console.log(`\n== ${title}`);
  current = { passed: 0, failed: 0, first: undefined };
  parts.set(name, current);
  try {
    await body();
  } catch (error) {
    if (error instanceof NotAvailable) {
      notRun(title, error.message);
    } else {
      const stack = error instanceof Error ? (error.stack ?? '') : String(error);
      fail(1, `the part ended early: ${stack}`);
      console.log(`  FAIL  the part ended early\n${indented(stack)}`);
    }
  }
}

export function notRun(name, reason) {
  results.notRun.push({ name, reason });
  console.log(`  NOT RUN: ${reason}`);
}

/**
 * Prints the closing lines and returns the exit code; a run that proves nothing has failed. Writes what each part counted
 * to the file that PEERS_REPORT names, if it is set.
 */
export function close() {
  const report = process.env.PEERS_REPORT;
  if (report) writeFileSync(report, JSON.stringify(Object.fromEntries(parts)));
  console.log('');
  for (const { name, reason } of results.notRun) console.log(`NOT RUN, and therefore not proven: ${name}: ${reason}`);
  console.log(`${results.passed} passed, ${results.failed} failed`);
  return results.failed === 0 && results.passed > 0 ? 0 : 1;
}

function pass(count) {
  results.passed += count;
  if (current) current.passed += count;
}

function fail(count, first) {
  results.failed += count;
  if (!current) return;
  current.failed += count;
  current.first ??= first;
}

/** The message of an error with those of its causes: Node's fetch gives the reason only there. */
function reason(error) {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reason(error.cause)}`;
}

function indented(text) {
  const lines = text.split('\n');
  const shown = lines.length > 60 ? [...lines.slice(0, 60), `... ${lines.length - 60} more lines`] : lines;
  return shown.map((line) => `        ${line}`).join('\n');
}
