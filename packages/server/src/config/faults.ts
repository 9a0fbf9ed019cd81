import { isLoopback } from '@confidant/contract';
import { existsSync } from 'node:fs';
import { proxyFault } from '@confidant/kmsauth/proxy';
import { canPeopleLogIn, loginFaults } from './login-checks.js';
import type { Settings } from './server-settings.js';
import type { Environment, Fault } from './setting-types.js';
import { SETTINGS, type SettingName } from './settings.js';

const ACL_MODULE_FORMS = /^confidant\.authnz\.rbac:(default_acl|no_acl)$|\.[cm]?js:[A-Za-z_$][\w$]*$/;

/** The faults of settings that are well formed one by one but do not go together. */
export function contradictions(settings: Settings): Fault[] {
  const faults: Fault[] = [];
  const report = (setting: SettingName, problem: string): void => void faults.push({ setting, problem });
  if (settings.KMS_MINIMUM_TOKEN_VERSION > settings.KMS_MAXIMUM_TOKEN_VERSION) {
    report('KMS_MINIMUM_TOKEN_VERSION', 'expected at most KMS_MAXIMUM_TOKEN_VERSION');
  }
  for (const type of settings.KMS_AUTH_USER_TYPES) {
    if (type !== 'user' && type !== 'service') report('KMS_AUTH_USER_TYPES', 'expected service, user, or both');
  }
  const accounts = Object.values(settings.SCOPED_AUTH_KEYS);
  if (new Set(accounts).size !== accounts.length) report('SCOPED_AUTH_KEYS', 'expected each account only once');
  if (settings.kind === 'aws') reportMissingKeys(settings, report);
  reportPolicyFaults(settings, report);
  if (settings.USERS_FILE !== '' && !existsSync(settings.USERS_FILE)) report('USERS_FILE', 'the file does not exist');
  if (settings.USER_AUTH_MODULE === 'null' && settings.USE_AUTH) {
    report('USER_AUTH_MODULE', 'null is possible only with USE_AUTH=false');
  }
  reportExposure(settings, report);
  return [...faults, ...loginFaults(settings)];
}

type Report = (setting: SettingName, problem: string) => void;

function reportMissingKeys(settings: Settings, report: Report): void {
  for (const name of ['KMS_MASTER_KEY', 'AUTH_KEY', 'AUTH_CONTEXT'] as const) {
    const needed = name === 'KMS_MASTER_KEY' ? settings.USE_ENCRYPTION : settings.USE_AUTH;
    if (needed && settings[name] === '') report(name, 'required when DYNAMODB_TABLE is set');
  }
  if (settings.USE_AUTH && settings.KMS_AUTH_USER_TYPES.includes('user') && settings.USER_AUTH_KEY === '') {
    report('USER_AUTH_KEY', 'required when KMS_AUTH_USER_TYPES contains user');
  }
}

function reportPolicyFaults(settings: Settings, report: Report): void {
  const { ACL_MODULE: module, ACL_POLICY_FILE: file } = settings;
  if (!ACL_MODULE_FORMS.test(module)) {
    report(
      'ACL_MODULE',
      'expected confidant.authnz.rbac:default_acl, confidant.authnz.rbac:no_acl, or a JavaScript file and function like ./acl.mjs:check; this server cannot load Python code',
    );
  }
  if (file === '') return;
  if (!existsSync(file)) report('ACL_POLICY_FILE', 'the file does not exist');
  if (module !== SETTINGS.ACL_MODULE.fallback) {
    report('ACL_POLICY_FILE', 'replaces ACL_MODULE: set only one of them');
  }
}

/** Reports settings with which strangers on the network could read secrets. */
function reportExposure(settings: Settings, report: Report): void {
  if (isLoopback(settings.HOST)) return;
  for (const name of ['USE_AUTH', 'USE_ENCRYPTION', 'DEBUG'] as const) {
    const isInsecure = name === 'DEBUG' ? settings.DEBUG : !settings[name];
    if (isInsecure && !settings.ALLOW_INSECURE_LISTEN) {
      report(
        name,
        'not safe while HOST is not a loopback address: set HOST=127.0.0.1, or ALLOW_INSECURE_LISTEN=true if you mean it',
      );
    }
  }
  if (settings.kind === 'embedded') {
    report(
      'HOST',
      'the embedded server listens on loopback only: to serve others, set DYNAMODB_TABLE and the KMS keys',
    );
  }
}

/** The fault of a proxy variable that cannot be used, if the server connects to anything through that proxy. */
export function proxyFaults(settings: Settings, environment: Environment): Fault[] {
  const connectsOut =
    settings.kind === 'aws' ||
    (canPeopleLogIn(settings) && ['google', 'oidc'].includes(settings.USER_AUTH_MODULE)) ||
    [settings.GRAPHITE_EVENT_URL, ...settings.WEBHOOK_URL].some((url) => /^https:/i.test(url));
  const fault = connectsOut ? proxyFault(environment) : undefined;
  return fault === undefined ? [] : [{ setting: fault.variable, problem: fault.problem }];
}

/** The faults as the operator reads them: how many there are, then one a line. */
export function describeFaults(faults: readonly Fault[]): string {
  const lines = faults.map(({ setting, problem }) => `  ${setting}: ${problem}\n`);
  const count = faults.length === 1 ? '1 invalid setting' : `${faults.length} invalid settings`;
  return `Confidant cannot start: ${count}.\n${lines.join('')}`;
}
