import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  DeliveryQueue,
  type DeliveryOptions,
  type Destination,
  type Outcome,
} from '../../../src/adapters/telemetry/delivery-queue.js';
import { freePort } from '../../harness/free-port.js';
import { openEvents } from '../../../src/adapters/telemetry/events.js';
import { type Receiver, startReceiver } from './receiver.js';

let receiver: Receiver;
let logged: { details: Record<string, unknown>; message: string }[];
let outcomes: Outcome[];

beforeEach(async () => {
  receiver = await startReceiver();
  logged = [];
  outcomes = [];
});
afterEach(() => receiver.close());

/** A time limit that is never reached, because the queue ends as soon as it is empty. */
const PATIENCE_MS = 100_000;

function queueTo(url: string, options: Partial<DeliveryOptions> = {}, more: Partial<Destination> = {}): DeliveryQueue {
  return new DeliveryQueue(
    { kind: 'webhook', url: new URL(url), username: 'wu', password: 'wp', ...more },
    {
      log: { warn: (details, message) => void logged.push({ details, message }) },
      onOutcome: (_kind, outcome) => void outcomes.push(outcome),
      backoffMs: 1,
      timeoutMs: PATIENCE_MS,
      ...options,
    },
  );
}

describe('a delivery', () => {
  test('a delivery is a POST of JSON with Basic auth, as the original sends it', async () => {
    const queue = queueTo(`${receiver.url}/hook?x=1`);
    queue.push('{"é":1}');
    const [first] = await receiver.arrived(1);
    await queue.close(PATIENCE_MS);
    expect(first!.path).toBe('/hook?x=1');
    expect(first!.headers).toMatchObject({
      'content-type': 'application/json',
      accept: 'text/plain',
      authorization: 'Basic d3U6d3A=',
      'content-length': '8',
    });
    expect(first!.body).toBe('{"é":1}');
    expect(outcomes).toEqual(['delivered']);
    expect(logged).toEqual([]);
  });

  test('a delivery has Basic auth even without a name and a password', async () => {
    const queue = queueTo(receiver.url, {}, { username: '', password: '' });
    queue.push('{}');
    const [first] = await receiver.arrived(1);
    await queue.close(PATIENCE_MS);
    expect(first!.headers.authorization).toBe('Basic Og==');
  });

  test.each([200, 201, 202, 204])('%d is a success: one request, nothing logged', async (status) => {
    receiver.answers = [status];
    const queue = queueTo(receiver.url);
    queue.push('{}');
    await queue.close(PATIENCE_MS);
    expect(receiver.received).toHaveLength(1);
    expect(outcomes).toEqual(['delivered']);
    expect(logged).toEqual([]);
  });

  test.each([500, 503, 429, 408])('%d is retried until it succeeds', async (status) => {
    receiver.answers = [status, status, 200];
    const queue = queueTo(receiver.url);
    queue.push('{}');
    await receiver.arrived(3);
    await queue.close(PATIENCE_MS);
    expect(outcomes).toEqual(['delivered']);
  });

  test.each([400, 401, 403, 404, 410])('%d is final: one request, one line in the log', async (status) => {
    receiver.answers = [status];
    const queue = queueTo(receiver.url);
    queue.push('{}');
    await queue.close(PATIENCE_MS);
    expect(receiver.received).toHaveLength(1);
    expect(outcomes).toEqual(['failed']);
    expect(logged).toHaveLength(1);
    expect(logged[0]!.details).toMatchObject({ status, attempts: 1 });
  });

  test('a receiver that keeps failing is given up after four attempts', async () => {
    receiver.answers = [500];
    const queue = queueTo(receiver.url);
    queue.push('{}');
    await receiver.arrived(4);
    await queue.close(PATIENCE_MS);
    expect(receiver.received).toHaveLength(4);
    expect(outcomes).toEqual(['failed']);
  });

  test('a redirect is not followed, so that the password is not sent elsewhere', async () => {
    const elsewhere = await startReceiver();
    receiver.answers = [307];
    receiver.answerHeaders = { location: `${elsewhere.url}/stolen` };
    const queue = queueTo(receiver.url);
    queue.push('{}');
    await queue.close(PATIENCE_MS);
    expect(elsewhere.received).toEqual([]);
    expect(outcomes).toEqual(['failed']);
    await elsewhere.close();
  });

  test('a receiver that does not answer is a timeout, and is retried', async () => {
    receiver.answers = ['hang', 200];
    const queue = queueTo(receiver.url, { timeoutMs: 300 });
    queue.push('{}');
    await receiver.arrived(2);
    await queue.close(PATIENCE_MS);
    expect(outcomes).toEqual(['delivered']);
  });

  test('the log names the destination and the reason, never the path, the query or the password', async () => {
    const free = await freePort();
    const queue = queueTo(
      `http://user:hunter2@127.0.0.1:${free}/T0/secret-path?token=secret-query`,
      {},
      { password: 'secret-pass' },
    );
    queue.push('{"body":"x"}');
    await queue.close(PATIENCE_MS);
    expect(outcomes).toEqual(['failed']);
    expect(logged[0]!.details).toEqual({
      destination: 'webhook',
      origin: `http://127.0.0.1:${free}`,
      failure: 'ECONNREFUSED',
      attempts: 4,
    });
    expect(JSON.stringify(logged)).not.toMatch(/secret|hunter2/);
  });
});

describe('the queue', () => {
  test('the queue is bounded: events that do not fit are dropped, counted and logged', async () => {
    receiver.answers = ['hang'];
    const queue = queueTo(receiver.url, { capacity: 5 });
    for (let i = 0; i < 12; i++) queue.push(`{"n":${i}}`);
    expect(queue.depth).toBe(5);
    expect(outcomes.filter((outcome) => outcome === 'dropped')).toHaveLength(7);
    expect(logged[0]!.message).toBe('an event was dropped');
    await receiver.arrived(4);
    await queue.close(10);
    // All twelve events are accounted for, and none is still being sent.
    expect(outcomes).toHaveLength(12);
    expect(queue.depth).toBe(0);
    expect(logged.at(-1)!.details).toMatchObject({ dropped: 12 });
  });

  test('the queue is bounded in bytes too', async () => {
    receiver.answers = ['hang'];
    const queue = queueTo(receiver.url);
    const large = 'x'.repeat(3 * 1024 * 1024);
    for (let i = 0; i < 4; i++) queue.push(large);
    expect(outcomes).toEqual(['dropped', 'dropped']);
    await queue.close(1);
  });

  test('the queue delivers waiting events before it closes', async () => {
    const queue = queueTo(receiver.url);
    for (let i = 0; i < 50; i++) queue.push(`{"n":${i}}`);
    await queue.close(PATIENCE_MS);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(50);
    expect(outcomes.every((outcome) => outcome === 'delivered')).toBe(true);
  });

  test('the queue takes no event after it was closed', async () => {
    const queue = queueTo(receiver.url);
    await queue.close(PATIENCE_MS);
    queue.push('{}');
    expect(outcomes).toEqual(['dropped']);
    expect(receiver.received).toEqual([]);
  });

  test('one slow response does not delay the other events', async () => {
    receiver.answers = ['hang', 200];
    const queue = queueTo(receiver.url);
    for (let i = 0; i < 10; i++) queue.push('{}');
    const delivered = (): number => outcomes.filter((outcome) => outcome === 'delivered').length;
    await expect.poll(delivered).toBe(9);
    await queue.close(1);
  });
});

describe('webhooks', () => {
  test('every address gets the event, even while another one is unreachable', async () => {
    const second = await startReceiver();
    const sender = openEvents(
      {
        webhooks: {
          urls: [`http://127.0.0.1:${await freePort()}/dead`, `${receiver.url}/a`, `${second.url}/b`],
          username: '',
          password: '',
          signingKey: '',
        },
      },
      { log: { warn: () => undefined }, backoffMs: 1, timeoutMs: PATIENCE_MS },
    );
    sender.publish({ type: 'credential', id: 'c1', name: 'C', revision: 2, services: ['svc'] });
    await sender.close(PATIENCE_MS);
    const body = '{"event_type":"credential_update","services":["svc"],"credentials":["c1"]}';
    expect(receiver.received.map((each) => each.body)).toEqual([body]);
    expect(second.received.map((each) => each.body)).toEqual([body]);
    expect(receiver.received[0]!.headers['x-confidant-signature']).toBeUndefined();
    await second.close();
  });

  test('webhooks are signed over time and body if a key is set, anew for each attempt', async () => {
    receiver.answers = [500, 200];
    const sender = openEvents(
      { webhooks: { urls: [receiver.url], username: '', password: '', signingKey: 'signing key' } },
      { log: { warn: () => undefined }, backoffMs: 1, timeoutMs: PATIENCE_MS },
    );
    sender.publish({ type: 'credential', id: 'c1', name: 'C', revision: 2, services: ['svc'] });
    await receiver.arrived(2);
    await sender.close(PATIENCE_MS);
    for (const { headers, body } of receiver.received) {
      const timestamp = headers['x-confidant-timestamp'] as string;
      expect(timestamp).toMatch(/^\d{10}$/);
      const expected = createHmac('sha256', 'signing key').update(`${timestamp}.${body}`).digest('hex');
      expect(headers['x-confidant-signature']).toBe(`v1=${expected}`);
    }
  });
});
