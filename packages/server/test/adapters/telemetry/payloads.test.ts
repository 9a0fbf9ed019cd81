import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { graphiteBody } from '../../../src/adapters/telemetry/graphite.js';
import { webhookBody } from '../../../src/adapters/telemetry/webhook.js';
import type { Service } from '../../../src/domain/records.js';
import type { ChangeEvent } from '../../../src/ports/telemetry.js';

interface Recorded {
  path: string;
  body: string;
}

const recorded = JSON.parse(
  readFileSync(new URL('../../../../../test/golden/webhook-graphite.json', import.meta.url), 'utf8'),
) as Recorded[];

const credential = 'a6ab47ef60a941c1a726ad8b63169d62';
const blind = '628eb71cf31048cbbad061e5647c5ac7';

function service(revision: number, credentials: string[], blindCredentials: string[] = []): Service {
  return {
    id: 'wh-svc',
    revision,
    credentials,
    blindCredentials,
    account: null,
    enabled: true,
    modifiedBy: null,
    modifiedDate: null,
  };
}

/** The changes that were made while the original was recorded. */
const events: ChangeEvent[] = [
  { type: 'service', service: service(1, [credential]), previous: null },
  { type: 'credential', id: credential, name: 'WH', revision: 2, services: ['wh-svc'] },
  { type: 'credential', id: credential, name: 'WH', revision: 3, services: ['wh-svc'], reverted: true },
  { type: 'service', service: service(2, []), previous: service(1, [credential]) },
  { type: 'service', service: service(3, [], [blind]), previous: service(2, []) },
  { type: 'blind-credential', id: blind, name: 'WHB', revision: 2, services: ['wh-svc'] },
];

describe('the recorded events', () => {
  const graphite = recorded.filter(({ path }) => path === '/events/');
  const webhooks = recorded.filter(({ path }) => path === '/hook');

  test.each(events.map((event, index) => ({ event, index })))(
    'the payload for graphite equals recording $index',
    ({ event, index }) => {
      // The original sent a service's own tag as the text of a Python function (bug 19).
      const expected = graphite[index]!.body.replace('<built-in function id>', 'wh-svc');
      expect(JSON.parse(graphiteBody(event)!)).toEqual(JSON.parse(expected));
    },
  );

  test.each(events.map((event, index) => ({ event, index })))(
    'the payload for webhooks equals recording $index',
    ({ event, index }) => {
      expect(JSON.parse(webhookBody(event)!)).toEqual(JSON.parse(webhooks[index]!.body));
    },
  );

  test('all recorded events are compared', () => {
    expect(graphite).toHaveLength(events.length);
    expect(webhooks).toHaveLength(events.length);
  });
});

test('a change of a credential that no service maps publishes no event', () => {
  const event: ChangeEvent = { type: 'credential', id: 'c', name: 'C', revision: 2, services: [] };
  expect(graphiteBody(event)).toBeUndefined();
  expect(webhookBody(event)).toBeUndefined();
});

test('a reverted blind credential is published as an updated one', () => {
  const event: ChangeEvent = {
    type: 'blind-credential',
    id: 'b',
    name: 'B',
    revision: 3,
    services: ['s'],
    reverted: true,
  };
  expect(JSON.parse(graphiteBody(event)!)).toMatchObject({ data: 'Updated credential "B" (b); Revision 3' });
});

test('a comma in a service id does not make a second tag', () => {
  const event: ChangeEvent = { type: 'credential', id: 'c', name: 'C', revision: 2, services: ['a,evil', 'b'] };
  expect(JSON.parse(graphiteBody(event)!)).toMatchObject({ tags: 'confidant,confidant-a_evil,confidant-b' });
});
