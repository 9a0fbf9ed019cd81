import { TokenGenerator } from '@confidant/kmsauth/sender';
import type { KmsLike } from '@confidant/kmsauth';
import { AwsSession, findRegion } from './aws-session.js';
import { ConfidantClient } from './client.js';
import type { AttemptEvent, AuthProvider, RetryEvent } from './route-caller.js';
import type { ClientSettings, ServerSettings } from './config/profile.js';
import { sessionTransport, type LoginSession } from './session-transport.js';
import { nodeTransport, type Transport } from './transport.js';

export interface ConnectOptions {
  /** Asked for the code of an MFA device; with it every call of AWS uses a session that proved MFA. */
  mfaCode?: () => Promise<string>;
  onRetry?: (event: RetryEvent) => void;
  /** Told of every request when it is over. */
  onAttempt?: (event: AttemptEvent) => void;
  /** Told where a token comes from: the cache file, or KMS. */
  onToken?: (from: 'cache' | 'kms') => void;
  /** Told whom is asked; what it answers is called when the answer is there, or none comes. For showing progress. */
  onAsking?: (whom: string) => () => void;
  /** Told what is worth knowing but stops nothing, for example that the token cache can not be written. */
  onWarning?: (message: string) => void;
  /** Loads the AWS SDK by `require`: quicker than by `import`, but a bundler leaves it out. Default: false. */
  unbundled?: boolean;
}

/** A client, and AWS for what is encrypted blind. */
export interface Connection {
  client: ConfidantClient;
  /** The region in which blind credentials are opened. Rejects with ConfigError when none is known. */
  readonly region: () => Promise<string>;
  readonly kmsFor: (region: string) => KmsLike;
  /** Ends kept-alive connections, so that nothing holds the process. */
  close(): void;
}

/** A client that authenticates with KMS tokens. */
export interface KmsConnection extends Connection {
  /** What proves who calls: for Basic authentication, or X-Auth-From and X-Auth-Token. */
  readonly token: () => Promise<{ username: string; token: string }>;
}

/**
 * Puts a client together: KMS tokens over AWS credentials, node's HTTP, the time-outs and retries of `settings`.
 * Asks nobody yet. Rejects with ConfigError when no region is known, RangeError for names and lifetimes no token can
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
      cacheScope: `${region} ${process.env['AWS_ENDPOINT_URL_KMS'] ?? ''} ${settings.assumeRole ?? ''}`,
      ...(options.onToken === undefined ? {} : { onToken: options.onToken }),
      ...(options.onWarning === undefined ? {} : { onWarning: options.onWarning }),
    });
  let generator = authContext.from === undefined ? undefined : generatorFor(authContext.from);
  const token = async (): Promise<{ username: string; token: string }> => {
    // compat: a user without a configured name goes by the name IAM knows.
    const ask = async () => (generator ??= generatorFor(await aws.userName())).token();
    // Who is asked for a code needs no line about waiting.
    return options.mfaCode === undefined ? waitFor('AWS KMS', ask, options) : ask();
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
 * The same with the session of a person's login. AWS is asked for blind credentials only. `onRenewed` is told of the
 * session when the server renews it.
 */
export function connectSession(
  settings: ServerSettings,
  session: LoginSession,
  options: ConnectOptions & { onRenewed: (session: LoginSession) => void },
): Connection {
  const transport = openTransport(settings);
  let aws: AwsSession | undefined;
  return {
    // The transport says who calls: what it says changes with the answers.
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

/** HTTP with the time-outs and certificates of `settings`. Throws when its CA file can not be read. */
export function openTransport({ timeoutMs, caFile }: ServerSettings): ReturnType<typeof nodeTransport> {
  return nodeTransport({ timeoutMs, ...(caFile === undefined ? {} : { caFile }) });
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
    ...(options.onRetry === undefined ? {} : { onRetry: options.onRetry }),
    ...(options.onAttempt === undefined ? {} : { onAttempt: options.onAttempt }),
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
  { mfaCode, unbundled = false }: ConnectOptions,
): AwsSession {
  return new AwsSession({
    timeoutMs,
    region,
    unbundled,
    ...(assumeRole === undefined ? {} : { assumeRole }),
    ...(mfaCode === undefined ? {} : { mfaCode }),
  });
}

/** A header of Basic authentication; user names of KMS tokens hold no colon. */
export function basicAuthorization({ username, token }: { username: string; token: string }): {
  authorization: string;
} {
  return { authorization: `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}` };
}
