import { proxyAgent } from '@confidant/kmsauth/proxy';
import type { SigningCredentials } from '../../aws/sigv4.js';

export interface AwsCredentials extends SigningCredentials {
  readonly expiration?: Date;
}

export type CredentialsProvider = (options?: { forceRefresh?: boolean }) => Promise<AwsCredentials>;

/** Renewed this long before they end, while the old ones still serve if the renewal fails ... */
const RENEW_BEFORE_MS = 5 * 60_000;
/** ... and then not asked for again before this. */
const RENEW_PAUSE_MS = 10_000;

/** Keeps what a provider gave until shortly before it expires. Concurrent callers share one load. */
export class CredentialsCache {
  readonly #provider: CredentialsProvider;
  #kept: AwsCredentials | undefined;
  #loading: Promise<AwsCredentials> | undefined;
  #forgotten = false;
  #renewalAt = 0;

  constructor(provider: CredentialsProvider) {
    this.#provider = provider;
  }

  /** What is kept, if it is good; starts a renewal when that is due. */
  current(): AwsCredentials | undefined {
    const kept = this.#kept;
    if (kept?.expiration === undefined) return kept;
    const now = Date.now();
    const leftMs = kept.expiration.getTime() - now;
    if (leftMs <= 0) return undefined;
    if (leftMs < RENEW_BEFORE_MS && now >= this.#renewalAt) {
      this.#renewalAt = now + RENEW_PAUSE_MS;
      // A failed renewal is nobody's fault yet; once the old ones have ended, load() tells it.
      this.load().catch(() => undefined);
    }
    return kept;
  }

  /** Asks the provider. Rejects as it does. */
  load(): Promise<AwsCredentials> {
    this.#loading ??= this.#provider(this.#forgotten ? { forceRefresh: true } : {})
      .then((credentials) => {
        this.#forgotten = false;
        return (this.#kept = credentials);
      })
      .finally(() => {
        this.#loading = undefined;
      });
    return this.#loading;
  }

  /** AWS says they have expired: the next call loads new ones. */
  forget(): void {
    this.#kept = undefined;
    this.#forgotten = true;
  }
}

/**
 * AWS's usual order: environment, shared files, single sign-on, web identity, container and instance roles. STS and
 * single sign-on are asked through the proxy of the environment; what tells a machine its role never is. The SDK's code
 * for it is loaded when it is first needed.
 */
export function defaultProvider(region: string): CredentialsProvider {
  let opening: Promise<CredentialsProvider> | undefined;
  return async (options) => {
    opening ??= openProvider(region);
    return (await opening)(options);
  };
}

/** The same, kept. */
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
