import { isIP } from 'node:net';
import type { Fault } from './setting-types.js';
import { samlSettings } from './saml.js';
import type { SettingName, Settings } from './settings.js';

/**
 * Whether people can log in at all. compat: the module is `google` unless said otherwise, also where nobody ever meant
 * to log in; without a client id it is as good as none.
 */
export function canPeopleLogIn(settings: Settings): boolean {
  if (!settings.USE_AUTH || settings.USER_AUTH_MODULE === 'null') return false;
  return settings.USER_AUTH_MODULE !== 'google' || settings.GOOGLE_OAUTH_CLIENT_ID !== '';
}

/** The secrets of SESSION_SECRET: the first signs. */
export function sessionSecrets(settings: Settings): string[] {
  return settings.SESSION_SECRET.split(/\s+/).filter((secret) => secret !== '');
}

/** Settings about logins that do not go together. */
export function loginFaults(settings: Settings, embedded: boolean): Fault[] {
  const faults: Fault[] = [];
  const fault = (setting: SettingName, problem: string): void => void faults.push({ setting, problem });
  const needs = (...names: SettingName[]): void => {
    for (const name of names) {
      if (settings[name] === '') fault(name, `required when USER_AUTH_MODULE is ${settings.USER_AUTH_MODULE}`);
    }
  };
  for (const proxy of settings.FORWARDED_ALLOW_IPS) {
    if (proxy !== '*' && !isAddressOrNetwork(proxy)) {
      fault('FORWARDED_ALLOW_IPS', 'expected addresses, networks like 10.0.0.0/8, or *');
    }
  }
  for (const name of ['SESSION_COOKIE_NAME', 'XSRF_COOKIE_NAME'] as const) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(settings[name])) fault(name, 'expected the name of a cookie');
  }
  if (settings.SESSION_COOKIE_NAME === settings.XSRF_COOKIE_NAME) {
    fault('XSRF_COOKIE_NAME', 'expected another name than SESSION_COOKIE_NAME');
  }
  if (!canPeopleLogIn(settings)) return faults;

  if (!embedded && sessionSecrets(settings).length === 0) {
    fault('SESSION_SECRET', 'required for people to log in: 32 random bytes, for example of `openssl rand -base64 32`');
  }
  if (settings.REDIS_URL_FLASK_SESSIONS !== '' && !/^rediss?:\/\/./.test(settings.REDIS_URL_FLASK_SESSIONS)) {
    fault('REDIS_URL_FLASK_SESSIONS', 'expected a redis:// or rediss:// URL');
  }
  switch (settings.USER_AUTH_MODULE) {
    case 'google':
      needs('GOOGLE_OAUTH_CONSUMER_SECRET');
      break;
    case 'oidc':
      needs('OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET');
      if (settings.OIDC_ISSUER !== '' && !isSafeIssuer(settings.OIDC_ISSUER)) {
        fault('OIDC_ISSUER', 'expected https (http only for a provider on this machine)');
      }
      if (!settings.OIDC_SCOPES.split(' ').includes('openid')) fault('OIDC_SCOPES', 'expected openid among the scopes');
      break;
    case 'saml':
      samlSettings(settings, fault);
      break;
    case 'header':
      needs('HEADER_AUTH_EMAIL_HEADER');
      if (settings.FORWARDED_ALLOW_IPS.length === 0) {
        fault('FORWARDED_ALLOW_IPS', 'required with header login: the proxies whose word counts');
      }
      if (settings.FORWARDED_ALLOW_IPS.includes('*') && !settings.HEADER_AUTH_TRUST_ANY_PROXY) {
        fault(
          'FORWARDED_ALLOW_IPS',
          'with header login, * lets anybody be anyone: name the proxies, or set HEADER_AUTH_TRUST_ANY_PROXY=true',
        );
      }
      break;
    case 'local':
      if (!embedded) fault('USER_AUTH_MODULE', 'local is for the embedded default only');
      break;
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
  return protocol === 'https:' || ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
}
