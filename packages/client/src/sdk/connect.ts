import { TokenGenerator } from '@confidant/kmsauth/sender';
import type { KmsLike } from '@confidant/kmsauth';
import { AwsSession, findRegion } from './aws-session.js';
import { ConfidantClient } from './client.js';
import type { AttemptEvent, AuthProvider, RetryEvent } from './route-caller.js';
import type { ClientSettings, ServerSettings } from './config/profile.js';
import { sessionTransport, type LoginSession } from './session-transport.js';
import { nodeTransport, type Transport } from './transport.js';

export interface ConnectOptions {
  /** Asks for the code of an MFA device. If set, all calls to AWS use a session with MFA. */
  mfaCode?: () => Promise<string>;
  /** Serial number or ARN of the MFA device. Default: the device named after the IAM user. */
  mfaSerial?: string;
  onRetry?: (event: RetryEvent) => void;
  /** Called after every request. */
  onAttempt?: (event: AttemptEvent) => void;
  /** Called for every token with its origin: the cache file, or KMS. */
  onToken?: (from: 'cache' | 'kms') => void;
  /** Called before waiting for `whom`; the returned function is called when the wait is over. For showing progress. */
  onAsking?: (whom: string) => () => void;
  /** Called with problems that are not errors, for example a token cache that cannot be written. */
  onWarning?: (message: string) => void;
  /** Loads the AWS SDK by `require`, which is faster than `import`, but invisible to bundlers. Default: false. */
  unbundled?: boolean;
}

/** A client, and AWS KMS for blind credentials. */
export interface Connection {
  client: ConfidantClient;
  /** The region in which blind credentials are decrypted. Rejects with ConfigError if none is configured. */
  readonly region: () => Promise<string>;
  readonly kmsFor: (region: string) => KmsLike;
  /** Closes idle connections, so that the process can end. */
  close(): void;
}

/** A client that authenticates with KMS tokens. */
export interface KmsConnection extends Connection {
  /** The credentials for Basic authentication, or for X-Auth-From and X-Auth-Token. */
  readonly token: () => Promise<{ username: string; token: string }>;
}

/**
 * Creates a client that authenticates with KMS tokens, with the timeouts and retries of `settings`. Sends no request
 * yet. Rejects with ConfigError if no region is configured, and with RangeError for names and lifetimes no token can
 * have.
 */
export async function connect(settings: ClientSettings, options: ConnectOptions = {}): Promise<KmsConnection> {
  const { authContext } = settings;
  const region = await findRegion(settings.region);
  const aws = awsSession(settings, region, options);
  const generatorFor = (from: string): TokenGenerator =>
    new TokenGenerator({
      kms: aws.kms(region),
      authKey: settings.authKey,
      from,
      to: authContext.to,
      userType: authContext.userType,
      version: settings.tokenVersion,
      lifetimeMinutes: settings.tokenLifetimeMinutes,
      cacheFile: settings.tokenCacheFile,
      cacheScope: `${region} ${process.env['AWS_ENDPOINT_URL_KMS'] ?? process.env['AWS_ENDPOINT_URL'] ?? ''} ${settings.assumeRole ?? ''}`,
      ...(options.onToken !== undefined && { onToken: options.onToken }),
      ...(options.onWarning !== undefined && { onWarning: options.onWarning }),
    });
  let generator = authContext.from === undefined ? undefined : generatorFor(authContext.from);
  const token = async (): Promise<{ username: string; token: string }> => {
    // compat: without a configured name, the user's name in IAM is used.
    const makeToken = async () => (generator ??= generatorFor(await aws.userName())).token();
    // No progress is shown while the person is asked for an MFA code.
    return options.mfaCode === undefined ? waitFor('AWS KMS', makeToken, options) : makeToken();
  };
  const transport = openTransport(settings);
  return {
    client: openClient(settings, options, transport, async () => basicAuthorization(await token())),
    token,
    region: () => Promise.resolve(region),
    kmsFor: (of) => aws.kms(of),
    close() {
      transport.close();
      aws.close();
    },
  };
}

/**
 * Creates a client that authenticates with the session of a person's login. It uses AWS for blind credentials only.
 * `onRenewed` is called with the new session when the server renews it.
 */
export function connectSession(
  settings: ServerSettings,
  session: LoginSession,
  options: ConnectOptions & { onRenewed: (session: LoginSession) => void },
): Connection {
  const transport = openTransport(settings);
  let aws: AwsSession | undefined;
  return {
    // The transport authenticates, because the session changes with the responses.
    client: openClient(settings, options, sessionTransport(transport, session, options.onRenewed), () => ({})),
    region: () => findRegion(settings.region),
    kmsFor(of) {
      aws ??= awsSession(settings, of, options);
      return aws.kms(of);
    },
    close() {
      transport.close();
      aws?.close();
    },
  };
}

/** Creates a transport with the timeouts and certificates of `settings`. Throws if the CA file cannot be read. */
export function openTransport({ timeoutMs, caFile }: ServerSettings): ReturnType<typeof nodeTransport> {
  return nodeTransport({ timeoutMs, ...(caFile !== undefined && { caFile }) });
}

function openClient(
  { url, retries, backoffMs }: ServerSettings,
  options: ConnectOptions,
  transport: Transport,
  auth: AuthProvider,
): ConfidantClient {
  return new ConfidantClient({
    url,
    transport: (request) => waitFor(request.url.origin, () => transport(request), options),
    auth,
    retries,
    backoffMs,
    ...(options.onRetry !== undefined && { onRetry: options.onRetry }),
    ...(options.onAttempt !== undefined && { onAttempt: options.onAttempt }),
  });
}

async function waitFor<T>(whom: string, ask: () => Promise<T>, { onAsking }: ConnectOptions): Promise<T> {
  const answered = onAsking?.(whom);
  try {
    return await ask();
  } finally {
    answered?.();
  }
}

function awsSession(
  { timeoutMs, assumeRole }: ServerSettings,
  region: string,
  { mfaCode, mfaSerial, unbundled = false }: ConnectOptions,
): AwsSession {
  return new AwsSession({
    timeoutMs,
    region,
    unbundled,
    ...(assumeRole !== undefined && { assumeRole }),
    ...(mfaCode !== undefined && { mfaCode }),
    ...(mfaSerial !== undefined && { mfaSerial }),
  });
}

/** Returns the header for Basic authentication; usernames of KMS tokens cannot contain a colon. */
export function basicAuthorization({ username, token }: { username: string; token: string }): {
  authorization: string;
} {
  return { authorization: `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}` };
}
