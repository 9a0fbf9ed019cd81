import { proxyAgent } from '@confidant/kmsauth/proxy';
import type { SigningCredentials } from '../../aws/sigv4.js';

export interface AwsCredentials extends SigningCredentials {
  readonly expiration?: Date;
}

export type CredentialsProvider = (options?: { forceRefresh?: boolean }) => Promise<AwsCredentials>;

/** Credentials are renewed this long before they expire, so that the old ones still serve if the renewal fails. */
const RENEW_BEFORE_MS = 5 * 60_000;
/** Minimum time between two attempts to renew. */
const RENEW_PAUSE_MS = 10_000;

/** Caches a provider's credentials until shortly before they expire. Concurrent callers share one load. */
export class CredentialsCache {
  readonly #provider: CredentialsProvider;
  #cached: AwsCredentials | undefined;
  #loading: Promise<AwsCredentials> | undefined;
  #forgotten = false;
  #renewalAt = 0;

  constructor(provider: CredentialsProvider) {
    this.#provider = provider;
  }

  /** The cached credentials while they are valid; starts a renewal when that is due. */
  current(): AwsCredentials | undefined {
    const cached = this.#cached;
    if (cached?.expiration === undefined) return cached;
    const now = Date.now();
    const leftMs = cached.expiration.getTime() - now;
    if (leftMs <= 0) return undefined;
    if (leftMs < RENEW_BEFORE_MS && now >= this.#renewalAt) {
      this.#renewalAt = now + RENEW_PAUSE_MS;
      // A failed renewal does no harm yet; once the old credentials have expired, load() reports it.
      this.load().catch(() => undefined);
    }
    return cached;
  }

  /** Asks the provider for credentials. Rejects as the provider does. */
  load(): Promise<AwsCredentials> {
    this.#loading ??= this.#provider(this.#forgotten ? { forceRefresh: true } : {})
      .then((credentials) => {
        this.#forgotten = false;
        return (this.#cached = credentials);
      })
      .finally(() => {
        this.#loading = undefined;
      });
    return this.#loading;
  }

  /** Drops the cached credentials after AWS reported that they have expired. The next call loads new ones. */
  forget(): void {
    this.#cached = undefined;
    this.#forgotten = true;
  }
}

/**
 * A provider in AWS's usual order: environment, shared files, single sign-on, web identity, container and instance
 * roles. STS and single sign-on are asked through the proxy of the environment, the metadata services of a machine
 * never are. The SDK's code is loaded when it is first needed.
 */
export function defaultProvider(region: string): CredentialsProvider {
  let opening: Promise<CredentialsProvider> | undefined;
  return async (options) => {
    opening ??= openProvider(region);
    return (await opening)(options);
  };
}

/** The credentials of {@link defaultProvider}, cached. */
export function defaultCredentials(region: string): CredentialsCache {
  return new CredentialsCache(defaultProvider(region));
}

const STS_CONNECT_TIMEOUT_MS = 5000;
const STS_MAX_SOCKETS = 2;

async function openProvider(region: string): Promise<CredentialsProvider> {
  const [sdk, httpsAgent] = await Promise.all([
    import('@aws-sdk/credential-provider-node'),
    proxyAgent({ connectTimeoutMs: STS_CONNECT_TIMEOUT_MS, maxSockets: STS_MAX_SOCKETS }),
  ]);
  return sdk.defaultProvider({
    clientConfig: { region, ...(httpsAgent !== undefined && { requestHandler: { httpsAgent } }) },
  });
}
