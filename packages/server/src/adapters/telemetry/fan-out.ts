import type { Metrics } from '../../ports/telemetry.js';

/** Metrics that go to every sink; sinks never throw. */
export function fanOut(sinks: readonly Metrics[]): Metrics {
  if (sinks.length === 1) return sinks[0]!;
  return {
    isOff: sinks.length === 0,
    count: (name, by) => {
      for (const sink of sinks) sink.count(name, by);
    },
    timing: (name, milliseconds) => {
      for (const sink of sinks) sink.timing(name, milliseconds);
    },
  };
}
