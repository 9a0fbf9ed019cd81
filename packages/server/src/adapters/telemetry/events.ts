import type { ChangeEvent, Events } from '../../ports/telemetry.js';
import { DeliveryQueue, type DeliveryOptions, type Destination } from './delivery-queue.js';
import { graphiteBody } from './graphite.js';
import { webhookBody, webhookSignature } from './webhook.js';

export interface EventReceivers {
  graphite?: { url: string; username: string; password: string };
  webhooks?: { urls: readonly string[]; username: string; password: string; signingKey: string };
}

/** Sends changes to graphite and webhooks, through one bounded queue for each receiver. */
export interface EventSender extends Events {
  /** The number of events that wait or are being delivered, in all queues. */
  depth(): number;
  /** Delivers waiting events for at most `withinMs`; the rest is dropped, counted and logged. */
  close(withinMs: number): Promise<void>;
}

export function openEvents(receivers: EventReceivers, options: DeliveryOptions): EventSender {
  const routes: { bodyOf: (event: ChangeEvent) => string | undefined; queue: DeliveryQueue }[] = [];
  const { graphite, webhooks } = receivers;
  if (graphite) {
    routes.push({
      bodyOf: graphiteBody,
      queue: new DeliveryQueue({ kind: 'graphite', ...graphite, url: new URL(graphite.url) }, options),
    });
  }
  for (const url of webhooks?.urls ?? []) {
    const { username, password, signingKey } = webhooks!;
    const destination: Destination = { kind: 'webhook', url: new URL(url), username, password };
    if (signingKey !== '') {
      destination.sign = (body) => webhookSignature(signingKey, Math.floor(Date.now() / 1000), body);
    }
    routes.push({ bodyOf: webhookBody, queue: new DeliveryQueue(destination, options) });
  }
  return {
    publish: (event) => {
      try {
        for (const { bodyOf, queue } of routes) {
          const body = bodyOf(event);
          if (body !== undefined) queue.push(body);
        }
      } catch (error) {
        options.log.warn({ error, event: event.type }, 'an event was not published');
      }
    },
    depth: () => routes.reduce((sum, { queue }) => sum + queue.depth, 0),
    close: async (withinMs) => {
      await Promise.all(routes.map(({ queue }) => queue.close(withinMs)));
    },
  };
}
