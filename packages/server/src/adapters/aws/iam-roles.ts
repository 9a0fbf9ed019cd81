import type { IAMClient } from '@aws-sdk/client-iam';
import { proxyAgent } from '@confidant/kmsauth/proxy';
import { RequestHandler } from '@confidant/kmsauth/request-handler';
import type { Roles } from '../../ports/grants.js';
import { BackendUnavailable } from '../../ports/unavailable.js';
import { defaultProvider } from './credentials.js';

export interface IamOptions {
  /** Region that requests are signed for; IAM itself is global. AWS_ENDPOINT_URL_IAM names another endpoint. */
  region: string;
  connectTimeoutMs: number;
  requestTimeoutMs: number;
  maxAttempts: number;
  /**
   * Time for asking about one role, all attempts together: a request waits for it. Default 5 seconds, not counting the
   * load of the SDK.
   */
  roleDeadlineMs?: number;
  /** Keeps the list in memory; without it every request asks IAM. */
  cache?: {
    refreshMs: number;
    /** A refresh comes earlier or later by at most this, so that servers do not ask all at once. */
    jitterMs: number;
  };
  /** Called when a refresh failed; the list before it stays. */
  onRefreshFailed: (error: unknown) => void;
}

const ROLES_PER_PAGE = 1000;
/** Maximum number of pages, far above what one account may hold: a listing that never ends must stop. */
const MAX_PAGES = 100;
/** Time for a whole listing, all pages and attempts together. */
const LISTING_DEADLINE_MS = 60_000;
const ROLE_DEADLINE_MS = 5000;
const MIN_REFRESH_MS = 1000;
const MAX_SOCKETS = 50;
/** More than a page of 1,000 roles with their trust policies has. */
const MAX_RESPONSE_BYTES = 32 * 1024 * 1024;

/** ARNs of roles by name. */
type Listing = ReadonlyMap<string, string>;

/**
 * Opens the roles of IAM. With a cache, answers come from the last complete list, which a failing refresh leaves as it
 * is. Until there is a list, callers wait for the first one and fail with it: a list is never partial.
 */
export function iamRoles(options: IamOptions): Roles {
  return new IamRoles(options);
}

class IamRoles implements Roles {
  readonly #options: IamOptions;
  #connected: Promise<{ sdk: Sdk; client: IAMClient }> | undefined;
  #known: Listing | undefined;
  #loading: Promise<Listing> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: IamOptions) {
    this.#options = options;
    if (options.cache) this.#refreshAfter(0);
  }

  async list(): Promise<string[]> {
    const listing = this.#options.cache ? (this.#known ?? (await this.#load())) : await this.#listing();
    return [...listing.keys()].sort();
  }

  async arnOf(name: string): Promise<string | undefined> {
    // A role made since the last refresh is not in the list, so IAM is asked before a role counts as missing.
    return this.#known?.get(name) ?? (await this.#ask(name));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    void this.#connected?.then(
      ({ client }) => client.destroy(),
      () => undefined,
    );
  }

  #refreshAfter(delayMs: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#load()
        .catch((error: unknown) => this.#options.onRefreshFailed(error))
        .finally(() => this.#refreshAfter(this.#nextRefreshMs()));
    }, delayMs).unref();
  }

  #nextRefreshMs(): number {
    const { refreshMs, jitterMs } = this.#options.cache!;
    return Math.max(MIN_REFRESH_MS, refreshMs + (Math.random() * 2 - 1) * jitterMs);
  }

  /** Concurrent callers share one listing. */
  #load(): Promise<Listing> {
    this.#loading ??= this.#listing()
      .then((listing) => (this.#known = listing))
      .finally(() => {
        this.#loading = undefined;
      });
    return this.#loading;
  }

  async #listing(): Promise<Listing> {
    return this.#call(async ({ sdk, client }) => {
      const abortSignal = AbortSignal.timeout(LISTING_DEADLINE_MS);
      const listing = new Map<string, string>();
      let marker: string | undefined;
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const from = marker === undefined ? {} : { Marker: marker };
        const answer = await client.send(new sdk.ListRolesCommand({ MaxItems: ROLES_PER_PAGE, ...from }), {
          abortSignal,
        });
        // A page of a proxy, or nothing at all, must not look like an account without roles.
        if (answer.Roles === undefined || answer.IsTruncated === undefined) throw notIam('ListRoles');
        for (const { RoleName: role, Arn: arn } of answer.Roles) {
          if (!role || !arn) throw notIam('ListRoles');
          listing.set(role, arn);
        }
        if (!answer.IsTruncated) return listing;
        if (answer.Marker === undefined || answer.Marker === marker)
          throw new Error('IAM sent an incomplete list without a new marker');
        marker = answer.Marker;
      }
      throw new Error('IAM lists more roles than this server reads');
    });
  }

  #ask(name: string): Promise<string | undefined> {
    return this.#call(async ({ sdk, client }) => {
      const abortSignal = AbortSignal.timeout(this.#options.roleDeadlineMs ?? ROLE_DEADLINE_MS);
      try {
        const { Role: role } = await client.send(new sdk.GetRoleCommand({ RoleName: name }), { abortSignal });
        if (role?.RoleName !== name || !role.Arn) throw notIam('GetRole');
        return role.Arn;
      } catch (error) {
        // A ValidationError says that no role can have such a name.
        if (['NoSuchEntity', 'NoSuchEntityException', 'ValidationError'].includes((error as Error).name)) {
          return undefined;
        }
        throw error;
      }
    });
  }

  async #call<Answer>(run: (connected: { sdk: Sdk; client: IAMClient }) => Promise<Answer>): Promise<Answer> {
    try {
      this.#connected ??= connect(this.#options);
      return await run(await this.#connected);
    } catch (error) {
      // The SDK's errors carry the whole exchange, so only their name and message are passed on.
      const { name, message } = error as Error;
      throw new BackendUnavailable('iam', { cause: new Error(`${name}: ${message}`) });
    }
  }
}

function notIam(operation: string): Error {
  return new Error(`the response is not IAM's to ${operation}`);
}

type Sdk = typeof import('@aws-sdk/client-iam');

/** Loads the SDK, which the embedded server never needs. */
async function connect(options: IamOptions): Promise<{ sdk: Sdk; client: IAMClient }> {
  const [sdk, httpsAgent] = await Promise.all([
    import('@aws-sdk/client-iam'),
    proxyAgent({ connectTimeoutMs: options.connectTimeoutMs, maxSockets: MAX_SOCKETS }),
  ]);
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const client = new sdk.IAMClient({
    region: options.region,
    maxAttempts: options.maxAttempts,
    // The SDK's own credentials would ask for single sign-on without the proxy.
    ...(httpsAgent !== undefined && { credentials: defaultProvider(options.region) }),
    logger: silent,
    requestHandler: new RequestHandler({
      connectTimeoutMs: options.connectTimeoutMs,
      responseTimeoutMs: options.requestTimeoutMs,
      maxResponseBytes: MAX_RESPONSE_BYTES,
      maxSockets: MAX_SOCKETS,
      httpsAgent,
    }),
  });
  return { sdk, client };
}
