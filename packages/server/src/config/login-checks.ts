import { isLoopback } from '@confidant/contract';
import { isIP } from 'node:net';
import type { Settings } from './server-settings.js';
import type { Fault } from './setting-types.js';
import type { SettingName, SettingValues } from './settings.js';

/**
 * Whether people can log in at all. compat: USER_AUTH_MODULE is `google` by default, also on servers that no person
 * uses; so without a client id it counts as `null`.
 */
export function canPeopleLogIn(settings: SettingValues): boolean {
  if (!settings.USE_AUTH || settings.USER_AUTH_MODULE === 'null') return false;
  return settings.USER_AUTH_MODULE !== 'google' || settings.GOOGLE_OAUTH_CLIENT_ID !== '';
}

/** The secrets in SESSION_SECRET; the first one signs. */
export function sessionSecrets(settings: SettingValues): string[] {
  return settings.SESSION_SECRET.split(/\s+/).filter((secret) => secret !== '');
}

/** The faults of login settings that do not go together; those of SAML are reported by `samlSettings`. */
export function loginFaults(settings: Settings): Fault[] {
  const faults: Fault[] = [];
  const report = (setting: SettingName, problem: string): void => void faults.push({ setting, problem });
  const needs = (...names: SettingName[]): void => {
    for (const name of names) {
      if (settings[name] === '') report(name, `required when USER_AUTH_MODULE is ${settings.USER_AUTH_MODULE}`);
    }
  };
  for (const proxy of settings.FORWARDED_ALLOW_IPS) {
    if (proxy !== '*' && !isAddressOrNetwork(proxy)) {
      report('FORWARDED_ALLOW_IPS', 'expected addresses, networks like 10.0.0.0/8, or *');
    }
  }
  for (const name of ['SESSION_COOKIE_NAME', 'XSRF_COOKIE_NAME'] as const) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(settings[name])) report(name, 'expected a cookie name');
  }
  if (settings.SESSION_COOKIE_NAME === settings.XSRF_COOKIE_NAME) {
    report('XSRF_COOKIE_NAME', 'must differ from SESSION_COOKIE_NAME');
  }
  if (!canPeopleLogIn(settings)) return faults;

  if (settings.kind === 'aws' && sessionSecrets(settings).length === 0) {
    report(
      'SESSION_SECRET',
      'required for people to log in: 32 random bytes, for example from `openssl rand -base64 32`',
    );
  }
  if (settings.REDIS_URL_FLASK_SESSIONS !== '' && !/^rediss?:\/\/./.test(settings.REDIS_URL_FLASK_SESSIONS)) {
    report('REDIS_URL_FLASK_SESSIONS', 'expected a redis:// or rediss:// URL');
  }
  switch (settings.USER_AUTH_MODULE) {
    case 'google':
      needs('GOOGLE_OAUTH_CONSUMER_SECRET');
      break;
    case 'oidc':
      needs('OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET');
      if (settings.OIDC_ISSUER !== '' && !isSafeIssuer(settings.OIDC_ISSUER)) {
        report('OIDC_ISSUER', 'expected https (http only for a provider on this machine)');
      }
      if (!settings.OIDC_SCOPES.split(' ').includes('openid'))
        report('OIDC_SCOPES', 'expected openid among the scopes');
      break;
    case 'header':
      needs('HEADER_AUTH_EMAIL_HEADER');
      if (settings.FORWARDED_ALLOW_IPS.length === 0) {
        report('FORWARDED_ALLOW_IPS', 'required with header login: the proxies to trust');
      }
      if (settings.FORWARDED_ALLOW_IPS.includes('*') && !settings.HEADER_AUTH_TRUST_ANY_PROXY) {
        report(
          'FORWARDED_ALLOW_IPS',
          'with header login, * lets anyone log in as anyone: name the proxies, or set HEADER_AUTH_TRUST_ANY_PROXY=true',
        );
      }
      break;
    case 'local':
      if (settings.kind === 'aws') report('USER_AUTH_MODULE', 'local is for the embedded server only');
      break;
    case 'saml':
    case 'null':
      break;
  }
  return faults;
}

function isAddressOrNetwork(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more !== undefined) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function isSafeIssuer(issuer: string): boolean {
  const { protocol, hostname } = new URL(issuer);
  return protocol === 'https:' || isLoopback(hostname);
}
