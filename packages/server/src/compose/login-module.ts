import { userInfo } from 'node:os';
import type { LoginFlows } from '../auth/login-flow.js';
import type { SamlSettings } from '../config/saml.js';
import type { Settings } from '../config/server-settings.js';
import type { Person } from '../domain/person.js';
import { redeemLoginLink } from '../embedded/login-link.js';
import type { LoginModule } from '../http/login-options.js';

const GOOGLE_ISSUER = 'https://accounts.google.com';
/** Time limit for a response of an OpenID provider. */
const PROVIDER_TIMEOUT_MS = 10_000;

/**
 * Opens the way in which people log in. Only the library in use is loaded.
 *
 * @param now seconds since 1970
 */
export async function openLoginModule(settings: Settings, flows: LoginFlows, now: () => number): Promise<LoginModule> {
  switch (settings.USER_AUTH_MODULE) {
    case 'google':
    case 'oidc': {
      const { openIdProvider } = await import('../adapters/login/openid.js');
      return { kind: 'openid', flows, provider: openIdProvider(openIdOptions(settings)) };
    }
    case 'saml': {
      // readSettings derives these whenever people log in with SAML.
      const saml = settings.saml!;
      const { samlProvider } = await import('../adapters/login/saml.js');
      return {
        kind: 'saml',
        flows,
        provider: samlProvider(saml, now),
        debug: (settings.SAML_DEBUG ?? settings.DEBUG) ? withoutKeys(saml) : null,
      };
    }
    case 'header':
      return { kind: 'header' };
    case 'local': {
      const person: Person = { email: userInfo().username, firstName: null, lastName: null, groups: [] };
      return {
        kind: 'local',
        redeem: (secret) => (redeemLoginLink(settings.CONFIDANT_DATA_DIR, secret) ? person : undefined),
      };
    }
  }
  return { kind: 'no-login' };
}

/** The content of `/v1/saml/debug`: the settings without the keys. */
function withoutKeys({
  entityId,
  consumeUrl,
  logoutUrl,
  audiences,
  sign,
  want,
  idp,
}: SamlSettings): Record<string, unknown> {
  return { entityId, consumeUrl, logoutUrl, audiences, sign, want, idp: { ...idp, certificates: undefined } };
}

/** The options of the OpenID provider. Google is one, whose address is known. */
export function openIdOptions(settings: Settings) {
  const google = settings.USER_AUTH_MODULE === 'google';
  return {
    issuer: google ? GOOGLE_ISSUER : settings.OIDC_ISSUER,
    clientId: google ? settings.GOOGLE_OAUTH_CLIENT_ID : settings.OIDC_CLIENT_ID,
    clientSecret: google ? settings.GOOGLE_OAUTH_CONSUMER_SECRET : settings.OIDC_CLIENT_SECRET,
    scopes: settings.OIDC_SCOPES,
    claims: {
      email: settings.OIDC_EMAIL_CLAIM,
      firstName: settings.OIDC_FIRST_NAME_CLAIM,
      lastName: settings.OIDC_LAST_NAME_CLAIM,
      groups: settings.OIDC_GROUPS_CLAIM,
    },
    trustUnverifiedEmail: !google && settings.OIDC_TRUST_UNVERIFIED_EMAIL,
    timeoutMs: PROVIDER_TIMEOUT_MS,
  };
}
