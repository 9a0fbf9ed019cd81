import cluster from 'node:cluster';
import type { Logger } from 'pino';
import { openEvents } from '../adapters/telemetry/events.js';
import { fanOut } from '../adapters/telemetry/metrics.js';
import { clusterMetrics, openPrometheus, type Prometheus } from '../adapters/telemetry/prometheus.js';
import { type MetricsServer, startMetricsServer } from '../adapters/telemetry/metrics-server.js';
import { openStatsd } from '../adapters/telemetry/statsd.js';
import type { Settings } from '../config/settings.js';
import type { Events, Metrics } from '../ports/telemetry.js';

/** Events that wait when the server stops are delivered within this time. */
const DRAIN_MS = 5000;

/** What tells the world of this process: part of the composition root. */
export interface Telemetry {
  metrics: Metrics;
  events: Events;
  /** Undefined: METRICS_PORT is not set. */
  prometheus: Prometheus | undefined;
  /** After the last request: delivers what waits. */
  close(): Promise<void>;
}

export function openTelemetry(settings: Settings, logger: Logger): Telemetry {
  let prometheus: Prometheus | undefined;
  const events = openEvents(
    {
      ...(settings.GRAPHITE_EVENT_URL !== '' && {
        graphite: {
          url: settings.GRAPHITE_EVENT_URL,
          username: settings.GRAPHITE_USERNAME,
          password: settings.GRAPHITE_PASSWORD,
        },
      }),
      webhooks: {
        urls: settings.WEBHOOK_URL,
        username: settings.WEBHOOK_USERNAME,
        password: settings.WEBHOOK_PASSWORD,
        signingKey: settings.WEBHOOK_SIGNING_KEY,
      },
    },
    { log: logger, onOutcome: (kind, outcome) => prometheus?.event(kind, outcome) },
  );
  if (settings.METRICS_PORT !== null) {
    prometheus = openPrometheus({ depth: () => events.depth(), inWorker: cluster.isWorker });
  }
  const statsd =
    settings.STATSD_PORT === 0 || settings.STATSD_HOST === ''
      ? undefined
      : openStatsd({
          host: settings.STATSD_HOST,
          port: settings.STATSD_PORT,
          onProblem: (problem) => logger.warn({ problem }, 'metrics are not sent'),
        });
  return {
    metrics: fanOut([statsd, prometheus].filter((sink) => sink !== undefined)),
    events,
    prometheus,
    close: async () => {
      await events.close(DRAIN_MS);
      await statsd?.close();
    },
  };
}

/**
 * Serves METRICS_PORT, or nothing when it is not set: what this process counted, or without `prometheus` what the
 * workers did.
 */
export async function serveMetrics(
  settings: Settings,
  logger: Logger,
  prometheus?: Prometheus,
): Promise<MetricsServer | undefined> {
  if (settings.METRICS_PORT === null) return undefined;
  const server = await startMetricsServer({
    host: settings.METRICS_HOST,
    port: settings.METRICS_PORT,
    render: prometheus ? () => prometheus.render() : clusterMetrics(),
    onFault: (error) => logger.warn({ error }, 'metrics could not be collected'),
  });
  logger.info({ url: server.url }, 'metrics');
  return server;
}
