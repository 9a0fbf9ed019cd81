import * as openid from 'openid-client';
import { Refusal } from '../../domain/refusal.js';
import type { OpenIdFlow, OpenIdProvider } from '../../ports/login.js';
import { BackendUnavailable } from '../../ports/unavailable.js';
import { type ClaimRules, personOf } from './openid-person.js';
import { proxiedFetch } from './proxied-fetch.js';

export interface OpenIdOptions extends ClaimRules {
  /** The issuer identifier, from which everything else is discovered. http only for a provider on this machine. */
  issuer: string;
  clientId: string;
  clientSecret: string;
  scopes: string;
  timeoutMs: number;
}

/** The provider's metadata is discovered again after this time. */
const DISCOVERY_LIFETIME_MS = 3_600_000;

/** What is known of the provider. */
interface Discovered {
  /** The issuer under which the provider's metadata was found. */
  issuer: string;
  metadata: Record<string, unknown>;
  /** Fetches, through the proxy where there is one. */
  send: openid.CustomFetch;
  /** The ways to send the client secret that are worth a try, the one that worked last first. */
  methods: openid.ClientAuth[];
}

/** The authorization code flow with PKCE, state and nonce, and an ID token whose signature is always checked. */
export function openIdProvider(options: OpenIdOptions): OpenIdProvider {
  let fetching: ReturnType<typeof proxiedFetch> | undefined;
  let last: { discovered: Promise<Discovered>; at: number } | undefined;

  const provider = async (): Promise<Discovered> => {
    if (last === undefined || Date.now() - last.at > DISCOVERY_LIFETIME_MS) {
      fetching ??= proxiedFetch(options.timeoutMs);
      last = { discovered: fetching.then((throughProxy) => discover(options, throughProxy ?? direct)), at: Date.now() };
    }
    try {
      return await last.discovered;
    } catch (error) {
      // The next login tries again.
      last = undefined;
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
      const location = openid.buildAuthorizationUrl(await configure(options, await provider()), {
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
      const discovered = await provider();
      try {
        const { tokens, config } = await exchange(options, discovered, callback, flow);
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

/**
 * Exchanges the code for tokens. A provider may support several ways to send the client secret and still accept only the
 * one that this client is registered for, so the next is tried when one is refused: a code is not used up by that.
 */
async function exchange(options: OpenIdOptions, discovered: Discovered, callback: URL, flow: OpenIdFlow) {
  const methods = [...discovered.methods];
  for (const [index, method] of methods.entries()) {
    const config = await configure(options, discovered, method);
    try {
      const tokens = await openid.authorizationCodeGrant(config, callback, {
        expectedState: flow.state,
        expectedNonce: flow.nonce,
        pkceCodeVerifier: flow.codeVerifier,
        idTokenExpected: true,
      });
      discovered.methods = [method, ...methods.filter((other) => other !== method)];
      return { tokens, config };
    } catch (error) {
      if (index === methods.length - 1 || !isClientRefused(error)) throw error;
    }
  }
  throw new Refusal('login_failed');
}

function isClientRefused(error: unknown): boolean {
  const { status, error: code } = (error ?? {}) as { status?: unknown; error?: unknown };
  return status === 401 || code === 'invalid_client' || code === 'unauthorized_client';
}

/**
 * The ways to send the client secret that the provider supports (`token_endpoint_auth_methods_supported`), those that
 * send the secret itself first. If it names none, the specification's default comes first (RFC 8414, section 2).
 */
function methodsOf(supported: unknown, clientSecret: string): openid.ClientAuth[] {
  const [post, basic] = [openid.ClientSecretPost(clientSecret), openid.ClientSecretBasic(clientSecret)];
  const known = {
    client_secret_post: post,
    client_secret_basic: basic,
    client_secret_jwt: openid.ClientSecretJwt(clientSecret),
  };
  const names: unknown[] = Array.isArray(supported) ? supported : [];
  const usable = Object.entries(known).flatMap(([name, method]) => (names.includes(name) ? [method] : []));
  return usable.length === 0 ? [basic, post] : usable;
}

/**
 * The library's view of the provider. It is made anew for each login, from the metadata that was fetched before: the
 * library keeps signing keys with it, and would not look for rotated ones within a minute.
 */
async function configure(
  { clientId, clientSecret, timeoutMs }: OpenIdOptions,
  { issuer, metadata, send }: Discovered,
  method?: openid.ClientAuth,
): Promise<openid.Configuration> {
  const config = await openid.discovery(new URL(issuer), clientId, clientSecret, method, {
    timeout: timeoutMs / 1000,
    [openid.customFetch]: () => Promise.resolve(Response.json(metadata)),
    execute: [
      // Without this, the library trusts the token endpoint's TLS instead of the ID token's signature.
      openid.enableNonRepudiationChecks,
      ...insecureIfHttp(issuer),
    ],
  });
  config[openid.customFetch] = send;
  return config;
}

const direct: openid.CustomFetch = (url, options) => fetch(url, options as RequestInit);

/** The settings allow http only for a provider on this machine. */
function insecureIfHttp(issuer: string): ((config: openid.Configuration) => void)[] {
  return new URL(issuer).protocol === 'http:' ? [openid.allowInsecureRequests] : [];
}

/** Fetches the provider's metadata. The issuer may be given with or without a slash at its end. */
async function discover(options: OpenIdOptions, send: openid.CustomFetch): Promise<Discovered> {
  const other = options.issuer.endsWith('/') ? options.issuer.replace(/\/+$/, '') : `${options.issuer}/`;
  try {
    return await discoverAt(options.issuer, options, send);
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code !== 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED') throw error;
    // The first error names the issuer that the operator knows.
    return discoverAt(other, options, send).catch(() => Promise.reject(error as Error));
  }
}

async function discoverAt(issuer: string, options: OpenIdOptions, send: openid.CustomFetch): Promise<Discovered> {
  const { clientId, clientSecret, timeoutMs } = options;
  let fetched: Response | undefined;
  await openid.discovery(new URL(issuer), clientId, clientSecret, undefined, {
    timeout: timeoutMs / 1000,
    [openid.customFetch]: async (url, init) => {
      const response = await send(url, init);
      fetched = response.clone();
      return response;
    },
    execute: insecureIfHttp(issuer),
  });
  const metadata = (await fetched!.json()) as Record<string, unknown>;
  return {
    issuer,
    // A provider that names no algorithms for signed userinfo signs it as its ID tokens.
    metadata: {
      userinfo_signing_alg_values_supported: metadata['id_token_signing_alg_values_supported'],
      ...metadata,
    },
    send,
    methods: methodsOf(metadata['token_endpoint_auth_methods_supported'], clientSecret),
  };
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
