import { createHash, createHmac } from 'node:crypto';

/**
 * AWS Signature Version 4, written from AWS's description "Create a signed AWS API request". The clients of AWS sign
 * with it, and the embedded KMS endpoint checks signatures with it.
 */

export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export const ALGORITHM = 'AWS4-HMAC-SHA256';

const sha256Hex = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Uint8Array, data: string): Buffer => createHmac('sha256', key).update(data).digest();

/** `20250131T235959Z` */
export function amzDate(time: Date): string {
  return time.toISOString().replace(/[-:]|\.\d{3}/g, '');
}

// A derived key is valid for one day, region and service. When the few slots are full, all are dropped, so that keys of
// past days and rotated credentials do not stay in memory.
const MAX_SIGNING_KEYS = 32;
const signingKeys = new Map<string, Buffer>();

function signingKey(secretAccessKey: string, scope: { date: string; region: string; service: string }): Buffer {
  const slot = `${scope.date}/${scope.region}/${scope.service}/${secretAccessKey}`;
  let key = signingKeys.get(slot);
  if (key === undefined) {
    const dateKey = hmac(`AWS4${secretAccessKey}`, scope.date);
    key = hmac(hmac(hmac(dateKey, scope.region), scope.service), 'aws4_request');
    if (signingKeys.size >= MAX_SIGNING_KEYS) signingKeys.clear();
    signingKeys.set(slot, key);
  }
  return key;
}

const percentEncode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** Every service but S3 expects each path segment, as it stands on the wire, to be encoded once more. */
function canonicalPath(path: string): string {
  return path === '/' || path === '' ? '/' : path.split('/').map(percentEncode).join('/');
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  return [...new URLSearchParams(query)]
    .map(([name, value]): [string, string] => [percentEncode(name), percentEncode(value)])
    .sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The signature (64 hex digits) over a request.
 *
 * @param request.target path and query as they stand in the request line
 * @param request.headers the signed headers, names in lower case, sorted by name
 * @param request.amzDate the `x-amz-date` of the request; its first eight digits are the scope's date
 */
export function signatureOf(request: {
  method: string;
  target: string;
  headers: ReadonlyArray<readonly [name: string, value: string]>;
  body: string | Uint8Array;
  amzDate: string;
  region: string;
  service: string;
  secretAccessKey: string;
}): string {
  const { method, target, headers, region, service } = request;
  const queryAt = target.indexOf('?');
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  const query = queryAt < 0 ? '' : target.slice(queryAt + 1);
  let lines = '';
  let names = '';
  for (const [name, value] of headers) {
    lines += `${name}:${value.trim().replace(/\s+/g, ' ')}\n`;
    names += names === '' ? name : `;${name}`;
  }
  const canonicalRequest = `${method}\n${canonicalPath(path)}\n${canonicalQuery(query)}\n${lines}\n${names}\n${sha256Hex(request.body)}`;
  const date = request.amzDate.slice(0, 8);
  const stringToSign = `${ALGORITHM}\n${request.amzDate}\n${date}/${region}/${service}/aws4_request\n${sha256Hex(canonicalRequest)}`;
  return createHmac('sha256', signingKey(request.secretAccessKey, { date, region, service }))
    .update(stringToSign)
    .digest('hex');
}

/**
 * Signs a request with AWS Signature Version 4.
 *
 * @param request.path path and query as they will stand in the request line
 * @param request.headers the headers to sign besides host and date; names in any case, each once, and none that a
 * proxy or the HTTP client changes (connection, content-length, user-agent ...)
 * @returns the headers to add: `authorization`, `host`, `x-amz-date`, and `x-amz-security-token` for temporary
 * credentials
 */
export function signRequest(request: {
  method: string;
  host: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string | Uint8Array;
  service: string;
  region: string;
  credentials: SigningCredentials;
  now: Date;
}): Record<string, string> {
  const { credentials, region, service, method, body } = request;
  const date = amzDate(request.now);
  const added: Record<string, string> = { host: request.host, 'x-amz-date': date };
  if (credentials.sessionToken !== undefined) added['x-amz-security-token'] = credentials.sessionToken;
  const headers: Array<[string, string]> = Object.entries(added);
  for (const [name, value] of Object.entries(request.headers)) headers.push([name.toLowerCase(), value]);
  headers.sort(([a], [b]) => compare(a, b));
  const signature = signatureOf({
    method,
    target: request.path,
    headers,
    body,
    amzDate: date,
    region,
    service,
    secretAccessKey: credentials.secretAccessKey,
  });
  const names = headers.map(([name]) => name).join(';');
  added['authorization'] =
    `${ALGORITHM} Credential=${credentials.accessKeyId}/${date.slice(0, 8)}/${region}/${service}/aws4_request, SignedHeaders=${names}, Signature=${signature}`;
  return added;
}
