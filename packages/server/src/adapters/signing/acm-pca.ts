import { isPlainObject } from '@confidant/contract';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { Refusal } from '../../domain/refusal.js';
import type {
  CertificateAuthority,
  CertificateAuthorityDescription,
  IssuedCertificate,
  IssuedKeyPair,
  SigningRequest,
} from '../../ports/certificates.js';
import type { Clock } from '../../ports/clock.js';
import type { Metrics } from '../../ports/telemetry.js';
import { BackendUnavailable } from '../../ports/unavailable.js';
import { CredentialsCache, type CredentialsProvider, defaultCredentials } from '../aws/credentials.js';
import { awsEndpoint } from '../aws/endpoint.js';
import { AwsJsonClient, AwsRefusal } from '../aws/json-client.js';
import { selfSigned } from './self-signed.js';
import type { KeyMaker } from './x509/key-maker.js';

const BACKEND = 'acm-pca';
/** Time-outs of ACM Private CA, which is slower than a store; no settings change them. */
const CONNECT_TIMEOUT_MS = 2000;
const READ_TIMEOUT_MS = 5000;
const MAX_SOCKETS = 50;
const MAX_ATTEMPTS = 3;
/** Pauses between polls: a certificate is ready a second or two after its request. */
const FIRST_POLL_MS = 200;
const MAX_POLL_MS = 2000;
const ISSUE_WITHIN_MS = 20_000;
/** Tags on further pages are left out. AWS allows 50 tags per CA. */
const MAX_TAG_PAGES = 10;
const DAY_MS = 86_400_000;

export interface AcmPcaClientOptions {
  region: string;
  /** See {@link acmPcaEndpoint}. */
  endpoint: string;
  /** Default: AWS's usual order of sources. */
  credentials?: CredentialsProvider;
}

/** The endpoint of ACM Private CA in a region, `url` if that is set. Rejects as {@link awsEndpoint} does. */
export function acmPcaEndpoint(region: string, url: string | undefined): Promise<string> {
  return awsEndpoint({ service: 'acm-pca', serviceId: 'ACM PCA', region, ...(url !== undefined && { url }) });
}

/** A client for the CAs of one region. */
export function acmPcaClient({ region, endpoint, credentials }: AcmPcaClientOptions): AwsJsonClient {
  return new AwsJsonClient({
    backend: BACKEND,
    service: 'acm-pca',
    targetPrefix: 'ACMPrivateCA',
    jsonVersion: '1.1',
    region,
    endpoint,
    credentials: credentials ? new CredentialsCache(credentials) : defaultCredentials(region),
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    readTimeoutMs: READ_TIMEOUT_MS,
    maxSockets: MAX_SOCKETS,
    maxAttempts: MAX_ATTEMPTS,
  });
}

export interface AcmPcaOptions {
  name: string;
  /** The ARN of the CA; empty only with `selfSign`. */
  arn: string;
  signingAlgorithm: string;
  templateArn: string;
  maxValidityDays: number;
  /** For development: `issueWithKey` makes self-signed certificates without calling the CA. */
  selfSign: boolean;
  keys: KeyMaker;
  /** Maximum number of certificates, with their keys, that are cached for the day; 0 caches none. */
  cacheSize: number;
  client: Pick<AwsJsonClient, 'call'>;
  clock: Clock;
  metrics: Metrics;
  /** Time limit for one certificate in milliseconds. Default: 20 seconds. */
  issueWithinMs?: number;
}

/** A CA of AWS Private CA. */
export class AcmPca implements CertificateAuthority {
  readonly name: string;
  readonly maxValidityDays: number;
  readonly subject: Readonly<Record<string, string>>;
  readonly #options: AcmPcaOptions;
  /** Holds promises, so that concurrent requests share one certificate: the original answered them 429. */
  readonly #cache: LRUCache<string, Promise<IssuedKeyPair>> | undefined;

  constructor(options: AcmPcaOptions) {
    this.#options = options;
    this.name = options.name;
    this.maxValidityDays = options.maxValidityDays;
    this.subject = options.keys.subject;
    if (options.cacheSize > 0) this.#cache = new LRUCache({ max: options.cacheSize, ttl: DAY_MS });
  }

  async describe(): Promise<CertificateAuthorityDescription> {
    const ca = this.name;
    if (this.#options.arn === '') return { ca, certificate: null, chain: null, tags: {} };
    const [answer, tags] = await Promise.all([this.#call('GetCertificateAuthorityCertificate', {}), this.#tags()]);
    return { ca, certificate: text(answer, 'Certificate'), chain: optionalText(answer, 'CertificateChain'), tags };
  }

  async issue(request: SigningRequest, validityDays: number): Promise<IssuedCertificate> {
    if (this.#options.arn === '') {
      throw new Refusal('invalid_request', 'This CA issues certificates only with keys that it makes itself.');
    }
    const deadline = performance.now() + (this.#options.issueWithinMs ?? ISSUE_WITHIN_MS);
    const arn = await this.#timed('issue_certificate', async () => {
      const answer = await this.#call(
        'IssueCertificate',
        {
          Csr: Buffer.from(request.pem).toString('base64'),
          SigningAlgorithm: this.#options.signingAlgorithm,
          TemplateArn: this.#options.templateArn,
          Validity: { Type: 'DAYS', Value: validityDays },
          // After a lost response, the repeated call gets the certificate of the first.
          IdempotencyToken: randomUUID(),
        },
        deadline,
      );
      return text(answer, 'CertificateArn');
    });
    return this.#timed('get_certificate_from_arn', () => this.#collect(arn, deadline));
  }

  async issueWithKey(commonName: string, dnsNames: readonly string[], validityDays: number): Promise<IssuedKeyPair> {
    const names = { commonName, dnsNames };
    const cache = this.#cache;
    if (cache === undefined) return this.#makeAndIssue(names, validityDays);
    return this.#timed('get_cached_certificate_with_key', () => {
      const day = this.#options.clock.now().slice(0, 10);
      const key = JSON.stringify([commonName, validityDays, day, ...[...dnsNames].sort()]);
      const cached = cache.get(key);
      this.#options.metrics.count(`get_cached_certificate_with_key.${cached ? 'hit' : 'miss'}`);
      if (cached !== undefined) return cached;
      const issuing = this.#makeAndIssue(names, validityDays);
      cache.set(key, issuing);
      // A failure is passed to the requests that wait for it, but is not cached for later ones.
      issuing.catch(() => {
        if (cache.peek(key) === issuing) cache.delete(key);
      });
      return issuing;
    });
  }

  #makeAndIssue(
    names: { commonName: string; dnsNames: readonly string[] },
    validityDays: number,
  ): Promise<IssuedKeyPair> {
    const { selfSign, keys, clock } = this.#options;
    return this.#timed('issue_certificate_with_key', async () => {
      if (selfSign) return selfSigned(keys, clock, names, validityDays);
      const { keyPem, request } = await keys.make(names);
      return { ...(await this.issue(request, validityDays)), key: keyPem };
    });
  }

  /** Polls for the certificate until it is there. */
  async #collect(certificateArn: string, deadline: number): Promise<IssuedCertificate> {
    for (let pauseMs = FIRST_POLL_MS; ; pauseMs = Math.min(pauseMs * 1.5, MAX_POLL_MS)) {
      try {
        const answer = await this.#call('GetCertificate', { CertificateArn: certificateArn }, deadline);
        return { certificate: text(answer, 'Certificate'), chain: optionalText(answer, 'CertificateChain') ?? '' };
      } catch (error) {
        const pending = error instanceof BackendUnavailable && codeOf(error.cause) === 'RequestInProgressException';
        if (!pending || performance.now() + pauseMs >= deadline) throw error;
      }
      await sleep(pauseMs);
    }
  }

  async #tags(): Promise<Record<string, string>> {
    const tags: Record<string, string> = Object.create(null) as Record<string, string>;
    let next: unknown;
    for (let page = 0; page < MAX_TAG_PAGES; page++) {
      const answer = await this.#call('ListTags', typeof next === 'string' ? { NextToken: next } : {});
      const list: unknown[] = Array.isArray(answer['Tags']) ? answer['Tags'] : [];
      for (const { Key, Value } of list.filter(isPlainObject)) {
        if (typeof Key === 'string') tags[Key] = typeof Value === 'string' ? Value : '';
      }
      next = answer['NextToken'];
      if (typeof next !== 'string' || next === '') break;
    }
    return tags;
  }

  async #call(operation: string, input: object, deadline?: number): Promise<Record<string, unknown>> {
    const { client, arn } = this.#options;
    try {
      return await client.call(operation, { CertificateAuthorityArn: arn, ...input }, deadline);
    } catch (error) {
      if (codeOf(error) === 'MalformedCSRException') {
        throw new Refusal('invalid_request', 'The CA does not accept the csr.', { cause: error });
      }
      // Denied access and a disabled or deleted CA count as unavailable too: the operator has to act.
      throw error instanceof AwsRefusal ? new BackendUnavailable(BACKEND, { cause: error }) : error;
    }
  }

  async #timed<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const startedAt = performance.now();
    try {
      return await work();
    } finally {
      this.#options.metrics.timing(name, performance.now() - startedAt);
    }
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof AwsRefusal ? error.code : undefined;
}

function text(answer: Readonly<Record<string, unknown>>, field: string): string {
  const value = answer[field];
  if (typeof value !== 'string' || value === '') {
    throw new BackendUnavailable(BACKEND, { cause: new Error(`the answer has no ${field}`) });
  }
  return value;
}

/** The text of a field that a CA may lack: a root CA has no chain. */
function optionalText(answer: Readonly<Record<string, unknown>>, field: string): string | null {
  const value = answer[field];
  return typeof value === 'string' ? value : null;
}
