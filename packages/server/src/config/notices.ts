import { isLoopback } from '@confidant/contract';
import { likelySetting } from './likely-setting.js';
import { canPeopleLogIn } from './login-checks.js';
import { BOOTSTRAP_FLAGS, isVariableIgnored } from './parse.js';
import type { Settings } from './server-settings.js';
import type { Environment } from './setting-types.js';
import { SETTINGS } from './settings.js';

/** Warnings about settings that open the server to others, shown at every start. */
export function dangers(settings: Settings): string[] {
  const warnings: string[] = [];
  if (!settings.USE_AUTH) {
    warnings.push('USE_AUTH=false: anyone who can reach this server may read and change every secret.');
  }
  if (
    settings.KMS_AUTH_USER_TYPES.includes('user') &&
    settings.USER_AUTH_KEY !== '' &&
    settings.USER_AUTH_KEY === settings.AUTH_KEY &&
    settings.KMS_MINIMUM_TOKEN_VERSION === 1
  ) {
    warnings.push(
      'AUTH_KEY and USER_AUTH_KEY are the same key while KMS_MINIMUM_TOKEN_VERSION is 1. A service could pass for a person, so tokens of people are refused. Use two keys, or set KMS_MINIMUM_TOKEN_VERSION=2.',
    );
  }
  const strangers = whoeverLogsIn(settings);
  if (strangers !== undefined) {
    warnings.push(
      `Neither USER_EMAIL_SUFFIX nor USERS_FILE is set: ${strangers} may log in, and use every secret that the access policy does not keep from people.`,
    );
  }
  const ownProxy = settings.FORWARDED_ALLOW_IPS.some((proxy) => isLoopback(proxy.split('/')[0]!));
  if (canPeopleLogIn(settings) && settings.USER_AUTH_MODULE === 'header' && settings.PUBLIC_URL === '' && ownProxy) {
    warnings.push(
      'PUBLIC_URL is not set: people get 403 if the proxy that logs them in runs on this machine and passes on the Host of the browser.',
    );
  }
  if (settings.DEBUG) {
    warnings.push('DEBUG=true is meant for development: requests are not redirected to HTTPS.');
  }
  return warnings;
}

/** Who may log in where no setting says it; undefined if one does. */
function whoeverLogsIn(settings: Settings): string | undefined {
  if (!canPeopleLogIn(settings) || settings.USER_EMAIL_SUFFIX !== '' || settings.USERS_FILE !== '') return undefined;
  switch (settings.USER_AUTH_MODULE) {
    case 'google':
      return 'everybody with a Google account';
    case 'oidc':
    case 'saml':
      return 'everybody whom the login provider lets in';
    case 'header':
      return 'everybody whom the proxy names';
    default:
      return undefined;
  }
}

const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  GEVENT_RESOLVER: 'GEVENT_RESOLVER has no effect: Node resolves names by itself.',
  GEVENT_REQUEST_TIMEOUT_MS: 'GEVENT_REQUEST_TIMEOUT_MS has no effect: every backend has its own time-out settings.',
  GUNICORN_CMD_ARGS: 'GUNICORN_CMD_ARGS has no effect: use HOST, PORT and WEB_CONCURRENCY.',
  STATIC_FOLDER: 'STATIC_FOLDER has no effect: this server has no folder for a web application.',
};

/** Notes on variables that are not settings but look like one that was misspelt. */
export function misspeltSettings(environment: Environment): string[] {
  const known = new Set([...Object.keys(SETTINGS), ...Object.keys(WITHOUT_EFFECT)]);
  const unset = [...known].filter((setting) => !environment[setting]);
  return Object.keys(environment).flatMap((name) => {
    if (known.has(name) || /^(AWS_|ACM_PRIVATE_CA_)/.test(name)) return [];
    const meant = likelySetting(name, unset);
    return meant === undefined ? [] : [`The variable ${name} is not a setting and is ignored. Did you mean ${meant}?`];
  });
}

/** Notes for operators who come from the original, on settings that have another effect here, or none. */
export function migrationNotes(environment: Environment): string[] {
  const notes = Object.entries(WITHOUT_EFFECT).flatMap(([name, note]) => (environment[name] ? [note] : []));
  for (const name of ['JWT_CERTIFICATE_AUTHORITIES', 'CUSTOM_CERTIFICATE_AUTHORITIES'] as const) {
    if (!environment[name] || !isVariableIgnored(environment, name)) continue;
    notes.push(
      `The variable ${name} is ignored: the value comes from SECRETS_BOOTSTRAP unless ${BOOTSTRAP_FLAGS[name]} is false.`,
    );
  }
  return notes;
}
