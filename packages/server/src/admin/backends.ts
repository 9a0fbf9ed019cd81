import { keyReference } from '@confidant/kmsauth';
import { pino } from 'pino';
import { authKeyGrants } from '../adapters/aws/kms-grants.js';
import { systemClock } from '../adapters/clock.js';
import type { App } from '../app/app.js';
import { NameIndex } from '../app/indexes.js';
import { openArchive, openKms, openRoles, openStore, patiently } from '../compose/backends.js';
import { openTelemetry } from '../compose/telemetry.js';
import { missingTable, withEmbeddedDefaults } from '../config/embedded.js';
import { readSettings } from '../config/parse.js';
import type { Settings } from '../config/settings.js';
import { type AdminContext, AdminError } from './command.js';

/** Settings that these commands work with; faults of others are the server's affair. */
const NEEDED =
  /^(AWS_|KMS_|DYNAMODB_|PYNAMO_|CONFIDANT_DATA_DIR|AUTH_KEY|USE_ENCRYPTION|BACKGROUND_CACHE_|STATSD_|https_proxy$|HTTPS_PROXY$|all_proxy$|ALL_PROXY$)/;

/** The parts of the server that commands work with. */
export type AdminApp = Pick<
  App,
  'store' | 'archive' | 'clock' | 'metrics' | 'names' | 'roles' | 'authGrants' | 'minimumTokenVersion'
>;

/**
 * Reads the settings, without those of the bootstrap, and with the time that a command has. Throws {@link AdminError}
 * that lists what is wrong.
 */
export function adminSettings(context: AdminContext): Settings {
  const { settings, faults } = readSettings(withEmbeddedDefaults(context.environment));
  // Never the local keyring where KMS was meant.
  const wrong = [...faults, ...missingTable(context.environment)]
    .filter(({ setting }) => NEEDED.test(setting))
    .map(({ setting, problem }) => `${setting}: ${problem}`);
  if (wrong.length > 0) throw new AdminError(wrong.join('\n'));
  return patiently(settings);
}

/** Opens the server's backends, and closes them when `work` is done. */
export async function withBackends<Result>(
  context: AdminContext,
  work: (app: AdminApp, settings: Settings) => Promise<Result>,
): Promise<Result> {
  const settings = adminSettings(context);
  // Commands ask once, and tell what happens in words of their own.
  const logger = pino({ level: 'warn', base: null }, { write: (line) => context.err(line) });
  const kms = openKms(settings);
  const store = await openStore(settings, logger);
  const archive = openArchive(settings);
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
