import * as openid from 'openid-client';
import { emailOf, groupsOf, nameOf, type Person } from '../../domain/person.js';
import { Refusal } from '../../domain/refusal.js';
import type { OpenIdProvider } from '../../ports/login.js';
import { BackendUnavailable } from '../../ports/unavailable.js';
import { proxiedFetch } from './proxied-fetch.js';

export interface OpenIdOptions {
  /** The issuer identifier, from which everything else is discovered. http only for a provider on this machine. */
  issuer: string;
  clientId: string;
  clientSecret: string;
  scopes: string;
  /** The names of the claims to read. */
  claims: { email: string; firstName: string; lastName: string; groups: string };
  /**
   * Also accepts an e-mail when the provider does not say whether it verified it; never when it says that it did not.
   */
  trustUnverifiedEmail: boolean;
  timeoutMs: number;
}

/** The provider's addresses are discovered again after this time. Its signing keys are refreshed as needed. */
const DISCOVERY_LIFETIME_MS = 3_600_000;

/** The authorization code flow with PKCE, state and nonce, and an ID token whose signature is always checked. */
export function openIdProvider(options: OpenIdOptions): OpenIdProvider {
  let fetching: ReturnType<typeof proxiedFetch> | undefined;
  let discovered: { configuration: Promise<openid.Configuration>; at: number } | undefined;

  const configuration = async (): Promise<openid.Configuration> => {
    if (discovered === undefined || Date.now() - discovered.at > DISCOVERY_LIFETIME_MS) {
      fetching ??= proxiedFetch(options.timeoutMs);
      discovered = { configuration: fetching.then((throughProxy) => discover(options, throughProxy)), at: Date.now() };
    }
    try {
      return await discovered.configuration;
    } catch (error) {
      // The next login tries again.
      discovered = undefined;
      throw new BackendUnavailable('openid-provider', { cause: error });
    }
  };

  return {
    begin: async (redirectUri) => {
      const flow = {
        state: openid.randomState(),
        nonce: openid.randomNonce(),
        codeVerifier: openid.randomPKCECodeVerifier(),
      };
      const location = openid.buildAuthorizationUrl(await configuration(), {
        redirect_uri: redirectUri,
        response_type: 'code',
        scope: options.scopes,
        state: flow.state,
        nonce: flow.nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(flow.codeVerifier),
        code_challenge_method: 'S256',
      });
      return { location: location.href, flow };
    },
    finish: async (callback, flow) => {
      const config = await configuration();
      try {
        const tokens = await openid.authorizationCodeGrant(config, callback, {
          expectedState: flow.state,
          expectedNonce: flow.nonce,
          pkceCodeVerifier: flow.codeVerifier,
          idTokenExpected: true,
        });
        const idToken = tokens.claims();
        if (idToken === undefined) throw new Refusal('login_failed');
        return await personOf(options, idToken, () =>
          config.serverMetadata().userinfo_endpoint === undefined
            ? Promise.resolve({})
            : openid.fetchUserInfo(config, tokens.access_token, idToken.sub),
        );
      } catch (error) {
        throw outcomeOf(error);
      }
    },
  };
}

async function discover(
  { issuer, clientId, clientSecret, timeoutMs }: OpenIdOptions,
  throughProxy: openid.CustomFetch | undefined,
): Promise<openid.Configuration> {
  const url = new URL(issuer);
  return openid.discovery(url, clientId, clientSecret, undefined, {
    timeout: timeoutMs / 1000,
    ...(throughProxy !== undefined && { [openid.customFetch]: throughProxy }),
    execute: [
      // Without this, the library trusts the token endpoint's TLS instead of the ID token's signature.
      openid.enableNonRepudiationChecks,
      // The settings allow http only for a provider on this machine.
      ...(url.protocol === 'http:' ? [openid.allowInsecureRequests] : []),
    ],
  });
}

type Claims = Readonly<Record<string, unknown>>;

/**
 * The person who logged in: many providers put them into the ID token, others only into the response of their userinfo
 * endpoint.
 */
async function personOf(options: OpenIdOptions, idToken: Claims, userInfo: () => Promise<Claims>): Promise<Person> {
  const { claims, trustUnverifiedEmail } = options;
  const complete = idToken[claims.email] !== undefined && idToken[claims.groups] !== undefined;
  const more = complete ? {} : await userInfo();
  // The address and its verification must come from the same place.
  const source = idToken[claims.email] === undefined ? more : idToken;
  const verified = source['email_verified'];
  const isTrusted = trustUnverifiedEmail && verified === undefined;
  if (verified !== true && verified !== 'true' && !isTrusted) {
    throw new Refusal('login_failed', 'The login provider has not verified your e-mail address.');
  }
  const claim = (name: string): unknown => idToken[name] ?? more[name];
  const email = emailOf(source[claims.email]);
  const groups = groupsOf(claim(claims.groups));
  if (email === undefined) throw new Refusal('login_failed', 'The login provider gave no usable e-mail address.');
  if (groups === undefined) throw new Refusal('login_failed', 'The login provider named too many groups.');
  return { email, firstName: nameOf(claim(claims.firstName)), lastName: nameOf(claim(claims.lastName)), groups };
}

function outcomeOf(error: unknown): Error {
  if (error instanceof Refusal || error instanceof BackendUnavailable) return error;
  // fetch reports a broken connection with a bare TypeError; the library reports a late response with a code.
  const isNetwork = error instanceof TypeError && !('code' in error);
  const code = (error as { code?: unknown } | null)?.code;
  if (isNetwork || code === 'OAUTH_TIMEOUT') return new BackendUnavailable('openid-provider', { cause: error });
  // The response of the token endpoint is in a property that no log shows.
  const said = (error as { error?: unknown } | null)?.error;
  const cause =
    typeof said === 'string' ? new Error(`the provider answered ${said.slice(0, 80)}`, { cause: error }) : error;
  return new Refusal('login_failed', undefined, { cause });
}
