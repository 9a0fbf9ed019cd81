import { withLongTimeouts } from '../compose/timeouts.js';
import { openSettings } from '../compose/open-settings.js';
import type { Settings } from '../config/server-settings.js';
import { type AdminContext, AdminError } from './command.js';

/** Settings of the store and of KMS, which most commands use. */
const BACKENDS =
  /^(AWS_|KMS_|DYNAMODB_|PYNAMO_|CONFIDANT_DATA_DIR|AUTH_KEY|USE_ENCRYPTION|BACKGROUND_CACHE_|STATSD_|https_proxy$|HTTPS_PROXY$|all_proxy$|ALL_PROXY$)/;

/**
 * Reads the settings as the server does, with longer time-outs. Faults of settings that a command does not use are left
 * to the server to report.
 *
 * @param used matches the names of the settings that the command uses
 * @param exitCode of the command when one of them is invalid
 * @throws AdminError which lists the invalid settings, one a line
 */
export async function adminSettings(
  { environment }: Pick<AdminContext, 'environment'>,
  used: RegExp = BACKENDS,
  exitCode: 1 | 2 = 1,
): Promise<Settings> {
  const { settings, faults } = await openSettings(environment);
  const lines = faults
    .filter(({ setting }) => used.test(setting))
    .map(({ setting, problem }) => `${setting}: ${problem}`);
  if (lines.length > 0) throw new AdminError(lines.join('\n'), exitCode);
  return withLongTimeouts(settings);
}
