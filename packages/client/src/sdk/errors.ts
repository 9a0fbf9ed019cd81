import type { ErrorCode, JsonObject } from '@confidant/contract';

/**
 * What went wrong. The server's own codes, and those of the way there:
 * - `network`: no connection, or it broke; `timeout`: no answer in time; `aborted`: the caller's signal;
 * - `untrusted`: who is there speaks no TLS, or has no certificate that is trusted for this name; never repeated;
 * - `redirected`: a 3xx, never followed; `invalid_response`: not JSON; `response_too_large`;
 * - `http_error`: an error status without a code, as servers of the original answer.
 */
export type ConfidantErrorCode =
  | ErrorCode
  | 'network'
  | 'untrusted'
  | 'timeout'
  | 'aborted'
  | 'redirected'
  | 'invalid_response'
  | 'response_too_large'
  | 'http_error';

export interface ConfidantErrorDetails {
  code: ConfidantErrorCode;
  /** The HTTP status; undefined when there was no answer. */
  status?: number;
  /** The server's X-Request-Id: finds the cause in its log. */
  requestId?: string;
  /** The error body of the server: `error`, and `reference` or `conflicts` where there are any. */
  body?: JsonObject;
  /** By how much the Date of the answer was ahead of this machine's clock: seconds count, less does not. */
  serverClockAheadMs?: number;
  /** Nothing was sent that proves who calls: the answer is not about that. */
  anonymous?: boolean;
  /** The answer tells nothing of what was asked for: it is a gateway's, something else's, or of a server without such a path. */
  foreign?: boolean;
  /** There was no connection to send anything over. */
  unsent?: boolean;
  cause?: unknown;
}

/**
 * Every failure of a call. The message names method, path, status and the server's public text: no token, no query,
 * no value of a credential.
 */
export class ConfidantError extends Error {
  override readonly name = 'ConfidantError';
  readonly code: ConfidantErrorCode;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly body: JsonObject | undefined;
  readonly serverClockAheadMs: number | undefined;
  readonly anonymous: boolean;
  /** No server of Confidant told this of what was asked for: a 404 of such an answer does not mean that it is gone. */
  readonly foreign: boolean;
  /** There was no connection to send anything over. */
  readonly unsent: boolean;
  /** How often the request was sent. Above 1, one before may have been carried out although its answer was lost. */
  attempts = 1;

  constructor(message: string, details: ConfidantErrorDetails) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.code = details.code;
    this.status = details.status;
    this.requestId = details.requestId;
    this.body = details.body;
    this.serverClockAheadMs = details.serverClockAheadMs;
    this.anonymous = details.anonymous ?? false;
    this.foreign = details.foreign ?? false;
    this.unsent = details.unsent ?? false;
  }

  /** True when nobody answered for Confidant: no network, no trust, no answer in time, or a gateway that says so. */
  get unreachable(): boolean {
    if (this.status !== undefined) return [502, 503, 504].includes(this.status);
    return ['network', 'untrusted', 'timeout'].includes(this.code);
  }
}

/** The configuration cannot be used. Each fault is one line; values of the file are never repeated. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}
