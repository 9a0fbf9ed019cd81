import { afterEach, describe, expect, test } from 'vitest';
import { type MetricsServer, startMetricsServer } from '../../../src/adapters/telemetry/metrics-server.js';
import { openPrometheus, type Prometheus } from '../../../src/adapters/telemetry/prometheus.js';
import { dataDirectory, run } from '../../harness/program.js';

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function prometheus(depth = 0): Prometheus {
  return openPrometheus({ depth: () => depth, inWorker: false });
}

async function serving(render: () => Promise<string>): Promise<MetricsServer> {
  const server = await startMetricsServer({ host: '127.0.0.1', port: 0, render, onFault: () => undefined });
  closing.push(() => server.close());
  return server;
}

describe('metrics', () => {
  test('requests by route and status, operations, tokens, data keys, events, the queue and the process are counted', async () => {
    const metrics = prometheus(7);
    metrics.request({ method: 'GET', route: '/v1/services/:id', status: 200, milliseconds: 12 });
    metrics.request({ method: 'GET', route: null, status: 404, milliseconds: 1 });
    metrics.timing('get_service_by_id.db_get_service', 3);
    metrics.count('at_rest_action', 2);
    metrics.count('token_version_2');
    metrics.tokenRejected('expired');
    metrics.event('webhook', 'dropped');
    metrics.count('archive.save.success');
    const text = await metrics.render();
    for (const line of [
      'confidant_http_request_duration_seconds_count{method="GET",route="/v1/services/:id",status="200"} 1',
      'confidant_http_request_duration_seconds_bucket{le="0.01",method="GET",route="/v1/services/:id",status="200"} 0',
      'confidant_http_request_duration_seconds_bucket{le="0.025",method="GET",route="/v1/services/:id",status="200"} 1',
      'confidant_http_request_duration_seconds_count{method="GET",route="none",status="404"} 1',
      'confidant_operation_duration_seconds_count{operation="get_service_by_id.db_get_service"} 1',
      'confidant_data_key_kms_calls_total 2',
      'confidant_token_checks_total{version="2"} 1',
      'confidant_token_rejections_total{reason="expired"} 1',
      'confidant_events_total{receiver="webhook",outcome="dropped"} 1',
      'confidant_operations_total{operation="archive_save_success"} 1',
      'confidant_event_queue_depth 7',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toContain('process_resident_memory_bytes');
  });

  test('a name that a caller chose never becomes a label', async () => {
    const metrics = prometheus();
    metrics.count('jwt.get_jwt.kid-77.alice_example_com.create');
    metrics.count('jwt.get_jwt.cache.kid-77.alice_example_com.hit');
    metrics.count('jwt.get_jwks.anonymous-choice.miss');
    metrics.count('jwt.get_active_key.staging.kid-77');
    metrics.count('something.else.alice');
    metrics.timing('something.else.alice', 1);
    metrics.request({ method: 'ALICE', route: null, status: 404, milliseconds: 1 });
    const text = await metrics.render();
    expect(text).not.toMatch(/alice|kid-77|anonymous-choice|staging/i);
    for (const label of ['jwt_create', 'jwt_cache_hit', 'jwks_miss', 'jwt_active_key']) {
      expect(text).toContain(`confidant_operations_total{operation="${label}"} 1`);
    }
  });
});

describe('the metrics endpoint', () => {
  test('the endpoint answers only GET /metrics', async () => {
    const { url } = await serving(() => prometheus().render());
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toContain('# TYPE confidant_event_queue_depth gauge');
    expect((await fetch(url.replace('/metrics', '/'))).status).toBe(404);
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405);
  });

  test('the endpoint answers 503 if the metrics cannot be collected', async () => {
    const { url } = await serving(() => Promise.reject(new Error('no')));
    expect((await fetch(url)).status).toBe(503);
  });
});

describe('a server with METRICS_PORT', () => {
  test('a server with METRICS_PORT stops as soon as its workers are done', async () => {
    const { stop } = await started({ WEB_CONCURRENCY: '2' });
    expect(await stop()).not.toContain('did not stop in time');
  });

  test.each([1, 2])('METRICS_PORT shows the requests of %d processes together', async (workers) => {
    const { api, metrics } = await started({ WEB_CONCURRENCY: String(workers) });
    // Connections are handed to the workers in turn.
    for (let i = 0; i < 6; i++) {
      await fetch(`${api}/v1/credentials`, { headers: { connection: 'close', authorization: 'Basic YTpi' } });
    }
    const shown = async (): Promise<string> => (await fetch(metrics)).text();
    // A response is counted after it was sent, so its receiver may be faster.
    await expect
      .poll(shown)
      .toContain('confidant_http_request_duration_seconds_count{method="GET",route="/v1/credentials",status="403"} 6');
    expect(await shown()).toContain('confidant_token_checks_total{version="1"} 6');
    expect((await fetch(`${api}/metrics`)).status).toBe(404);
  });
});

/** Starts the server as a program; `stop` resolves with its output. */
async function started(
  environment: Record<string, string>,
): Promise<{ api: string; metrics: string; stop: () => Promise<string> }> {
  const directory = dataDirectory();
  closing.push(directory.remove);
  const program = await run({ CONFIDANT_DATA_DIR: directory.path, METRICS_PORT: '0', ...environment });
  const stop = async (): Promise<string> => {
    await program.stop();
    return program.stdout() + program.stderr();
  };
  closing.push(stop);
  const urlOfMetrics = (): string => /"url":"([^"]+)"[^\n]*"msg":"metrics"/.exec(program.stdout())?.[1] ?? '';
  await expect.poll(urlOfMetrics).not.toBe('');
  return { api: program.url, metrics: urlOfMetrics(), stop };
}
