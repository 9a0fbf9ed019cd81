import { AggregatorRegistry, collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from '../../ports/telemetry.js';

/** A request that was answered. */
export interface ObservedRequest {
  method: string;
  /** The pattern of the route; null for an address without a route. */
  route: string | null;
  status: number;
  milliseconds: number;
}

/** The metrics for Prometheus. Labels are words of the program: never an id, a name or anything that a caller chose. */
export interface Prometheus extends Metrics {
  request(observed: ObservedRequest): void;
  tokenRejected(reason: string): void;
  event(sink: string, outcome: string): void;
  render(): Promise<string>;
}

/** The statsd names of the timers that Prometheus gets too. */
const OPERATIONS: ReadonlySet<string> = new Set([
  'decrypt_token',
  'kms_decrypt_token',
  'list_credentials',
  'get_credential_by_id',
  'create_credential',
  'update_credential',
  'list_services',
  'get_service_by_id',
  'get_service_by_id.acl_check_get_service',
  'get_service_by_id.db_get_service',
  'get_service_by_id.db_get_credentials',
  'get_service_by_id.db_get_blind_credentials',
  'get_service_by_id.acl_check_update_service',
  'get_service_by_id.build_response',
  'service_batch_get_credentials',
  'service_batch_get_blind_credentials',
  'issue_certificate',
  'issue_certificate_with_key',
  'get_certificate_from_arn',
  'get_cached_certificate_with_key',
  'jwt.get_jwt.encode',
]);

/** Counters by their statsd names, and their labels: names of keys and callers inside are left out. */
const COUNTED: readonly [RegExp, string][] = [
  [/^archive\.(save|delete)\.(success|failure)$/, 'archive_$1_$2'],
  [/^restore\.save\.(success|failure)$/, 'restore_$1'],
  [/^get_cached_certificate_with_key\.(hit|miss)$/, 'certificate_cache_$1'],
  [/^jwt\.get_jwt\.cache\..+\.(hit|miss)$/, 'jwt_cache_$1'],
  [/^jwt\.get_jwt\..+\.create$/, 'jwt_create'],
  [/^jwt\.get_active_key\..+$/, 'jwt_active_key'],
  [/^jwt\.get_jwks\..+\.(hit|miss)$/, 'jwks_$1'],
];

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const METHODS = new Set(['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH']);
/** Maximum number of names whose label is cached. */
const MAX_NAMES = 10_000;

/**
 * Opens the metrics for Prometheus, in a registry of their own. `depth` is called when the metrics are read. With
 * `inWorker` the process also answers the supervisor, which adds up the counts of its workers.
 */
export function openPrometheus({ depth, inWorker }: { depth: () => number; inWorker: boolean }): Prometheus {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'confidant_http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer, by route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers,
  });
  const operations = new Histogram({
    name: 'confidant_operation_duration_seconds',
    help: 'Time of the parts that statsd knows by the same name.',
    labelNames: ['operation'],
    buckets: SECONDS,
    registers,
  });
  const tokens = new Counter({
    name: 'confidant_token_checks_total',
    help: 'KMS tokens checked, by version.',
    labelNames: ['version'],
    registers,
  });
  const rejected = new Counter({
    name: 'confidant_token_rejections_total',
    help: 'KMS tokens refused, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const dataKeys = new Counter({
    name: 'confidant_data_key_kms_calls_total',
    help: 'Calls of KMS for data keys: one for a key decrypted, two for a key made.',
    registers,
  });
  const counted = new Counter({
    name: 'confidant_operations_total',
    help: 'Things counted: archiving, caches, tokens made.',
    labelNames: ['operation'],
    registers,
  });
  const events = new Counter({
    name: 'confidant_events_total',
    help: 'Change events, by receiver and how they ended: delivered, failed or dropped.',
    labelNames: ['receiver', 'outcome'],
    registers,
  });
  new Gauge({
    name: 'confidant_event_queue_depth',
    help: 'Change events that wait to be delivered.',
    registers,
    collect() {
      this.set(depth());
    },
  });
  if (inWorker) {
    AggregatorRegistry.setRegistries([registry]);
    // Its constructor starts to listen for the supervisor's question.
    new AggregatorRegistry();
  }

  const labels = new Map<string, string | undefined>();
  const labelOf = (name: string): string | undefined => {
    if (labels.has(name)) return labels.get(name);
    const rule = COUNTED.find(([pattern]) => pattern.test(name));
    const label = rule && name.replace(rule[0], rule[1]);
    if (labels.size < MAX_NAMES) labels.set(name, label);
    return label;
  };

  return {
    count: (name, by = 1) => {
      if (name === 'at_rest_action') dataKeys.inc(by);
      else if (name === 'token_version_1' || name === 'token_version_2') tokens.inc({ version: name.slice(-1) }, by);
      else {
        const operation = labelOf(name);
        if (operation !== undefined) counted.inc({ operation }, by);
      }
    },
    timing: (operation, milliseconds) => {
      if (OPERATIONS.has(operation)) operations.observe({ operation }, milliseconds / 1000);
    },
    request: ({ method, route, status, milliseconds }) =>
      requests.observe(
        { method: METHODS.has(method) ? method : 'other', route: route ?? 'none', status: String(status) },
        milliseconds / 1000,
      ),
    tokenRejected: (reason) => rejected.inc({ reason }),
    event: (receiver, outcome) => events.inc({ receiver, outcome }),
    render: () => registry.metrics(),
  };
}

/** For the supervisor: the counts of all workers, added up. The counts of a replaced worker are lost. */
export function clusterMetrics(): () => Promise<string> {
  const registry = new AggregatorRegistry();
  return () => registry.clusterMetrics();
}
