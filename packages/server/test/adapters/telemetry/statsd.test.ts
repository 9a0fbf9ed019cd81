import { createSocket, type Socket } from 'node:dgram';
import { afterEach, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { openStatsd, type Statsd } from '../../../src/adapters/telemetry/statsd.js';
import { metricName, metricPart } from '../../../src/domain/metric-name.js';

const opened: (Socket | Statsd)[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

/** A UDP socket; `lines` resolves when this many lines have arrived. */
async function listener(): Promise<{ port: number; datagrams: string[]; lines: (count: number) => Promise<string[]> }> {
  const socket = createSocket('udp4');
  opened.push(socket);
  const datagrams: string[] = [];
  let check = (): void => undefined;
  socket.on('message', (message) => {
    datagrams.push(message.toString('utf8'));
    check();
  });
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  const all = (): string[] => datagrams.flatMap((datagram) => datagram.split('\n'));
  return {
    port: socket.address().port,
    datagrams,
    lines: (count) =>
      new Promise((done) => {
        check = () => {
          if (all().length >= count) done(all());
        };
        check();
      }),
  };
}

function sender(host: string, port: number, problems: string[] = []): Statsd {
  const statsd = openStatsd({ host, port, flushMs: 5, onProblem: (problem) => void problems.push(problem) });
  opened.push(statsd);
  return statsd;
}

describe('statsd', () => {
  test('counters and timers have the names and the form of the original', async () => {
    const { port, lines } = await listener();
    const statsd = sender('127.0.0.1', port);
    statsd.count('token_version_2');
    statsd.count('at_rest_action', 2);
    statsd.timing('get_service_by_id.db_get_service', 1.5);
    statsd.timing('decrypt_token', 0.0000004);
    expect(await lines(4)).toEqual([
      'confidant.token_version_2:1|c',
      'confidant.at_rest_action:2|c',
      'confidant.get_service_by_id.db_get_service:1.500000|ms',
      'confidant.decrypt_token:0.000000|ms',
    ]);
  });

  test('many metrics share few datagrams, each no larger than a packet, and none is lost', async () => {
    const { port, datagrams, lines } = await listener();
    const statsd = sender('127.0.0.1', port);
    for (let i = 0; i < 200; i++) statsd.count(`counter_${i}`);
    const received = await lines(200);
    expect(new Set(received)).toEqual(new Set(Array.from({ length: 200 }, (_, i) => `confidant.counter_${i}:1|c`)));
    expect(datagrams.length).toBeLessThan(10);
    for (const datagram of datagrams) expect(Buffer.byteLength(datagram)).toBeLessThanOrEqual(1432);
  });

  test('the remaining metrics are sent at the end', async () => {
    const { port, lines } = await listener();
    const statsd = openStatsd({ host: '127.0.0.1', port, flushMs: 1_000_000, onProblem: () => undefined });
    statsd.count('last');
    await statsd.close();
    expect(await lines(1)).toEqual(['confidant.last:1|c']);
    statsd.count('too_late');
    await statsd.close();
  });

  test('a host that does not exist is reported once and causes no error', async () => {
    const problems: string[] = [];
    const statsd = sender('no-such-host.invalid', 8125, problems);
    for (let i = 0; i < 10_000; i++) statsd.count('anything');
    await statsd.close();
    // The machine's resolver may take longer than a stopping server waits for it.
    await expect.poll(() => problems, { timeout: 100_000 }).toEqual([expect.stringMatching(/^statsd host: E/)]);
  });

  test('metrics are dropped without an error while nothing listens', async () => {
    const { port } = await listener();
    await opened.shift()!.close();
    const statsd = sender('127.0.0.1', port);
    for (let i = 0; i < 1000; i++) statsd.timing('anything', i);
    await statsd.close();
  });

  test('a name from outside can neither end its line nor begin another one', async () => {
    const { port, lines } = await listener();
    const statsd = sender('127.0.0.1', port);
    statsd.count(`jwt.get_jwks.${metricPart('a:1|c\nevil.b|@0.1#x')}.miss`);
    statsd.count('jwt.get_jwks.raw:1|c\nevil:5|c');
    expect(await lines(2)).toEqual([
      'confidant.jwt.get_jwks.a_1_c_evil_b__0_1_x.miss:1|c',
      'confidant.jwt.get_jwks.raw_1_c_evil_5_c:1|c',
    ]);
  });

  test('values that are not finite numbers are not sent', async () => {
    const { port, lines } = await listener();
    const statsd = sender('127.0.0.1', port);
    statsd.timing('bad', Number.NaN);
    statsd.count('bad', Number.POSITIVE_INFINITY);
    statsd.count('good');
    expect(await lines(1)).toEqual(['confidant.good:1|c']);
  });

  test('the number of names is bounded: all further names share one', async () => {
    const { port, lines } = await listener();
    const statsd = sender('127.0.0.1', port);
    for (let i = 0; i < 10_000; i++) statsd.count(`n${i}`);
    // The flood itself may lose datagrams, and so may datagrams that follow it immediately.
    await expect
      .poll(() => {
        statsd.count('one too many');
        return lines(0);
      })
      .toContain('confidant.other_names:1|c');
    expect(await lines(0)).not.toContain('confidant.one_too_many:1|c');
  });
});

describe('names of metrics', () => {
  test('parts of names contain only letters, digits, _ and -, and are never empty or long', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(metricPart(text)).toMatch(/^[\w-]{1,64}$/);
      }),
    );
  });

  test('whole names may contain dots, too', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => {
        expect(metricName(text)).toMatch(/^[\w.-]{0,200}$/);
      }),
    );
  });

  test('ordinary names stay as they are', () => {
    expect(metricPart('kid-1')).toBe('kid-1');
    expect(metricPart('alice@example.com')).toBe('alice_example_com');
    expect(metricName('get_service_by_id.db_get_service')).toBe('get_service_by_id.db_get_service');
  });
});
