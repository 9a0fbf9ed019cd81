import type { ServiceBody } from '@confidant/contract';
import { valueText, type Variable } from '../../text/variables.js';
import { ENDING, forwardSignals, type Child, type ChildEnd } from './child.js';
import { describeError } from '../failures/describe-error.js';
import type { Log } from '../terminal/log.js';

/** How long a command may take to stop before it is killed, for a restart. */
const STOP_TIMEOUT_MS = 30_000;

export interface WatchOptions {
  intervalMs: number;
  /** Sent to the command after a change; if undefined, the command is stopped (SIGTERM) and started again. */
  signal?: NodeJS.Signals;
  /**
   * Describes what changed since the command was started; undefined if nothing that it gets changed. If this rejects,
   * the error is logged, the command keeps running, and the next check follows later.
   */
  lookForChange(): Promise<string | undefined>;
  log: Log;
}

/** The revisions of a service's credentials as one text; while it stays the same, so do the values. */
export function fingerprintOf(service: ServiceBody): string {
  const revisions = [...service.credentials, ...service.blind_credentials].map(
    ({ id, revision }) => `${id}:${revision}`,
  );
  return revisions.sort().join(' ');
}

/**
 * The credentials whose variables differ between `before` and `now`, each once: those with a new or changed variable,
 * and those whose variable is gone. If two credentials set the same name, the last one counts.
 */
export function changedSources(before: readonly Variable[], now: readonly Variable[]): Variable['source'][] {
  const [had, has] = [before, now].map((variables) => new Map(variables.map((each) => [each.name, each])));
  const changed = [
    ...[...has!.values()].filter(({ name, value }) => {
      const old = had!.get(name);
      return old === undefined || valueText(old.value) !== valueText(value);
    }),
    ...[...had!.values()].filter(({ name }) => !has!.has(name)),
  ];
  return [...new Map(changed.map(({ source }) => [source.id, source])).values()];
}

/**
 * Runs a command to its end and passes our signals on to it; with `watch`, restarts or signals it after changes.
 * Resolves to how the command ended. Rejects with NotRunnable if it cannot be started.
 */
export async function runUntilDone(start: () => Child, watch?: WatchOptions): Promise<ChildEnd> {
  let child: Child | undefined;
  let isEnding = false;
  let isTerminated = false;
  // Forward before the start: otherwise an early signal would end this process and leave the command running alone.
  const stopForwarding = forwardSignals(
    () => child,
    (signal) => {
      isEnding ||= ENDING.includes(signal);
      isTerminated ||= signal === 'SIGTERM';
    },
  );
  try {
    child = start();
    await child.started;
    if (watch === undefined) return await child.ended;
    for (;;) {
      const happened = await Promise.race([child.ended, changed(watch, child.ended)]);
      if (typeof happened !== 'string') return happened;
      // After a SIGTERM the command is never started again, however long it takes to end.
      if (isTerminated) return await child.ended;
      if (watch.signal !== undefined) {
        watch.log.info(`${happened}: sending ${watch.signal}`);
        child.kill(watch.signal);
        continue;
      }
      watch.log.info(`${happened}: restarting the command`);
      // Earlier signals, such as SIGHUP, were for the command, which kept running.
      isEnding = false;
      const stopped = await stop(child);
      if (isEnding) return stopped;
      child = undefined;
      child = start();
      await child.started;
    }
  } finally {
    stopForwarding();
  }
}

/** Resolves to a description of the next change, or to the command's end if that comes first. */
async function changed(watch: WatchOptions, ended: Promise<ChildEnd>): Promise<ChildEnd | string> {
  for (;;) {
    const end = await Promise.race([ended, after(watch.intervalMs)]);
    if (end !== undefined) return end;
    try {
      const change = await watch.lookForChange();
      if (change !== undefined) return change;
    } catch (error) {
      watch.log.warning(`could not check for changes, the command keeps running: ${describeError(error)}`);
    }
  }
}

async function stop(child: Child): Promise<ChildEnd> {
  child.kill('SIGTERM');
  const end = await Promise.race([child.ended, after(STOP_TIMEOUT_MS)]);
  if (end !== undefined) return end;
  child.kill('SIGKILL');
  return child.ended;
}

function after(delayMs: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, delayMs, undefined).unref());
}
