import { isLoopback, isPlainObject } from '@confidant/contract';
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KmsRefused, KmsUnavailable } from '@confidant/kmsauth';
import type { AccessKey } from './access-key.js';
import type { Keyring } from './keyring.js';
import { KMS_OPERATIONS } from './kms-operations.js';
import { verifySigV4 } from './verify-signature.js';
import { guardConnections } from '../net/guard-connections.js';

const TARGET_PREFIX = 'TrentService.';
const CONTENT_TYPE = 'application/x-amz-json-1.1';
// The largest request that KMS allows is a 6 KiB ciphertext with an 8 KiB context, every character escaped.
const MAX_BODY_BYTES = 64 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 1024;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 5_000;
const CLOSE_GRACE_MS = 1_000;

/** The errors that callers get. They never contain a part of the request or of a key. */
const PUBLIC_TEXT: Readonly<Record<string, { status: number; message: string }>> = {
  AccessDeniedException: { status: 403, message: 'The Host header names no loopback address.' },
  AlreadyExistsException: { status: 400, message: 'The region has an alias of this name already.' },
  DependencyTimeoutException: { status: 500, message: 'The local keyring cannot be read or written right now.' },
  IncompleteSignatureException: {
    status: 400,
    message: 'The Authorization header is malformed, or does not sign host, x-amz-date and every x-amz- header once.',
  },
  IncorrectKeyException: { status: 400, message: 'The ciphertext was made by another key than the one named.' },
  InvalidCiphertextException: {
    status: 400,
    message: 'No key of this region opens the ciphertext under this encryption context.',
  },
  InvalidSignatureException: {
    status: 400,
    message:
      'The request signature does not match. Check the secret access key, the clock (5 minutes) and the service name (kms).',
  },
  KMSInternalException: { status: 500, message: 'The local KMS failed; its log says why.' },
  LimitExceededException: { status: 400, message: 'The keyring holds no more keys, aliases or grants.' },
  MissingAuthenticationTokenException: {
    status: 400,
    message: 'The request is not signed (AWS Signature Version 4 in the Authorization header).',
  },
  NotFoundException: { status: 400, message: 'The region has no such key, alias or grant.' },
  RequestEntityTooLargeException: { status: 413, message: 'The request is too large.' },
  SerializationException: { status: 400, message: 'The request body is not a JSON object.' },
  UnknownOperationException: { status: 400, message: 'The local KMS does not know this operation.' },
  UnrecognizedClientException: {
    status: 400,
    message: 'The access key is not the one in the data directory of the local KMS.',
  },
  UnsupportedOperationException: { status: 400, message: 'The local KMS does not support a member of this request.' },
  ValidationException: { status: 400, message: 'A member of the request is missing, malformed or out of bounds.' },
};

/**
 * Serves KMS's wire protocol (JSON 1.1 over HTTP) from the embedded keyring, for the command line, the SDK and any AWS
 * SDK client on this machine. Every request must carry an AWS Signature Version 4 made with the access key; the region
 * it addresses is that of its signature.
 *
 * There is no TLS, so it listens on loopback alone, and it answers only to a loopback Host, which keeps out web pages
 * that rebind their name to 127.0.0.1.
 *
 * @param options.host `127.0.0.1` (or another 127.x.x.x), `::1`, or `localhost`, which is taken as 127.0.0.1
 * @param options.port 0 takes a free one
 * @param options.onFault called with failures that are not the caller's fault; they hold no secrets
 * @throws TypeError when the host is not a loopback address; the socket's error when the port cannot be had
 */
export async function startKmsEndpoint(options: {
  keyring: Keyring;
  accessKey: AccessKey;
  host: string;
  port: number;
  now?: () => Date;
  onFault?: (error: unknown) => void;
}): Promise<{ url: string; close(): Promise<void> }> {
  const { keyring, accessKey, port, now = () => new Date(), onFault = () => undefined } = options;
  if (!isLoopback(options.host)) {
    throw new TypeError(
      `the embedded KMS listens on loopback only (127.0.0.1, ::1 or localhost), not on ${options.host}`,
    );
  }
  const host = listenAddress(options.host);

  const answer = async (request: IncomingMessage): Promise<object | undefined> => {
    if (!isLoopbackHost(request.headers.host)) throw new KmsRefused('AccessDeniedException');
    if (request.method !== 'POST' || request.url !== '/') throw new KmsRefused('UnknownOperationException');
    const body = await readBody(request);
    const signature = verifySigV4(
      { method: request.method, target: request.url, rawHeaders: request.rawHeaders, body },
      { service: 'kms', accessKey, now: now() },
    );
    if ('fault' in signature) throw new KmsRefused(signature.fault);
    const target = request.headers['x-amz-target'];
    const operation =
      typeof target === 'string' && target.startsWith(TARGET_PREFIX)
        ? KMS_OPERATIONS.get(target.slice(TARGET_PREFIX.length))
        : undefined;
    if (operation === undefined) throw new KmsRefused('UnknownOperationException');
    return operation({ keyring, region: signature.region }, parseJson(body));
  };

  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      answer(request).then(
        (result) => send(response, 200, result),
        (error: unknown) => {
          const known = error instanceof KmsRefused ? PUBLIC_TEXT[error.code] : undefined;
          if (known === undefined) onFault(error);
          sendError(response, error);
        },
      );
    },
  );
  guardConnections(server, MAX_CONNECTIONS);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      server.on('error', onFault);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        const cutOff = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
        server.close(() => {
          clearTimeout(cutOff);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

/** The address to listen on: plain, so that clients that write it their own way in Host still match. */
function listenAddress(loopback: string): string {
  const name = loopback.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return /^localhost\.?$/.test(name) ? '127.0.0.1' : name.replace(/^::ffff:/, '');
}

/** Whether a Host header, with or without a port, addresses this machine. */
function isLoopbackHost(header: string | undefined): boolean {
  const name = /^(.+?)(:\d{1,5})?$/.exec(header ?? '')?.[1];
  return name !== undefined && isLoopback(name);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
    throw new KmsRefused('RequestEntityTooLargeException');
  }
  const chunks: Buffer[] = [];
  let byteCount = 0;
  // An iterator would not do: leaving it destroys the connection before the refusal is sent.
  await new Promise<void>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      byteCount += chunk.length;
      if (byteCount <= MAX_BODY_BYTES) chunks.push(chunk);
      else reject(new KmsRefused('RequestEntityTooLargeException'));
    });
    request.on('end', resolve);
    const onLost = (): void => reject(new KmsRefused('SerializationException'));
    request.on('error', onLost);
    request.on('close', onLost);
  });
  return Buffer.concat(chunks);
}

function parseJson(body: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (isPlainObject(value)) return value;
  } catch {
    // The parser's message is dropped, because it quotes the body.
  }
  throw new KmsRefused('SerializationException');
}

function sendError(response: ServerResponse, error: unknown): void {
  let code = 'KMSInternalException';
  if (error instanceof KmsRefused && PUBLIC_TEXT[error.code] !== undefined) code = error.code;
  else if (error instanceof KmsUnavailable) code = 'DependencyTimeoutException';
  const { status, message } = PUBLIC_TEXT[code] ?? { status: 500, message: '' };
  response.setHeader('x-amzn-errortype', code);
  // The rest of a body that is too large is not read: the connection ends with the response.
  if (status === 413) response.setHeader('connection', 'close');
  send(response, status, { __type: code, message });
}

/** Sends the result; an undefined one is an empty body, as AWS answers operations without output. */
function send(response: ServerResponse, status: number, result: object | undefined): void {
  const body = result === undefined ? '' : JSON.stringify(result);
  response.writeHead(status, {
    'content-type': CONTENT_TYPE,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-amzn-requestid': randomUUID(),
  });
  response.end(body);
}
