import { createHash, timingSafeEqual } from 'node:crypto';
import { ALGORITHM, signatureOf } from '../aws/sigv4.js';
import type { AccessKey } from './access-key.js';

/** AWS's error names for a missing or wrong signature. */
export type SignatureFault =
  | 'MissingAuthenticationTokenException'
  | 'IncompleteSignatureException'
  | 'UnrecognizedClientException'
  | 'InvalidSignatureException';

/** AWS's tolerance between the client's clock and ours. */
const MAX_SKEW_MS = 5 * 60_000;

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 +Credential=([^/,\s]{1,128})\/(\d{8})\/([a-z0-9-]{1,40})\/([a-z0-9-]{1,40})\/aws4_request, *SignedHeaders=([a-z0-9;._-]{1,2048}), *Signature=([0-9a-f]{64})$/;
const AMZ_DATE = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

/**
 * Checks the AWS Signature Version 4 of a request, in the form of the Authorization header. Signatures in the query
 * are refused.
 *
 * The signature must cover the host and every `x-amz-` header, and no signed header may appear twice, so that the
 * server acts only on what was signed. The payload's hash is computed from the body; a hash that the client states must
 * equal it.
 *
 * @param request.target path and query as they stand in the request line
 * @param request.rawHeaders names and values in turn, as node:http gives them
 * @returns the region that the credential scope addresses, or the fault
 */
export function verifySigV4(
  request: { method: string; target: string; rawHeaders: readonly string[]; body: Uint8Array },
  expected: { service: string; accessKey: AccessKey; now: Date },
): { region: string } | { fault: SignatureFault } {
  const headers = distinctHeaders(request.rawHeaders);
  const authorization = headers.get('authorization');
  if (authorization === undefined) return { fault: 'MissingAuthenticationTokenException' };
  if (authorization.length !== 1) return { fault: 'IncompleteSignatureException' };
  if (!authorization[0]?.startsWith(ALGORITHM)) return { fault: 'MissingAuthenticationTokenException' };
  const parts = AUTHORIZATION.exec(authorization[0]);
  if (parts === null) return { fault: 'IncompleteSignatureException' };
  const [, accessKeyId = '', scopeDate = '', region = '', service = '', signedNames = '', signature = ''] = parts;

  const signed = signedHeaders(headers, signedNames.split(';'));
  const amzDate = headers.get('x-amz-date')?.[0];
  const sentAtMs = amzDate === undefined ? Number.NaN : parseAmzDate(amzDate);
  if (signed === undefined || amzDate === undefined || Number.isNaN(sentAtMs) || !amzDate.startsWith(scopeDate)) {
    return { fault: 'IncompleteSignatureException' };
  }
  // This endpoint does not issue temporary credentials.
  if (headers.has('x-amz-security-token') || !equal(accessKeyId, expected.accessKey.accessKeyId)) {
    return { fault: 'UnrecognizedClientException' };
  }

  const computed = signatureOf({
    method: request.method,
    target: request.target,
    headers: signed,
    body: request.body,
    amzDate,
    region,
    service,
    secretAccessKey: expected.accessKey.secretAccessKey,
  });
  const statedHash = headers.get('x-amz-content-sha256')?.[0];
  const bodyHash = createHash('sha256').update(request.body).digest('hex');
  const genuine = equal(signature, computed) && (statedHash === undefined || statedHash === bodyHash);
  const inTime = Math.abs(expected.now.getTime() - sentAtMs) <= MAX_SKEW_MS;
  return genuine && inTime && service === expected.service ? { region } : { fault: 'InvalidSignatureException' };
}

function distinctHeaders(rawHeaders: readonly string[]): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    const values = headers.get(name);
    if (values === undefined) headers.set(name, [rawHeaders[at + 1] ?? '']);
    else values.push(rawHeaders[at + 1] ?? '');
  }
  return headers;
}

/** The signed headers in the order they were signed in; undefined when the signature covers too little. */
function signedHeaders(headers: Map<string, string[]>, names: string[]): Array<[string, string]> | undefined {
  const listed = new Set(names);
  const required = [...headers.keys()].filter((name) => name === 'host' || name.startsWith('x-amz-'));
  if (listed.size !== names.length || !listed.has('host') || !required.every((name) => listed.has(name))) {
    return undefined;
  }
  const signed: Array<[string, string]> = [];
  for (const [index, name] of names.entries()) {
    const [value, ...others] = headers.get(name) ?? [];
    const previous = names[index - 1];
    if (value === undefined || others.length > 0 || (previous !== undefined && previous >= name)) return undefined;
    signed.push([name, value]);
  }
  return signed;
}

function parseAmzDate(text: string): number {
  const parts = AMZ_DATE.exec(text);
  if (parts === null) return Number.NaN;
  const [, year, month, day, hour, minute, second] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function equal(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
