import { keyReference } from '@confidant/kmsauth';
import { pino } from 'pino';
import { authKeyGrants } from '../adapters/aws/kms-grants.js';
import { systemClock } from '../adapters/clock.js';
import type { App } from '../app/app.js';
import { NameIndex } from '../app/indexes.js';
import { openKms } from '../compose/kms.js';
import { openRoles } from '../compose/roles.js';
import { openArchive, openStore } from '../compose/store.js';
import { openTelemetry } from '../compose/telemetry.js';
import type { Settings } from '../config/server-settings.js';
import type { AdminContext } from './command.js';
import { adminSettings } from './settings.js';

/** The parts of the server that commands use. */
export type AdminApp = Pick<
  App,
  'store' | 'archive' | 'clock' | 'metrics' | 'names' | 'roles' | 'authGrants' | 'minimumTokenVersion'
>;

/** Opens the server's backends for `work`, and closes them when it ends. Rejects as `work` does. */
export async function withBackends<Result>(
  context: AdminContext,
  work: (app: AdminApp, settings: Settings) => Promise<Result>,
): Promise<Result> {
  const settings = await adminSettings(context);
  // Only problems are logged: commands print what they do themselves.
  const logger = pino({ level: 'warn', base: null }, { write: (line) => context.err(line) });
  const kms = openKms(settings);
  const store = await openStore(settings, logger);
  const archive = await openArchive(settings);
  const roles = openRoles({ ...settings, BACKGROUND_CACHE_IAM_ROLES: false }, store, logger);
  const telemetry = openTelemetry({ ...settings, METRICS_PORT: null, GRAPHITE_EVENT_URL: '', WEBHOOK_URL: [] }, logger);
  try {
    const app: AdminApp = {
      store,
      archive,
      clock: systemClock(),
      metrics: telemetry.metrics,
      names: new NameIndex(store),
      roles,
      authGrants: authKeyGrants(kms, keyReference(settings.AUTH_KEY)),
      minimumTokenVersion: settings.KMS_MINIMUM_TOKEN_VERSION,
    };
    return await work(app, settings);
  } finally {
    await telemetry.close();
    roles.close();
    await archive?.close();
    await store.close();
    kms.close();
  }
}
