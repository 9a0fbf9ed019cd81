import * as openid from 'openid-client';
import { emailOf, groupsOf, nameOf, type Person } from '../../domain/person.js';
import { Refusal } from '../../domain/refusal.js';
import type { OpenIdProvider } from '../../ports/login.js';
import { BackendUnavailable } from '../../ports/unavailable.js';
import { proxiedFetch } from './proxied-fetch.js';

export interface OpenIdOptions {
  /** Issuer identifier; everything else is discovered from it. http only for a provider on this machine. */
  issuer: string;
  clientId: string;
  clientSecret: string;
  scopes: string;
  /** Names of claims. */
  claims: { email: string; firstName: string; lastName: string; groups: string };
  /** Accept an e-mail of which the provider does not say whether it verified it. Never one it says it did not. */
  trustUnverifiedEmail: boolean;
  timeoutMs: number;
}

/** The provider's addresses are asked for again after this time. Its signing keys are refreshed as needed. */
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
      // Without this the library trusts the token endpoint's TLS in place of the ID token's signature.
      openid.enableNonRepudiationChecks,
      // The settings allow http for a provider on this machine alone.
      ...(url.protocol === 'http:' ? [openid.allowInsecureRequests] : []),
    ],
  });
}

type Claims = Readonly<Record<string, unknown>>;

/** Many providers put the person into the ID token, others only into the answer of their userinfo endpoint. */
async function personOf(options: OpenIdOptions, idToken: Claims, userInfo: () => Promise<Claims>): Promise<Person> {
  const { claims, trustUnverifiedEmail } = options;
  const complete = idToken[claims.email] !== undefined && idToken[claims.groups] !== undefined;
  const more = complete ? {} : await userInfo();
  // An address and what is said about it must come from one place.
  const source = idToken[claims.email] === undefined ? more : idToken;
  const verified = source['email_verified'];
  const mayBeUnsaid = trustUnverifiedEmail && verified === undefined;
  if (verified !== true && verified !== 'true' && !mayBeUnsaid) {
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
  // fetch tells of a broken connection by a bare TypeError, the library of a late answer by a code.
  const isNetwork = error instanceof TypeError && !('code' in error);
  const code = (error as { code?: unknown } | null)?.code;
  if (isNetwork || code === 'OAUTH_TIMEOUT') return new BackendUnavailable('openid-provider', { cause: error });
  // What the token endpoint said is in a property that no log shows.
  const said = (error as { error?: unknown } | null)?.error;
  const cause =
    typeof said === 'string' ? new Error(`the provider answered ${said.slice(0, 80)}`, { cause: error }) : error;
  return new Refusal('login_failed', undefined, { cause });
}
