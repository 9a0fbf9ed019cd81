import { createSocket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../harness/server.js';
import { type Receiver, startReceiver } from '../adapters/telemetry/receiver.js';

let webhook: Receiver;
let graphite: Receiver;
let server: TestServer;
const statsd = createSocket('udp4');
const lines: string[] = [];

beforeAll(async () => {
  webhook = await startReceiver();
  graphite = await startReceiver();
  statsd.on('message', (message) => lines.push(...message.toString('utf8').split('\n')));
  await new Promise<void>((done) => statsd.bind(0, '127.0.0.1', done));
  server = await startServer({
    WEBHOOK_URL: `${webhook.url}/hook`,
    WEBHOOK_SIGNING_KEY: 'k',
    GRAPHITE_EVENT_URL: `${graphite.url}/events/`,
    GRAPHITE_USERNAME: 'gu',
    GRAPHITE_PASSWORD: 'gp',
    STATSD_HOST: '127.0.0.1',
    STATSD_PORT: String(statsd.address().port),
    METRICS_PORT: '0',
  });
});
afterAll(async () => {
  await server.stop();
  await webhook.close();
  await graphite.close();
  statsd.close();
});

const parsed = (body: string): unknown => JSON.parse(body);

async function create(name: string): Promise<string> {
  const answer = await server.call('user:alice', 'POST', '/v1/credentials', { name, credential_pairs: { key: name } });
  expect(answer.status).toBe(200);
  return answer.json.id as string;
}

describe('changes over HTTP', () => {
  test('are published as events, but not the creation of an unmapped credential, a read or a refused write', async () => {
    const id = await create('E');
    await server.call('user:alice', 'GET', `/v1/credentials/${id}`);
    expect((await server.call('user:alice', 'PUT', '/v1/services/ev', { credentials: [id] })).status).toBe(200);
    expect((await server.call('user:alice', 'PUT', '/v1/services/ev', { credentials: ['f'.repeat(32)] })).status).toBe(
      400,
    );
    await server.call('user:alice', 'PUT', `/v1/credentials/${id}`, { name: 'E2' });
    await server.call('user:alice', 'PUT', `/v1/credentials/${id}/1`);
    const of = (data: string): unknown => ({ what: 'confidant', tags: 'confidant,confidant-ev', data });
    // Events may overtake each other, and an event whose response was late is sent again.
    const delivered = () => new Set([...new Set(graphite.received.map(({ body }) => body))].map(parsed));
    await expect
      .poll(delivered)
      .toEqual(
        new Set([
          of(`Added credentials: ['${id}']; Removed credentials []; Revision 1`),
          of(`Updated credential "E2"(${id}); Revision 2`),
          of(`Updated credential "E" (${id}); Revision 3`),
        ]),
      );
    // Each of the three was delivered, even if it had to be sent more than once.
    await expect.poll(() => server.metrics()).toMatch(/^confidant_event_queue_depth 0$/m);
    for (const receiver of ['webhook', 'graphite']) {
      expect(await server.metrics()).toContain(
        `confidant_events_total{receiver="${receiver}",outcome="delivered"} 3\n`,
      );
    }
    const hooks = webhook.received;
    expect(new Set(hooks.map(({ body }) => (parsed(body) as { event_type: string }).event_type))).toEqual(
      new Set(['credential_update', 'service_update']),
    );
    expect(hooks.every(({ headers }) => headers['x-confidant-signature'] !== undefined)).toBe(true);
  });

  test('succeed while the receivers of events fail or do not respond', async () => {
    webhook.answers = ['hang'];
    graphite.answers = [400];
    const id = await create('F');
    const answer = await server.call('user:alice', 'PUT', '/v1/services/slow', { credentials: [id] });
    expect(answer.status).toBe(200);
    await expect.poll(() => server.log()).toContain('an event was not delivered');
    expect(server.log()).not.toContain('/hook');
    webhook.answers = [200];
    graphite.answers = [200];
  });
});

describe('statsd', () => {
  test('gets the timers of a service fetch under the names of the original', async () => {
    const id = await create('S');
    await server.call('user:alice', 'PUT', '/v1/services/timed', { credentials: [id] });
    lines.length = 0;
    expect((await server.call('service:timed', 'GET', '/v1/services/timed')).status).toBe(200);
    const names = (): Set<string> => new Set(lines.map((line) => line.replace(/:.*/, '')));
    const expected = [
      'decrypt_token',
      'kms_decrypt_token',
      'token_version_2',
      'get_service_by_id',
      'get_service_by_id.acl_check_get_service',
      'get_service_by_id.db_get_service',
      'get_service_by_id.db_get_credentials',
      'get_service_by_id.db_get_blind_credentials',
      'get_service_by_id.build_response',
      'service_batch_get_credentials',
    ].map((name) => `confidant.${name}`);
    await expect.poll(() => expected.filter((name) => !names().has(name))).toEqual([]);
    expect(lines.every((line) => /^confidant\.[\w.]+:(\d+\.\d{6}\|ms|\d+\|c)$/.test(line))).toBe(true);
  });

  test.each([
    ['GET', '/v1/credentials', undefined, 'list_credentials'],
    ['GET', '/v1/services', undefined, 'list_services'],
    ['POST', '/v1/credentials', { name: 'T', credential_pairs: { t: '1' } }, 'create_credential'],
  ])('%s %s is timed', async (method, path, body, name) => {
    lines.length = 0;
    await server.call('user:alice', method, path, body);
    await expect.poll(() => lines.join('\n')).toContain(`confidant.${name}:`);
  });
});
