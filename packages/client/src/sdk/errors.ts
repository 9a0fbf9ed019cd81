import type { ErrorCode, JsonObject } from '@confidant/contract';

/**
 * What went wrong: the server's own codes, and codes for failures on the way to it:
 * - `network`: no connection, or it broke; `timeout`: no response in time; `aborted`: the caller's signal;
 * - `untrusted`: the server does not speak TLS, or its certificate is not trusted for this name; never retried;
 * - `redirected`: a 3xx, never followed; `invalid_response`: not JSON; `response_too_large`;
 * - `http_error`: an error status without a code, as from servers of the original.
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
  /** The HTTP status; undefined if there was no response. */
  status?: number;
  /** The server's X-Request-Id, with which to find the cause in its log. */
  requestId?: string;
  /** The server's error body: `error`, and perhaps `reference` or `conflicts`. */
  body?: JsonObject;
  /** How far the server's clock, by the Date header, is ahead of this machine's, to the second. */
  serverClockAheadMs?: number;
  /** The request was sent without authentication, so that cannot be the reason. */
  anonymous?: boolean;
  /**
   * The response does not come from Confidant's route: it is a gateway's or another program's, or there is no such
   * route.
   */
  foreign?: boolean;
  /** Nothing was sent, because there was no connection. */
  unsent?: boolean;
  cause?: unknown;
}

/**
 * A failed call. The message contains method, path, status and the server's public text, but no token, no query and no
 * value of a credential.
 */
export class ConfidantError extends Error {
  override readonly name = 'ConfidantError';
  readonly code: ConfidantErrorCode;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly body: JsonObject | undefined;
  readonly serverClockAheadMs: number | undefined;
  readonly anonymous: boolean;
  /** The response does not come from Confidant's route: if it is a 404, the requested thing may still exist. */
  readonly foreign: boolean;
  /** Nothing was sent, because there was no connection. */
  readonly unsent: boolean;
  /**
   * How often the request was sent. If more than once, an earlier one may have succeeded although its response was
   * lost.
   */
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

  /**
   * Whether the server could not be reached: no network, no trust, no response in time, or a gateway's 502, 503 or 504.
   */
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
