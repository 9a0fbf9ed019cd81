import { createRequire } from 'node:module';
import type { GrantOperation, KMSClient, KMSClientConfig } from '@aws-sdk/client-kms';
import {
  KmsRefused,
  KmsUnavailable,
  type EncryptionContext,
  type KmsGrant,
  type KmsGrants,
  type KmsLike,
} from './kms.js';
import { isPlainObject } from './plain-object.js';
import { ProxyError } from './proxy-error.js';
import type { RequestHandler } from './request-handler.js';

export interface AwsKmsOptions {
  region: string;
  /** Replaces AWS's endpoint of the region. If undefined, AWS_ENDPOINT_URL_KMS may replace it. */
  endpoint?: string;
  /** Time limit for a new connection, TLS and proxy included. */
  connectTimeoutMs: number;
  /** Time limit for a whole response, counted from when the connection is ready. */
  requestTimeoutMs: number;
  maxSockets: number;
  /** Maximum number of attempts, including the first. */
  maxAttempts: number;
  /**
   * Time limit for a whole call, with all attempts, pauses and the search for credentials. Default: attempts times both
   * timeouts.
   */
  deadlineMs?: number;
  /** Credentials to sign with. Default: the SDK's default chain. */
  credentials?: KMSClientConfig['credentials'];
  /** Loads the SDK by `require`, which is faster in Node than `import`, but invisible to bundlers. */
  unbundled?: boolean;
}

type Sdk = typeof import('@aws-sdk/client-kms');
type Call<Answer> = (sdk: Sdk, client: KMSClient, signal: { abortSignal: AbortSignal }) => Promise<Answer>;

/** KMS allows 50,000 grants per key and returns at most 100 at once. */
const MAX_GRANT_PAGES = 500;
const GRANTS_PER_PAGE = 100;
/** Far more than a page of grants has. */
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

/**
 * KMS over the AWS SDK. The first call loads the SDK, so importing this is cheap for programs that never call KMS.
 * Every method rejects as {@link KmsLike} says and settles within the deadline. TLS connections use the environment's
 * proxy (see proxy.ts); if it fails, calls reject with KmsUnavailable.
 */
export function awsKms(options: AwsKmsOptions): KmsLike & KmsGrants & { close(): void } {
  const deadlineMs = options.deadlineMs ?? options.maxAttempts * (options.connectTimeoutMs + options.requestTimeoutMs);
  let connected: Promise<Connected> | undefined;

  async function call<Answer>(run: Call<Answer>): Promise<Answer> {
    connected ??= connect(options).catch((error: unknown) => {
      connected = undefined;
      throw error;
    });
    const { sdk, client, requestHandler } = await connected;
    const controller = new AbortController();
    return withinDeadline(deadlineMs, controller, (abortSignal) => run(sdk, client, { abortSignal })).catch(
      (error: unknown) => {
        const last = error instanceof DeadlineExceeded ? requestHandler.lastFailure(controller.signal) : undefined;
        throw last === undefined
          ? asKmsError(error)
          : new KmsUnavailable('DeadlineExceeded', { cause: withoutRequest(last) });
      },
    );
  }

  return {
    async encrypt({ keyId, plaintext, context }) {
      const answer = await call((sdk, client, signal) =>
        client.send(
          new sdk.EncryptCommand({ KeyId: keyId, Plaintext: plaintext, EncryptionContext: { ...context } }),
          signal,
        ),
      );
      return { ciphertext: required(answer.CiphertextBlob), keyArn: required(answer.KeyId) };
    },

    async decrypt({ ciphertext, context }) {
      const answer = await call((sdk, client, signal) =>
        client.send(new sdk.DecryptCommand({ CiphertextBlob: ciphertext, EncryptionContext: { ...context } }), signal),
      );
      return { plaintext: required(answer.Plaintext), keyArn: required(answer.KeyId) };
    },

    async generateRandom(byteCount) {
      const answer = await call((sdk, client, signal) =>
        client.send(new sdk.GenerateRandomCommand({ NumberOfBytes: byteCount }), signal),
      );
      return required(answer.Plaintext);
    },

    async describeKey(keyId) {
      const answer = await call((sdk, client, signal) =>
        client.send(new sdk.DescribeKeyCommand({ KeyId: keyId }), signal),
      );
      return { keyArn: required(answer.KeyMetadata?.Arn) };
    },

    async listGrants(keyId, { granteePrincipal } = {}) {
      const only = granteePrincipal === undefined ? {} : { GranteePrincipal: granteePrincipal };
      const grants: KmsGrant[] = [];
      let marker: string | undefined;
      for (let page = 0; page < MAX_GRANT_PAGES; page += 1) {
        const from = marker === undefined ? {} : { Marker: marker };
        const answer = await call((sdk, client, signal) =>
          client.send(new sdk.ListGrantsCommand({ KeyId: keyId, Limit: GRANTS_PER_PAGE, ...only, ...from }), signal),
        );
        for (const grant of answer.Grants ?? []) {
          grants.push({
            grantId: required(grant.GrantId),
            granteePrincipal: grant.GranteePrincipal ?? '',
            operations: grant.Operations ?? [],
            contextSubset: { ...grant.Constraints?.EncryptionContextSubset },
          });
        }
        if (!answer.Truncated) return grants;
        if (answer.NextMarker === marker) throw new KmsUnavailable('IncompleteAnswer');
        marker = required(answer.NextMarker);
      }
      throw new KmsUnavailable('TooManyGrants');
    },

    async createGrant({ keyId, granteePrincipal, operations, contextSubset }) {
      const constraints =
        Object.keys(contextSubset).length === 0
          ? {}
          : { Constraints: { EncryptionContextSubset: { ...contextSubset } satisfies EncryptionContext } };
      const answer = await call((sdk, client, signal) =>
        client.send(
          new sdk.CreateGrantCommand({
            KeyId: keyId,
            GranteePrincipal: granteePrincipal,
            Operations: operations as GrantOperation[],
            ...constraints,
          }),
          signal,
        ),
      );
      return { grantId: required(answer.GrantId) };
    },

    async revokeGrant({ keyId, grantId }) {
      await call((sdk, client, signal) =>
        client.send(new sdk.RevokeGrantCommand({ KeyId: keyId, GrantId: grantId }), signal),
      );
    },

    close() {
      const closing = connected;
      connected = undefined;
      void closing?.then(
        ({ client }) => client.destroy(),
        () => undefined,
      );
    },
  };
}

interface Connected {
  sdk: Sdk;
  client: KMSClient;
  requestHandler: RequestHandler;
}

async function connect(options: AwsKmsOptions): Promise<Connected> {
  const { connectTimeoutMs, maxSockets } = options;
  const [sdk, { RequestHandler: Handler }, httpsAgent] = await Promise.all([
    load(options),
    import('./request-handler.js'),
    import('./proxy.js').then(({ proxyAgent }) => proxyAgent({ connectTimeoutMs, maxSockets })),
  ]);
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const requestHandler = new Handler({
    connectTimeoutMs,
    responseTimeoutMs: options.requestTimeoutMs,
    maxResponseBytes: MAX_RESPONSE_BYTES,
    maxSockets,
    httpsAgent,
  });
  const client = withoutVersionNotice(
    () =>
      new sdk.KMSClient({
        region: options.region,
        maxAttempts: options.maxAttempts,
        ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
        ...(options.credentials !== undefined && { credentials: options.credentials }),
        logger: silent,
        requestHandler,
      }),
  );
  return { sdk, client, requestHandler };
}

async function load({ unbundled = false }: AwsKmsOptions): Promise<Sdk> {
  if (unbundled) {
    const require = createRequire(import.meta.url);
    return require('@aws-sdk/client-kms') as Sdk;
  }
  // The handler is not used. Bundlers that write CommonJS confuse names of the SDK unless this part, which its modules
  // share, is loaded beside it.
  const [sdk] = await Promise.all([import('@aws-sdk/client-kms'), import('@smithy/node-http-handler')]);
  return sdk;
}

const NOTICE_SWITCH = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED';

/**
 * Suppresses the notice that the SDK prints on Node 20 about its releases of 2027: eight lines in front of a command's
 * output. The variable is restored, because programs pass their environment to child processes.
 */
function withoutVersionNotice<Client>(make: () => Client): Client {
  const before = process.env[NOTICE_SWITCH];
  process.env[NOTICE_SWITCH] ??= 'true';
  try {
    return make();
  } finally {
    if (before === undefined) delete process.env[NOTICE_SWITCH];
  }
}

class DeadlineExceeded extends KmsUnavailable {
  constructor() {
    super('DeadlineExceeded');
  }
}

/** Rejects with {@link DeadlineExceeded} at the deadline even if the call ignores the signal, as a search for credentials or a response body does. */
async function withinDeadline<Answer>(
  deadlineMs: number,
  controller: AbortController,
  run: (signal: AbortSignal) => Promise<Answer>,
) {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new DeadlineExceeded();
      reject(error);
      controller.abort(error);
    }, deadlineMs);
  });
  try {
    return await Promise.race([run(controller.signal), over]);
  } finally {
    clearTimeout(timer);
  }
}

/** 4xx errors about the caller's credentials, clock or request rate. They are not a refusal of what was requested. */
const NOT_A_REFUSAL =
  /throttl|TooManyRequests|RequestLimitExceeded|^ExpiredToken|^UnrecognizedClient|^InvalidClientTokenId|^InvalidSignature|^SignatureDoesNotMatch|^IncompleteSignature|^MissingAuthenticationToken|^RequestExpired|^RequestTimeTooSkewed|^OptInRequired|^KeyUnavailable|^DependencyTimeout|^KMSInternal/i;

/**
 * Only a well-formed error of KMS itself with a 4xx status is a refusal; everything else means that KMS is unavailable.
 */
function asKmsError(error: unknown): KmsRefused | KmsUnavailable {
  if (error instanceof KmsRefused || error instanceof KmsUnavailable) return error;
  if (!(error instanceof Error)) return new KmsUnavailable('Unknown');
  const isNetworkError = error.name === 'Error' || error instanceof AggregateError;
  const code = isNetworkError && 'code' in error ? String(error.code) : error.name;
  const cause = withoutRequest(error);
  const status = statusOf(error) ?? 0;
  const isRefusal = status >= 400 && status < 500 && status !== 429 && code.endsWith('Exception');
  return isRefusal && !NOT_A_REFUSAL.test(code) ? new KmsRefused(code, { cause }) : new KmsUnavailable(code, { cause });
}

/** The SDK's errors carry the whole request and response; only the message is kept. */
function withoutRequest(error: Error): Error {
  return error instanceof ProxyError ? new ProxyError(error.message, error.code) : new Error(error.message);
}

function statusOf(error: Error): number | undefined {
  const metadata = '$metadata' in error ? error.$metadata : undefined;
  const status = isPlainObject(metadata) ? metadata['httpStatusCode'] : undefined;
  return typeof status === 'number' ? status : undefined;
}

function required<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new KmsUnavailable('IncompleteAnswer');
  return value;
}
