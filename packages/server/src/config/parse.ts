import { existsSync } from 'node:fs';
import { proxyFault } from '@confidant/kmsauth/proxy';
import { readCaSettings } from './ca-settings.js';
import { BadValue, type Environment, type Fault, type Setting } from './setting-types.js';
import { canPeopleLogIn, loginFaults } from './login-checks.js';
import { type SettingName, SETTINGS, type Settings, type TableSettings } from './settings.js';

/**
 * Reads every setting. `bootstrap` holds what SECRETS_BOOTSTRAP carried: for settings that may come from it, its value
 * wins over the variable (compat). All faults are collected, none stops the reading of the others.
 */
export function readSettings(
  environment: Environment,
  bootstrap: Readonly<Record<string, unknown>> = {},
): { settings: Settings; faults: Fault[] } {
  const faults: Fault[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS) as [SettingName, Setting<unknown>][]) {
    const text = sourceOf(name, setting, environment, bootstrap);
    try {
      values[name] = text === undefined ? setting.fallback : setting.parse(text);
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      values[name] = setting.fallback;
      faults.push({ setting: name, problem: error.message });
    }
  }
  const table = withOlderNames(values as unknown as TableSettings, environment, faults);
  const names = table.CA_TYPE === 'aws_acm_pca' ? table.ACM_PRIVATE_CAS : [];
  const settings: Settings = { ...table, acmPrivateCas: readCaSettings(environment, names, faults) };
  return { settings, faults: [...faults, ...contradictions(settings), ...proxyFaults(settings, environment)] };
}

/** compat: these say whether a setting comes only from the bootstrap, which is their default, or only from its variable. */
const FROM_BOOTSTRAP_ONLY = {
  JWT_CERTIFICATE_AUTHORITIES: 'JWT_IS_CA_ENCRYPTED',
  CUSTOM_CERTIFICATE_AUTHORITIES: 'CUSTOM_CA_ENCRYPTED',
} as const satisfies Partial<Record<SettingName, SettingName>>;

function sourceOf(
  name: SettingName,
  setting: Setting<unknown>,
  environment: Environment,
  bootstrap: Readonly<Record<string, unknown>>,
): string | undefined {
  const stored = setting.bootstrap ? bootstrap[name] : undefined;
  if (name === 'JWT_CERTIFICATE_AUTHORITIES' || name === 'CUSTOM_CERTIFICATE_AUTHORITIES') {
    const { fallback, parse } = SETTINGS[FROM_BOOTSTRAP_ONLY[name]];
    const encrypted = environment[FROM_BOOTSTRAP_ONLY[name]];
    const only = (encrypted === undefined ? fallback : parse(encrypted)) ? stored : environment[name];
    return typeof only === 'string' ? only : undefined;
  }
  if (typeof stored === 'string' && stored !== '') return stored;
  return environment[name];
}

/** Names of the seeds' guide and of the last release, where they differ. */
function withOlderNames(settings: TableSettings, environment: Environment, faults: Fault[]): TableSettings {
  const merged: { -readonly [Name in SettingName]: Settings[Name] } = { ...settings };
  merged.USER_EMAIL_SUFFIX ||= settings.GOOGLE_AUTH_EMAIL_SUFFIX;
  merged.REDIS_URL_FLASK_SESSIONS ||= settings.REDIS_URL;
  const both = settings.PYNAMO_REQUEST_TIMEOUT_SECONDS;
  if (both !== null) {
    try {
      const timeout = SETTINGS.PYNAMO_READ_TIMEOUT_SECONDS.parse(both);
      if (!environment['PYNAMO_CONNECT_TIMEOUT_SECONDS']) merged.PYNAMO_CONNECT_TIMEOUT_SECONDS = timeout;
      if (!environment['PYNAMO_READ_TIMEOUT_SECONDS']) merged.PYNAMO_READ_TIMEOUT_SECONDS = timeout;
    } catch (error) {
      faults.push({ setting: 'PYNAMO_REQUEST_TIMEOUT_SECONDS', problem: (error as Error).message });
    }
  }
  return merged;
}

/** Whether the store and KMS are the embedded ones: DYNAMODB_TABLE selects production. */
export function isEmbedded(settings: Settings): boolean {
  return settings.DYNAMODB_TABLE === '';
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** A proxy that cannot be used stops the start of a server that would need it. */
function proxyFaults(settings: Settings, environment: Environment): Fault[] {
  const goesOut =
    !isEmbedded(settings) ||
    (canPeopleLogIn(settings) && ['google', 'oidc'].includes(settings.USER_AUTH_MODULE)) ||
    [settings.GRAPHITE_EVENT_URL, ...settings.WEBHOOK_URL].some((url) => /^https:/i.test(url));
  const fault = goesOut ? proxyFault(environment) : undefined;
  return fault === undefined ? [] : [{ setting: fault.variable, problem: fault.problem }];
}

/** Settings that are well formed each but do not go together. */
function contradictions(settings: Settings): Fault[] {
  const faults: Fault[] = [];
  const fault = (setting: SettingName, problem: string): void => void faults.push({ setting, problem });
  if (settings.KMS_MINIMUM_TOKEN_VERSION > settings.KMS_MAXIMUM_TOKEN_VERSION) {
    fault('KMS_MINIMUM_TOKEN_VERSION', 'expected at most KMS_MAXIMUM_TOKEN_VERSION');
  }
  for (const type of settings.KMS_AUTH_USER_TYPES) {
    if (type !== 'user' && type !== 'service') fault('KMS_AUTH_USER_TYPES', 'expected service, user, or both');
  }
  const accounts = Object.values(settings.SCOPED_AUTH_KEYS);
  if (new Set(accounts).size !== accounts.length) fault('SCOPED_AUTH_KEYS', 'expected every account only once');
  if (!isEmbedded(settings)) {
    for (const name of ['KMS_MASTER_KEY', 'AUTH_KEY', 'AUTH_CONTEXT'] as const) {
      const needed = name === 'KMS_MASTER_KEY' ? settings.USE_ENCRYPTION : settings.USE_AUTH;
      if (needed && settings[name] === '') fault(name, 'required when DYNAMODB_TABLE is set');
    }
    if (settings.USE_AUTH && settings.KMS_AUTH_USER_TYPES.includes('user') && settings.USER_AUTH_KEY === '') {
      fault('USER_AUTH_KEY', 'required when KMS_AUTH_USER_TYPES contains user');
    }
  }
  const isJavaScript = /\.[cm]?js:[A-Za-z_$][\w$]*$/.test(settings.ACL_MODULE);
  if (!isJavaScript && !/^confidant\.authnz\.rbac:(default_acl|no_acl)$/.test(settings.ACL_MODULE)) {
    fault(
      'ACL_MODULE',
      'expected confidant.authnz.rbac:default_acl, confidant.authnz.rbac:no_acl, or a JavaScript file and function like ./acl.mjs:check; Python code can not be loaded here',
    );
  }
  for (const name of ['ACL_POLICY_FILE', 'USERS_FILE'] as const) {
    if (settings[name] !== '' && !existsSync(settings[name])) fault(name, 'there is no such file');
  }
  if (settings.ACL_POLICY_FILE !== '' && settings.ACL_MODULE !== SETTINGS.ACL_MODULE.fallback) {
    fault('ACL_POLICY_FILE', 'takes the place of ACL_MODULE: set only one of them');
  }
  if (settings.USER_AUTH_MODULE === 'null' && settings.USE_AUTH) {
    fault('USER_AUTH_MODULE', 'null is possible only with USE_AUTH=false');
  }
  for (const name of ['USE_AUTH', 'USE_ENCRYPTION', 'DEBUG'] as const) {
    const insecure = name === 'DEBUG' ? settings.DEBUG : !settings[name];
    if (insecure && !isLoopback(settings.HOST) && !settings.ALLOW_INSECURE_LISTEN) {
      fault(name, 'this listens beyond loopback: set HOST=127.0.0.1, or ALLOW_INSECURE_LISTEN=true if you mean it');
    }
  }
  if (isEmbedded(settings) && !isLoopback(settings.HOST)) {
    fault('HOST', 'the embedded default listens on loopback only: set DYNAMODB_TABLE and the KMS keys to serve others');
  }
  faults.push(...loginFaults(settings, isEmbedded(settings)));
  return faults;
}

/** What is open to everybody, said at every start: nobody should find out later. */
export function dangers(settings: Settings): string[] {
  const told: string[] = [];
  if (!settings.USE_AUTH)
    told.push('USE_AUTH=false: everybody who reaches this server may read and change every secret.');
  if (
    settings.KMS_AUTH_USER_TYPES.includes('user') &&
    settings.USER_AUTH_KEY !== '' &&
    settings.USER_AUTH_KEY === settings.AUTH_KEY &&
    settings.KMS_MINIMUM_TOKEN_VERSION === 1
  ) {
    told.push(
      'AUTH_KEY and USER_AUTH_KEY are one key while KMS_MINIMUM_TOKEN_VERSION is 1: a service could pass for a person, so tokens of people are refused. Use two keys, or KMS_MINIMUM_TOKEN_VERSION=2.',
    );
  }
  if (settings.DEBUG) told.push('DEBUG=true: meant for development; requests are not redirected to HTTPS.');
  return told;
}

/** What an operator who moves from the original should be told at start. */
export function migrationNotes(environment: Environment): string[] {
  const notes: Record<string, string> = {
    GEVENT_RESOLVER: 'GEVENT_RESOLVER has no meaning here: Node resolves names by itself.',
    GEVENT_REQUEST_TIMEOUT_MS:
      'GEVENT_REQUEST_TIMEOUT_MS has no meaning here: every backend call has its own time-out.',
    GUNICORN_CMD_ARGS: 'GUNICORN_CMD_ARGS has no meaning here: use HOST, PORT and WEB_CONCURRENCY.',
    STATIC_FOLDER: 'STATIC_FOLDER has no meaning here: there is no folder of a web application.',
  };
  const found = Object.keys(notes).flatMap((name) => (environment[name] ? [notes[name]!] : []));
  for (const [name, flag] of Object.entries(FROM_BOOTSTRAP_ONLY)) {
    const encrypted = environment[flag];
    if (environment[name] && (encrypted === undefined || SETTINGS[flag].parse(encrypted))) {
      found.push(`${name} is taken from SECRETS_BOOTSTRAP alone, and the variable ignored: ${flag} is not false.`);
    }
  }
  return found;
}
