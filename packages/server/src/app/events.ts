import type { App } from './app.js';

/**
 * Publishes that a written revision changed what services get. Never throws, since the revision is written: a lost event
 * is only logged.
 *
 * @param reverted whether an old revision was brought back
 */
export async function publishChange(
  app: App,
  type: 'credential' | 'blind-credential',
  { id, name, revision }: { id: string; name: string; revision: number },
  reverted = false,
): Promise<void> {
  try {
    const services = (await app.services.mapping(type, id)).map((service) => service.id);
    app.events.publish({ type, id, name, revision, services, reverted });
  } catch (error) {
    app.warn('an event was not published', { error, id });
  }
}
