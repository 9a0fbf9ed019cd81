import type { ServiceBody } from '@confidant/contract';
import { valueText, type Variable } from '../../text/variables.js';
import { ENDING, forwardSignals, type Child, type ChildEnd } from './child.js';
import { describeError } from '../failures/describe-error.js';
import type { Log } from '../terminal/log.js';

/** How long a command may take to end before it is killed and started anew. */
const STOP_TIMEOUT_MS = 30_000;

export interface WatchOptions {
  intervalMs: number;
  /** Sent to the command when something changed; without it the command is stopped (SIGTERM) and started again. */
  signal?: NodeJS.Signals;
  /**
   * Says in words what changed; undefined while the command has what it would be given now. A failure is logged, and
   * looked again later: the command goes on.
   */
  lookForChange(): Promise<string | undefined>;
  log: Log;
}

/** Which revisions of what a service is made of: while it stays the same, so do the values. */
export function fingerprintOf(service: ServiceBody): string {
  const revisions = [...service.credentials, ...service.blind_credentials].map(
    ({ id, revision }) => `${id}:${revision}`,
  );
  return revisions.sort().join(' ');
}

/**
 * The credentials by which a command would be given other variables than it has, each once: those whose value counts
 * now, or did for a variable that is gone. Of a name that is given twice the last value counts.
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
 * Runs a command to its end with our signals handed on to it; with `watch`, as often as something changes. Answers
 * how the command ended by itself. Rejects with NotRunnable when it can not be started.
 */
export async function runUntilDone(start: () => Child, watch?: WatchOptions): Promise<ChildEnd> {
  let child: Child | undefined;
  let isToEnd = false;
  let isTerminated = false;
  // From before the start: a signal that comes first would end us alone and leave the command without anybody.
  const stopForwarding = forwardSignals(
    () => child,
    (signal) => {
      isToEnd ||= ENDING.includes(signal);
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
      // It takes its time to end, or does not want to: in no case is it started again.
      if (isTerminated) return await child.ended;
      if (watch.signal !== undefined) {
        watch.log.info(`${happened}: sending ${watch.signal}`);
        child.kill(watch.signal);
        continue;
      }
      watch.log.info(`${happened}: restarting the command`);
      // What came before, as SIGHUP, was for the command, which went on.
      isToEnd = false;
      const stopped = await stop(child);
      if (isToEnd) return stopped;
      child = undefined;
      child = start();
      await child.started;
    }
  } finally {
    stopForwarding();
  }
}

/** Resolves with what changed once something did, and with the end when the command ends before that. */
async function changed(watch: WatchOptions, ended: Promise<ChildEnd>): Promise<ChildEnd | string> {
  for (;;) {
    const end = await Promise.race([ended, after(watch.intervalMs)]);
    if (end !== undefined) return end;
    try {
      const change = await watch.lookForChange();
      if (change !== undefined) return change;
    } catch (error) {
      watch.log.warning(`could not look for changes, the command goes on as it is: ${describeError(error)}`);
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
