import type { Logger } from 'pino';
import { openEvents } from '../adapters/telemetry/events.js';
import { fanOut } from '../adapters/telemetry/fan-out.js';
import { clusterMetrics, openPrometheus, type Prometheus } from '../adapters/telemetry/prometheus.js';
import { type MetricsServer, startMetricsServer } from '../adapters/telemetry/metrics-server.js';
import { openStatsd } from '../adapters/telemetry/statsd.js';
import type { Settings } from '../config/server-settings.js';
import type { Events, Metrics } from '../ports/telemetry.js';
import { isWorker } from './workers.js';

/** Time for the delivery of events that still wait when the server stops. */
const DRAIN_MS = 5000;

/** Metrics and events of this process. */
export interface Telemetry {
  metrics: Metrics;
  events: Events;
  /** Undefined without METRICS_PORT. */
  prometheus: Prometheus | undefined;
  /** Delivers waiting events. Call it after the last request. */
  close(): Promise<void>;
}

/** Opens metrics and events as the settings say. */
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
    prometheus = openPrometheus({ depth: () => events.depth(), inWorker: isWorker() });
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
 * Serves metrics on METRICS_PORT: those of this process, or without `prometheus` the sum of the workers'. Resolves with
 * undefined where METRICS_PORT is not set.
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
