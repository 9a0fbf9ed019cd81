import { ERRORS, isPlainObject, parseJson } from '@confidant/contract/wire';
import type { ErrorCode, JsonObject } from '@confidant/contract';
import { ConfidantError } from './errors.js';
import type { TransportResponse } from './transport.js';

const MAX_RETRY_AFTER_MS = 120_000;

/** An error response with Retry-After. */
export class RetryLater extends ConfidantError {
  readonly retryAfterMs: number;

  constructor(message: string, details: ConstructorParameters<typeof ConfidantError>[1], retryAfterSeconds: number) {
    super(message, details);
    this.retryAfterMs = Math.min(retryAfterSeconds * 1000, MAX_RETRY_AFTER_MS);
  }
}

/**
 * Returns the JSON object of a 200; throws {@link ConfidantError} for every other response. `what` is the method and
 * path, for the message. `anonymous`: the request was sent without authentication.
 */
export function readResponse(
  what: string,
  { status, headers, text }: TransportResponse,
  { anonymous }: { anonymous: boolean },
): JsonObject {
  const requestId = headers['x-request-id'];
  const aheadMs = Date.parse(headers['date'] ?? '') - Date.now();
  const common = {
    status,
    anonymous,
    ...(requestId !== undefined && { requestId }),
    ...(!Number.isNaN(aheadMs) && { serverClockAheadMs: aheadMs }),
  };
  const body = parseObject(text);
  if (status === 200) {
    if (body !== undefined) return body;
    throw new ConfidantError(`${what}: the response is not a JSON object; is this a Confidant server?`, {
      ...common,
      code: 'invalid_response',
      foreign: true,
    });
  }
  if (status >= 300 && status < 400) {
    throw new ConfidantError(`${what} answered ${status}, a redirect${describeTarget(headers['location'])}`, {
      ...common,
      code: 'redirected',
    });
  }
  const code = codeOf(headers['x-confidant-error']);
  const reason = typeof body?.['error'] === 'string' ? body['error'] : defaultText(code);
  const page = pageOfOriginal(text) === status;
  const isMissing = status === 404 || status === 405;
  const foreign = code === undefined && !hasErrorInJson(body) && (isMissing || !page);
  // Something other than Confidant has no such path; other refusals may come from a gateway in front of Confidant.
  const doubt = foreign && isMissing && !page ? '; is this a Confidant server?' : '';
  const message = `${what} answered ${status}${reason === undefined ? '' : `: ${reason.slice(0, 500)}`}${doubt}`;
  const details = { ...common, foreign, code: code ?? 'http_error', ...(body !== undefined && { body }) } as const;
  const retryAfter = headers['retry-after'];
  if (retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter)) {
    throw new RetryLater(message, details, Number(retryAfter));
  }
  throw new ConfidantError(message, details);
}

/** compat: servers of the original send no code, but a JSON body with `error`, or an empty object. */
function hasErrorInJson(body: JsonObject | undefined): boolean {
  return body !== undefined && (typeof body['error'] === 'string' || Object.keys(body).length === 0);
}

/** compat: the status in the HTML page that the original sends for rejected tokens, failures and unknown paths. */
function pageOfOriginal(text: string): number | undefined {
  const page = /^<!DOCTYPE HTML PUBLIC "-\/\/W3C\/\/DTD HTML 3\.2 Final\/\/EN">\s*<title>(\d{3}) /.exec(text);
  return page === null ? undefined : Number(page[1]);
}

/** Describes the target of a redirect, without its query, which may contain secrets, and what to do about it. */
function describeTarget(location: string | undefined): string {
  const target = location !== undefined && URL.canParse(location) ? new URL(location) : undefined;
  if (target === undefined) return ', which is not followed: correct the address';
  const where = ` to ${`${target.origin}${target.pathname}`.slice(0, 200)}, which is not followed`;
  return target.protocol === 'https:'
    ? `${where}: use https in the address, or see SSLIFY among the server's settings`
    : `${where}: correct the address`;
}

function codeOf(header: string | undefined): ErrorCode | undefined {
  return header !== undefined && Object.hasOwn(ERRORS, header) ? (header as ErrorCode) : undefined;
}

function defaultText(code: ErrorCode | undefined): string | undefined {
  return code === undefined ? undefined : ERRORS[code].text;
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value = parseJson(text);
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
