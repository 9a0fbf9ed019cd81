import { openBootstrap, readBootstrap } from '../adapters/sealing/secrets-bootstrap.js';
import { readSettings } from '../config/parse.js';
import type { Settings } from '../config/server-settings.js';
import type { Environment, Fault } from '../config/setting-types.js';
import { SETTINGS, type SettingName } from '../config/settings.js';
import { openKms } from './kms.js';
import { withLongTimeouts } from './timeouts.js';

/** The settings of the server, those in SECRETS_BOOTSTRAP included. */
export interface OpenedSettings {
  settings: Settings;
  /** Every invalid setting. With any of them the server does not start. */
  faults: Fault[];
  /** Texts for the operator about problems that do not prevent a start. */
  warnings: string[];
}

/**
 * Reads the settings from the environment and from SECRETS_BOOTSTRAP, which it decrypts with KMS or the embedded
 * keyring. The server and every command of `confidant-admin` read their settings here. Never rejects.
 */
export async function openSettings(environment: Environment): Promise<OpenedSettings> {
  const withoutSecrets = readSettings(environment);
  const { settings, faults } = withoutSecrets;
  // Settings that mean AWS KMS but name no table would otherwise open, or even create, the embedded keyring.
  const isBackendUnclear = faults.some(({ setting }) => setting === 'DYNAMODB_TABLE');
  if (settings.SECRETS_BOOTSTRAP === '' || isBackendUnclear) return { ...withoutSecrets, warnings: [] };
  try {
    const blob = await readBootstrap(settings.SECRETS_BOOTSTRAP);
    if (blob === undefined) {
      const warning = 'SECRETS_BOOTSTRAP names a file that does not exist: its secrets are missing';
      return { ...withoutSecrets, warnings: [warning] };
    }
    const secrets = await decrypt(blob, settings);
    return { ...readSettings(environment, secrets), warnings: unusedSecrets(secrets) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    // Settings that may come from the bootstrap cannot be judged without it.
    const certain = faults.filter(({ setting }) => !mayComeFromBootstrap(setting));
    return { settings, faults: [...certain, { setting: 'SECRETS_BOOTSTRAP', problem }], warnings: [] };
  }
}

async function decrypt(blob: string, settings: Settings): Promise<Record<string, string>> {
  const kms = openKms(withLongTimeouts(settings));
  try {
    return await openBootstrap(blob, kms);
  } finally {
    kms.close();
  }
}

function unusedSecrets(secrets: Readonly<Record<string, string>>): string[] {
  return Object.keys(secrets)
    .filter((name) => !mayComeFromBootstrap(name))
    .map((name) => `SECRETS_BOOTSTRAP holds ${name}, which is ignored: it is not a setting that may come from there`);
}

function mayComeFromBootstrap(name: string): boolean {
  return Object.hasOwn(SETTINGS, name) && SETTINGS[name as SettingName].bootstrap;
}
