import { TokenGenerator } from '@confidant/kmsauth';
import type { KmsLike } from '@confidant/kmsauth';
import { AwsSession, findRegion } from './aws-session.js';
import { ConfidantClient } from './client.js';
import type { RetryEvent } from './caller.js';
import type { ClientSettings } from './config.js';
import { nodeTransport } from './transport.js';

export interface ConnectOptions {
  /** Asked for the code of an MFA device; with it every call of AWS uses a session that proved MFA. */
  mfaCode?: () => Promise<string>;
  onRetry?: (event: RetryEvent) => void;
  /** Told what is worth knowing but stops nothing, for example that the token cache can not be written. */
  onWarning?: (message: string) => void;
}

/** A client that authenticates with KMS tokens, and what it authenticates with. */
export interface Connection {
  client: ConfidantClient;
  /** What proves who calls: for Basic authentication, or X-Auth-From and X-Auth-Token. */
  readonly token: () => Promise<{ username: string; token: string }>;
  /** The region of the authentication key, in which blind credentials are opened. */
  region: string;
  readonly kmsFor: (region: string) => KmsLike;
  /** Ends kept-alive connections, so that nothing holds the process. */
  close(): void;
}

/**
 * Puts a client together: KMS tokens over AWS credentials, node's HTTP, the time-outs and retries of `settings`.
 * Asks nobody yet. Rejects with ConfigError when no region is known, RangeError for names and lifetimes no token can
 * have.
 */
export async function connect(settings: ClientSettings, options: ConnectOptions = {}): Promise<Connection> {
  const { timeoutMs, authContext } = settings;
  const region = await findRegion(settings.region);
  const aws = new AwsSession({
    timeoutMs,
    region,
    ...(settings.assumeRole === undefined ? {} : { assumeRole: settings.assumeRole }),
    ...(options.mfaCode === undefined ? {} : { mfaCode: options.mfaCode }),
  });
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
      ...(options.onWarning === undefined ? {} : { onWarning: options.onWarning }),
    });
  let generator = authContext.from === undefined ? undefined : generatorFor(authContext.from);
  const token = async (): Promise<{ username: string; token: string }> => {
    // compat: a user without a configured name goes by the name IAM knows.
    generator ??= generatorFor(await aws.userName());
    return generator.token();
  };
  const transport = nodeTransport({ timeoutMs, ...(settings.caFile === undefined ? {} : { caFile: settings.caFile }) });
  const client = new ConfidantClient({
    url: settings.url,
    transport,
    auth: async () => basicAuthorization(await token()),
    retries: settings.retries,
    backoffMs: settings.backoffMs,
    ...(options.onRetry === undefined ? {} : { onRetry: options.onRetry }),
  });
  return {
    client,
    token,
    region,
    kmsFor: (of) => aws.kms(of),
    close() {
      transport.close();
      aws.close();
    },
  };
}

/** A header of Basic authentication; user names of KMS tokens hold no colon. */
export function basicAuthorization({ username, token }: { username: string; token: string }): {
  authorization: string;
} {
  return { authorization: `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}` };
}
