import { ROUTES, stringifyJson } from '@confidant/contract';
import type { BodyOf, JsonObject, ParamsOf, QueryOf, ResponseOf, Route, RouteId } from '@confidant/contract';
import { RefusedForNow, readAnswer } from './answers.js';
import { ConfidantError } from './errors.js';
import type { Transport, TransportRequest } from './transport.js';

/** Headers that prove who calls. Asked for every attempt, so what they hold may run out between two. */
export type AuthProvider = () => Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>;

/** A pause before another attempt. */
export interface RetryEvent {
  /** 1 for the first repetition. */
  attempt: number;
  retries: number;
  delayMs: number;
  error: ConfidantError;
}

export interface ConfidantClientOptions {
  /** The server's address, `https://confidant.example.com`; a path in it is kept. */
  url: string;
  auth: AuthProvider;
  transport: Transport;
  /** How often GET and PUT are repeated after 500, 502, 503, 504 and failures of the network; POST never is. Default 0. */
  retries?: number;
  /** The first pause; it doubles each time up to two minutes, and a random half of it is left out. Default 1000. */
  backoffMs?: number;
  onRetry?: (event: RetryEvent) => void;
}

export interface CallOptions {
  signal?: AbortSignal;
}

type QueryValue = string | number | boolean | readonly string[] | undefined;

export interface RequestInput {
  params?: Readonly<Record<string, string | number>>;
  query?: Readonly<Record<string, QueryValue>>;
  body?: unknown;
}

/** Leaves out what the route does not have, and what is optional of it may be left out. */
type CallInput<Id extends RouteId> = ([ParamsOf<Id>] extends [undefined] ? unknown : { params: ParamsOf<Id> }) &
  ([QueryOf<Id>] extends [undefined] ? unknown : { query?: Partial<QueryOf<Id>> }) &
  ([BodyOf<Id>] extends [undefined] ? unknown : { body: BodyOf<Id> });

const MAX_BACKOFF_MS = 120_000;
const RETRIED = [500, 502, 503, 504];

/**
 * Confidant's interface over HTTP. Knows nothing of AWS, files or a command line: how a call is authenticated and
 * carried is given to it. Every method rejects with {@link ConfidantError}, and with whatever `auth` rejects with.
 */
export class ConfidantClient {
  readonly #options: ConfidantClientOptions;
  readonly #base: URL;

  /** Throws TypeError when `url` is no http or https address. */
  constructor(options: ConfidantClientOptions) {
    this.#options = options;
    this.#base = parseServerUrl(options.url);
  }

  /** Calls a route of the contract by its name. */
  async call<Id extends RouteId>(id: Id, input: CallInput<Id>, options?: CallOptions): Promise<ResponseOf<Id>> {
    const route: Route = ROUTES[id];
    return (await this.request(route.method, route.path, input as RequestInput, options)) as ResponseOf<Id>;
  }

  /**
   * Calls any address: `path` as in the route table, `/v1/credentials/:id`. Answers the JSON object of a 200; numbers
   * that JavaScript would change are `ExactNumber`s.
   */
  async request(
    method: TransportRequest['method'],
    path: string,
    input: RequestInput = {},
    options: CallOptions = {},
  ): Promise<JsonObject> {
    const { retries = 0, onRetry } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(method, path, input, options);
      } catch (error) {
        if (!(error instanceof ConfidantError) || !isWorthRetrying(method, error) || attempt > retries) throw error;
        const delayMs = this.#delayMs(attempt, error);
        onRetry?.({ attempt, retries, delayMs, error });
        await pause(delayMs, options.signal);
      }
    }
  }

  async #attempt(
    method: TransportRequest['method'],
    path: string,
    input: RequestInput,
    { signal }: CallOptions,
  ): Promise<JsonObject> {
    const url = this.#urlOf(path, input);
    const response = await this.#options.transport({
      method,
      url,
      headers: {
        accept: 'application/json',
        ...(input.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(await this.#options.auth()),
      },
      ...(input.body === undefined ? {} : { body: stringifyJson(input.body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    return readAnswer(`${method} ${url.pathname}`, response);
  }

  #urlOf(path: string, { params = {}, query = {} }: RequestInput): URL {
    const filled = path.replace(/:([a-z_]+)/g, (_, name: string) => {
      const value = params[name];
      // A dot segment would be resolved away, and another address be asked.
      if (value === undefined || /^\.{0,2}$/.test(String(value))) {
        throw new ConfidantError(`${path}: ${name} is missing`, { code: 'invalid_request' });
      }
      return encodeURIComponent(value);
    });
    const url = new URL(this.#base.pathname.replace(/\/+$/, '') + filled, this.#base);
    for (const [name, value] of Object.entries(query)) {
      for (const item of Array.isArray(value)
        ? (value as string[])
        : [value as Exclude<QueryValue, readonly string[]>]) {
        if (item !== undefined) url.searchParams.append(name, queryText(item));
      }
    }
    return url;
  }

  #delayMs(attempt: number, error: ConfidantError): number {
    const { backoffMs = 1000 } = this.#options;
    const full = Math.min(backoffMs * 2 ** (attempt - 1), MAX_BACKOFF_MS);
    const jittered = full / 2 + (Math.random() * full) / 2;
    return Math.max(jittered, error instanceof RefusedForNow ? error.retryAfterMs : 0);
  }

  /** Credentials without their values, by name. All of them, or a page of `limit`. */
  listCredentials(query: Partial<QueryOf<'listCredentials'>> = {}, options?: CallOptions) {
    return this.call('listCredentials', { query }, options);
  }

  /** A credential with its values; without them when `metadataOnly`. */
  getCredential(id: string, { metadataOnly = false }: { metadataOnly?: boolean } = {}, options?: CallOptions) {
    return this.call('getCredential', { params: { id }, query: { metadata_only: metadataOnly } }, options);
  }

  createCredential(body: BodyOf<'createCredential'>, options?: CallOptions) {
    return this.call('createCredential', { body }, options);
  }

  /** Writes a new revision; what `body` leaves out stays. */
  updateCredential(id: string, body: BodyOf<'updateCredential'>, options?: CallOptions) {
    return this.call('updateCredential', { params: { id }, body }, options);
  }

  /** Writes a new revision that equals an old one. */
  revertCredential(id: string, revision: number, options?: CallOptions) {
    return this.call('revertCredential', { params: { id, revision } }, options);
  }

  diffCredential(id: string, oldRevision: number, newRevision: number, options?: CallOptions) {
    return this.call('diffCredential', { params: { id, old: oldRevision, new: newRevision } }, options);
  }

  getCredentialServices(id: string, options?: CallOptions) {
    return this.call('getCredentialServices', { params: { id } }, options);
  }

  getCredentialHistory(id: string, options?: CallOptions) {
    return this.call('getCredentialHistory', { params: { id } }, options);
  }

  listCredentialHistory(query: Partial<QueryOf<'listCredentialHistory'>> = {}, options?: CallOptions) {
    return this.call('listCredentialHistory', { query }, options);
  }

  listServices(query: Partial<QueryOf<'listServices'>> = {}, options?: CallOptions) {
    return this.call('listServices', { query }, options);
  }

  /** A service and the credentials mapped to it, with their values unless `metadataOnly`. */
  getService(id: string, { metadataOnly = false }: { metadataOnly?: boolean } = {}, options?: CallOptions) {
    return this.call('getService', { params: { id }, query: { metadata_only: metadataOnly } }, options);
  }

  /** Creates a service or writes a new revision of it. */
  putService(id: string, body: BodyOf<'putService'>, options?: CallOptions) {
    return this.call('putService', { params: { id }, body }, options);
  }

  revertService(id: string, revision: number, options?: CallOptions) {
    return this.call('revertService', { params: { id, revision } }, options);
  }

  diffService(id: string, oldRevision: number, newRevision: number, options?: CallOptions) {
    return this.call('diffService', { params: { id, old: oldRevision, new: newRevision } }, options);
  }

  getServiceHistory(id: string, options?: CallOptions) {
    return this.call('getServiceHistory', { params: { id } }, options);
  }

  listServiceHistory(query: Partial<QueryOf<'listServiceHistory'>> = {}, options?: CallOptions) {
    return this.call('listServiceHistory', { query }, options);
  }

  /** The name the server knows the caller by. */
  getUserEmail(options?: CallOptions) {
    return this.call('getUserEmail', {}, options);
  }

  /** Blind credentials in short: without ciphertext, data keys and metadata. */
  listBlindCredentials(options?: CallOptions) {
    return this.call('listBlindCredentials', {}, options);
  }

  getBlindCredential(id: string, options?: CallOptions) {
    return this.call('getBlindCredential', { params: { id } }, options);
  }

  /** Stores what `encryptBlind` made, with the contexts under `context` of the metadata. */
  createBlindCredential(body: BodyOf<'createBlindCredential'>, options?: CallOptions) {
    return this.call('createBlindCredential', { body }, options);
  }

  updateBlindCredential(id: string, body: BodyOf<'updateBlindCredential'>, options?: CallOptions) {
    return this.call('updateBlindCredential', { params: { id }, body }, options);
  }

  revertBlindCredential(id: string, revision: number, options?: CallOptions) {
    return this.call('revertBlindCredential', { params: { id, revision } }, options);
  }

  getBlindCredentialServices(id: string, options?: CallOptions) {
    return this.call('getBlindCredentialServices', { params: { id } }, options);
  }

  getBlindCredentialHistory(id: string, options?: CallOptions) {
    return this.call('getBlindCredentialHistory', { params: { id } }, options);
  }

  listBlindCredentialHistory(query: Partial<QueryOf<'listBlindCredentialHistory'>> = {}, options?: CallOptions) {
    return this.call('listBlindCredentialHistory', { query }, options);
  }

  /** A certificate with a key made by the server: `certificate`, `certificate_chain`, `key`. */
  getCertificate(
    ca: string,
    cn: string,
    query: { san?: readonly string[]; validity?: number } = {},
    options?: CallOptions,
  ): Promise<JsonObject> {
    return this.request('GET', '/v1/certificates/:ca/:cn', { params: { ca, cn }, query }, options);
  }

  /** A certificate for the key of a PEM signing request; `validity` in days. */
  getCertificateFromCsr(
    ca: string,
    body: { csr: string; validity?: number },
    options?: CallOptions,
  ): Promise<JsonObject> {
    return this.request('POST', '/v1/certificates/:ca', { params: { ca }, body }, options);
  }

  getCa(ca: string, options?: CallOptions): Promise<JsonObject> {
    return this.request('GET', '/v1/cas/:ca', { params: { ca } }, options);
  }

  listCas(options?: CallOptions): Promise<JsonObject> {
    return this.request('GET', '/v1/cas', {}, options);
  }

  /** A JWT for the caller, or for `resourceId`; `expirySeconds` is never above what the server allows. */
  getJwt(
    environment: string,
    { resourceId, expirySeconds }: { resourceId?: string; expirySeconds?: number } = {},
    options?: CallOptions,
  ): Promise<JsonObject> {
    // compat: without an id the expiry stands where the id belongs, as the original's client sends it.
    const parts: [string, string | number | undefined][] = [
      ['id', resourceId],
      ['expiry', expirySeconds],
    ];
    const present = parts.filter((part): part is [string, string | number] => part[1] !== undefined);
    const path = ['/v1/jwks/token', ...present.map(([name]) => `:${name}`)].join('/');
    return this.request('GET', path, { params: Object.fromEntries(present), query: { environment } }, options);
  }

  /** The public keys that JWTs of an environment are verified with. */
  getJwks(environment: string, options?: CallOptions): Promise<JsonObject> {
    return this.request('GET', '/v1/jwks/public/:environment', { params: { environment } }, options);
  }
}

/** compat: booleans go as Python writes them, `metadata_only=False`. */
function queryText(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return String(value);
}

/** Throws TypeError when `text` is no http or https address. */
export function parseServerUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    throw new TypeError('the server address must be like https://confidant.example.com');
  }
  return url;
}

function isWorthRetrying(method: string, error: ConfidantError): boolean {
  if (method === 'POST') return false;
  return error.status === undefined ? error.unreachable : RETRIED.includes(error.status);
}

function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(new ConfidantError('aborted', { code: 'aborted' }));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, delayMs);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
