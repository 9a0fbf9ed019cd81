import { createRequire } from 'node:module';
import { KmsRefused, KmsUnavailable, ProxyError, awsKms } from '@confidant/kmsauth/sender';
import type { AwsKmsOptions, KmsLike } from '@confidant/kmsauth';
import { ConfigError } from './errors.js';
import { checkProxy, proxyAgent } from './proxy.js';

type CredentialProvider = Extract<NonNullable<AwsKmsOptions['credentials']>, (...args: never[]) => unknown>;
type Credentials = Awaited<ReturnType<CredentialProvider>>;

export interface AwsSessionOptions {
  region: string;
  /** Name or ARN of a role to assume. A name means a role of the caller's own account. */
  assumeRole?: string;
  /** Asks for the code of the caller's MFA device; called once per session. */
  mfaCode?: () => Promise<string>;
  /** Serial number or ARN of the MFA device. Default: the device named after the IAM user. */
  mfaSerial?: string;
  timeoutMs: number;
  /** As in {@link AwsKmsOptions}. */
  unbundled?: boolean;
}

/** A call to STS or IAM failed. The message names the call and AWS's error code, and contains no secret. */
export class AwsSessionError extends Error {
  override readonly name = 'AwsSessionError';
}

/** No region is configured. A class of its own, because the command line can suggest its option. */
export class NoRegion extends ConfigError {}

/** KMS refused; the message adds key and region, because the usual reason is an alias of another account or region. */
class KeyRefused extends KmsRefused {
  constructor(refused: KmsRefused, place: string) {
    super(refused.code, refused.cause === undefined ? {} : { cause: refused.cause });
    this.message = `${refused.message} ${place}`;
  }
}

/** Temporary credentials are renewed this long before they expire. */
const RENEW_BEFORE_MS = 5 * 60_000;
const MAX_ATTEMPTS = 3;

/**
 * Finds the AWS region to authenticate in: `configured`, AWS_REGION, AWS_DEFAULT_REGION, or the region of the AWS
 * profile (AWS_PROFILE), in this order. Rejects with {@link NoRegion} if none of them is set.
 */
export async function findRegion(configured?: string): Promise<string> {
  const region =
    configured || process.env['AWS_REGION'] || process.env['AWS_DEFAULT_REGION'] || (await regionOfAwsFiles());
  if (!region) {
    throw new NoRegion(['no AWS region: set region in the configuration or in the AWS profile, or set AWS_REGION']);
  }
  return region;
}

async function regionOfAwsFiles(): Promise<string> {
  const { loadConfig, NODE_REGION_CONFIG_FILE_OPTIONS, NODE_REGION_CONFIG_OPTIONS } =
    await import('@smithy/core/config');
  // Without a default the SDK would ask the instance metadata service, which takes seconds where there is none.
  return loadConfig({ ...NODE_REGION_CONFIG_OPTIONS, default: '' }, NODE_REGION_CONFIG_FILE_OPTIONS)();
}

/**
 * AWS for the client: KMS in any region, and the caller's IAM user name. Credentials come from the SDK's default chain,
 * and from STS if a role or MFA is requested; all regions share them. Nothing is loaded or requested before it is
 * needed.
 */
export class AwsSession {
  readonly #options: AwsSessionOptions;
  readonly #kms = new Map<string, ReturnType<typeof awsKms>>();
  #chain: Promise<CredentialProvider> | undefined;
  #temporary: Credentials | undefined;
  #request: Promise<Credentials> | undefined;
  #user: Promise<{ name: string; arn: string }> | undefined;
  /** Why STS gave no temporary credentials last time. */
  #failure: Error | undefined;

  constructor(options: AwsSessionOptions) {
    this.#options = options;
  }

  /**
   * Returns KMS of a region. Its methods reject as KmsLike says, with {@link AwsSessionError} if STS or IAM fails, and
   * with whatever `mfaCode` rejects with.
   */
  kms(region: string): KmsLike {
    let kms = this.#kms.get(region);
    if (kms === undefined) {
      const { timeoutMs } = this.#options;
      kms = awsKms({
        region,
        connectTimeoutMs: timeoutMs,
        requestTimeoutMs: timeoutMs,
        maxSockets: 10,
        maxAttempts: MAX_ATTEMPTS,
        // The search for credentials (instance metadata, SSO, typing an MFA code) takes longer than KMS.
        deadlineMs: MAX_ATTEMPTS * 2 * timeoutMs + (this.#options.mfaCode === undefined ? 0 : 10 * 60_000),
        credentials: () => this.#credentials(),
        unbundled: this.#options.unbundled ?? false,
      });
      this.#kms.set(region, kms);
    }
    const { encrypt, decrypt, generateRandom, describeKey } = kms;
    const explain = (place: string) => async (error: unknown) => {
      if (error instanceof KmsUnavailable && error.cause instanceof ProxyError) await checkProxy();
      throw error instanceof KmsRefused ? new KeyRefused(error, place) : this.#unwrapCredentialsError(error);
    };
    return {
      encrypt: (request) => encrypt(request).catch(explain(`for ${request.keyId} in ${region}`)),
      decrypt: (request) => decrypt(request).catch(explain(`in ${region}`)),
      generateRandom: (byteCount) => generateRandom(byteCount).catch(explain(`in ${region}`)),
      describeKey: (keyId) => describeKey(keyId).catch(explain(`for ${keyId} in ${region}`)),
    };
  }

  /**
   * Returns the caller's IAM user name. Rejects with {@link AwsSessionError}, for example for a role, which has none.
   */
  async userName(): Promise<string> {
    return (await this.#iamUser()).name;
  }

  close(): void {
    for (const kms of this.#kms.values()) kms.close();
  }

  async #credentials(): Promise<Credentials> {
    const { assumeRole, mfaCode } = this.#options;
    if (!assumeRole && mfaCode === undefined) return this.#base();
    const endsAtMs = this.#temporary?.expiration?.getTime() ?? 0;
    if (this.#temporary !== undefined && endsAtMs - Date.now() >= RENEW_BEFORE_MS) return this.#temporary;
    // Concurrent calls share one response, because an MFA code can be used only once.
    this.#request ??= this.#askSts()
      .then((credentials) => (this.#temporary = credentials))
      .catch((error: unknown) => {
        this.#failure = error instanceof Error ? error : undefined;
        throw error;
      })
      .finally(() => (this.#request = undefined));
    return this.#request;
  }

  /** The SDK reports failed credentials as an unavailable KMS; this returns the original error from STS or IAM. */
  #unwrapCredentialsError(error: unknown): unknown {
    const [failure, cause] = [this.#failure, error instanceof KmsUnavailable ? error.cause : undefined];
    const isSame = failure !== undefined && cause instanceof Error && cause.message === failure.message;
    return isSame && (error as KmsUnavailable).code === failure.name ? failure : error;
  }

  async #base(): Promise<Credentials> {
    this.#chain ??= this.#loadChain();
    return (await this.#chain)();
  }

  async #loadChain(): Promise<CredentialProvider> {
    const { timeoutMs, unbundled } = this.#options;
    const name = '@aws-sdk/credential-provider-node';
    type Chain = typeof import('@aws-sdk/credential-provider-node');
    const [{ defaultProvider }, httpsAgent] = await Promise.all([
      unbundled ? (createRequire(import.meta.url)(name) as Chain) : import('@aws-sdk/credential-provider-node'),
      proxyAgent({ connectTimeoutMs: timeoutMs, maxSockets: 1 }),
    ]);
    if (httpsAgent === undefined) return defaultProvider();
    // The proxy is for STS and single sign-on, not for instance and container metadata.
    return defaultProvider({ clientConfig: { requestHandler: { connectionTimeout: timeoutMs, httpsAgent } } });
  }

  // compat: the session is named `<role>_confidant`; a role's name alone is completed with the account of the IAM
  // user, and the MFA device is the one named after that user.
  async #askSts(): Promise<Credentials> {
    const { assumeRole, mfaCode, mfaSerial } = this.#options;
    const needsUser =
      (mfaCode !== undefined && mfaSerial === undefined) ||
      (assumeRole !== undefined && !assumeRole.startsWith('arn:'));
    const user = needsUser ? await this.#iamUser() : undefined;
    const account = user?.arn.split(':').slice(0, 5).join(':');
    const mfa =
      mfaCode === undefined
        ? {}
        : { SerialNumber: mfaSerial ?? `${account}:mfa/${user?.name}`, TokenCode: await mfaCode() };
    const { STSClient, AssumeRoleCommand, GetSessionTokenCommand } = await import('@aws-sdk/client-sts');
    const sts = new STSClient(await this.#clientOptions());
    try {
      if (!assumeRole) return fromSts(await sts.send(new GetSessionTokenCommand(mfa)));
      const roleName = assumeRole.slice(assumeRole.lastIndexOf('/') + 1);
      return fromSts(
        await sts.send(
          new AssumeRoleCommand({
            RoleArn: assumeRole.startsWith('arn:') ? assumeRole : `${account}:role/${assumeRole}`,
            RoleSessionName: `${roleName.slice(0, 54)}_confidant`,
            ...mfa,
          }),
        ),
      );
    } catch (error) {
      const wanted = assumeRole ? `assume the role ${assumeRole}` : 'get a session with MFA';
      throw new AwsSessionError(`could not ${wanted}: ${nameOf(error)}`, { cause: error });
    } finally {
      sts.destroy();
    }
  }

  #iamUser(): Promise<{ name: string; arn: string }> {
    this.#user ??= this.#getUser().catch((error: unknown) => {
      this.#user = undefined;
      throw error;
    });
    return this.#user;
  }

  async #getUser(): Promise<{ name: string; arn: string }> {
    const { IAMClient, GetUserCommand } = await import('@aws-sdk/client-iam');
    const iam = new IAMClient(await this.#clientOptions());
    try {
      const { User } = await iam.send(new GetUserCommand({}));
      if (!User?.UserName || !User.Arn) throw new Error('no user');
      return { name: User.UserName, arn: User.Arn };
    } catch (error) {
      throw new AwsSessionError(`could not get the name of the user from IAM (GetUser): ${nameOf(error)}`, {
        cause: error,
      });
    } finally {
      iam.destroy();
    }
  }

  async #clientOptions() {
    const httpsAgent = await proxyAgent({ connectTimeoutMs: this.#options.timeoutMs, maxSockets: 1 });
    return {
      region: this.#options.region,
      maxAttempts: MAX_ATTEMPTS,
      credentials: () => this.#base(),
      requestHandler: {
        connectionTimeout: this.#options.timeoutMs,
        requestTimeout: this.#options.timeoutMs,
        ...(httpsAgent && { httpsAgent }),
      },
    };
  }
}

/** The SDK's error name if it finds no credentials. */
export const NO_CREDENTIALS = 'CredentialsProviderError';

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  if (error.name === NO_CREDENTIALS) return 'no AWS credentials were found';
  // Network errors have codes, AWS's errors have names. A host with several addresses fails as an AggregateError.
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

interface StsResponse {
  Credentials?:
    | {
        AccessKeyId?: string | undefined;
        SecretAccessKey?: string | undefined;
        SessionToken?: string | undefined;
        Expiration?: Date | undefined;
      }
    | undefined;
}

function fromSts({ Credentials: found }: StsResponse): Credentials {
  if (!found?.AccessKeyId || !found.SecretAccessKey) throw new Error('IncompleteAnswer');
  return {
    accessKeyId: found.AccessKeyId,
    secretAccessKey: found.SecretAccessKey,
    ...(found.SessionToken ? { sessionToken: found.SessionToken } : {}),
    ...(found.Expiration ? { expiration: found.Expiration } : {}),
  };
}
