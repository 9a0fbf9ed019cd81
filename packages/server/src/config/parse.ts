import { readCaSettings } from './ca-settings.js';
import { missingTable, withEmbeddedDefaults } from './embedded.js';
import { contradictions, proxyFaults } from './faults.js';
import { canPeopleLogIn } from './login-checks.js';
import { samlSettings } from './saml.js';
import type { Settings } from './server-settings.js';
import { BadValue, type Environment, type Fault, type Setting } from './setting-types.js';
import { type SettingName, SETTINGS, type SettingValues } from './settings.js';

/**
 * Reads every setting, with the defaults of the embedded server where the environment names no table. All faults are
 * collected; a setting that has one takes its default, so that the others can be read. Never throws.
 *
 * @param secrets what SECRETS_BOOTSTRAP holds; compat: where a setting may come from it, its value wins over the variable
 */
export function readSettings(
  environment: Environment,
  secrets: Readonly<Record<string, unknown>> = {},
): { settings: Settings; faults: Fault[] } {
  const complete = withEmbeddedDefaults(environment);
  const faults: Fault[] = [];
  const report = (setting: string, problem: string): void => void faults.push({ setting, problem });
  const values = withOlderNames(readTable(complete, secrets, report), complete, report);
  const caNames = values.CA_TYPE === 'aws_acm_pca' ? values.ACM_PRIVATE_CAS : [];
  const settings: Settings = {
    ...values,
    kind: values.DYNAMODB_TABLE === '' ? 'embedded' : 'aws',
    acmPrivateCas: readCaSettings(complete, caNames, faults),
    saml: canPeopleLogIn(values) && values.USER_AUTH_MODULE === 'saml' ? samlSettings(values, report) : undefined,
  };
  faults.push(...contradictions(settings), ...proxyFaults(settings, complete), ...missingTable(environment));
  return { settings, faults };
}

/**
 * compat: these come from SECRETS_BOOTSTRAP alone, or, where the flag beside them is false, from their variable alone.
 */
export const BOOTSTRAP_FLAGS = {
  JWT_CERTIFICATE_AUTHORITIES: 'JWT_IS_CA_ENCRYPTED',
  CUSTOM_CERTIFICATE_AUTHORITIES: 'CUSTOM_CA_ENCRYPTED',
} as const satisfies Partial<Record<SettingName, SettingName>>;

/** Whether the variable of such a setting is ignored. */
export function isVariableIgnored(environment: Environment, name: keyof typeof BOOTSTRAP_FLAGS): boolean {
  const flag = SETTINGS[BOOTSTRAP_FLAGS[name]];
  const text = environment[BOOTSTRAP_FLAGS[name]];
  return text === undefined ? flag.fallback : flag.parse(text);
}

function readTable(
  environment: Environment,
  secrets: Readonly<Record<string, unknown>>,
  report: (setting: string, problem: string) => void,
): SettingValues {
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS) as [SettingName, Setting<unknown>][]) {
    const text = textOf(name, setting, environment, secrets);
    try {
      values[name] = text === undefined ? setting.fallback : setting.parse(text);
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      values[name] = setting.fallback;
      report(name, error.message);
    }
  }
  return values as unknown as SettingValues;
}

function textOf(
  name: SettingName,
  setting: Setting<unknown>,
  environment: Environment,
  secrets: Readonly<Record<string, unknown>>,
): string | undefined {
  const secret = setting.bootstrap ? secrets[name] : undefined;
  if (name === 'JWT_CERTIFICATE_AUTHORITIES' || name === 'CUSTOM_CERTIFICATE_AUTHORITIES') {
    const text = isVariableIgnored(environment, name) ? secret : environment[name];
    return typeof text === 'string' ? text : undefined;
  }
  return typeof secret === 'string' && secret !== '' ? secret : environment[name];
}

/** Fills in settings from the other names that the original's guide or last release has for them. */
function withOlderNames(
  values: SettingValues,
  environment: Environment,
  report: (setting: string, problem: string) => void,
): SettingValues {
  const merged: { -readonly [Name in SettingName]: SettingValues[Name] } = { ...values };
  merged.USER_EMAIL_SUFFIX ||= values.GOOGLE_AUTH_EMAIL_SUFFIX;
  merged.REDIS_URL_FLASK_SESSIONS ||= values.REDIS_URL;
  const both = values.PYNAMO_REQUEST_TIMEOUT_SECONDS;
  if (both === null) return merged;
  try {
    const timeout = SETTINGS.PYNAMO_READ_TIMEOUT_SECONDS.parse(both);
    if (!environment['PYNAMO_CONNECT_TIMEOUT_SECONDS']) merged.PYNAMO_CONNECT_TIMEOUT_SECONDS = timeout;
    if (!environment['PYNAMO_READ_TIMEOUT_SECONDS']) merged.PYNAMO_READ_TIMEOUT_SECONDS = timeout;
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    report('PYNAMO_REQUEST_TIMEOUT_SECONDS', error.message);
  }
  return merged;
}
