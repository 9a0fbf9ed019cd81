import { openBootstrap, readBootstrap } from '../adapters/sealing/secrets-bootstrap.js';
import { openKms, patiently } from './backends.js';
import { missingTable, withEmbeddedDefaults } from '../config/embedded.js';
import type { Environment, Fault } from '../config/setting-types.js';
import { readSettings } from '../config/parse.js';
import { SETTINGS, type SettingName, type Settings } from '../config/settings.js';

/** The settings with what SECRETS_BOOTSTRAP holds. */
export interface LoadedSettings {
  settings: Settings;
  /** All of them, those of the bootstrap included. */
  faults: Fault[];
  /** What an operator should be told although it stops nothing. */
  warnings: string[];
}

/** Reads the environment and the bootstrap, which the environment says how to find and decrypt. Never rejects. */
export async function loadSettings(environment: Environment): Promise<LoadedSettings> {
  const complete = withEmbeddedDefaults(environment);
  const withoutBootstrap = readSettings(complete);
  // Judged before anything is opened: the local keyring must not take the place of KMS.
  const mistaken = missingTable(environment);
  if (mistaken.length > 0) {
    return { ...withoutBootstrap, faults: [...withoutBootstrap.faults, ...mistaken], warnings: [] };
  }
  const { SECRETS_BOOTSTRAP: bootstrap } = withoutBootstrap.settings;
  if (bootstrap === '') return { ...withoutBootstrap, warnings: [] };
  try {
    const blob = await readBootstrap(bootstrap);
    if (blob === undefined) {
      const missing = 'SECRETS_BOOTSTRAP names a file that does not exist: its secrets are missing';
      return { ...withoutBootstrap, warnings: [missing] };
    }
    const kms = openKms(patiently(withoutBootstrap.settings));
    try {
      const secrets = await openBootstrap(blob, kms);
      return { ...readSettings(complete, secrets), warnings: unusedSecrets(secrets) };
    } finally {
      kms.close();
    }
  } catch (error) {
    // A keyring that cannot be opened says so in words that help, as the bootstrap's own errors do.
    const problem = error instanceof Error ? error.message : String(error);
    // What may come from the bootstrap cannot be judged without it.
    const others = withoutBootstrap.faults.filter(({ setting }) => !mayComeFromBootstrap(setting));
    return { ...withoutBootstrap, faults: [...others, { setting: 'SECRETS_BOOTSTRAP', problem }], warnings: [] };
  }
}

function unusedSecrets(secrets: Readonly<Record<string, string>>): string[] {
  return Object.keys(secrets)
    .filter((name) => !mayComeFromBootstrap(name))
    .map((name) => `SECRETS_BOOTSTRAP holds ${name}, which is no setting that may come from there: it is ignored`);
}

function mayComeFromBootstrap(name: string): boolean {
  return Object.hasOwn(SETTINGS, name) && SETTINGS[name as SettingName].bootstrap;
}
