import { ERRORS, type ErrorCode, statusOf } from '@confidant/contract';
import { Refusal } from '../domain/refusal.js';
import { RowTooLarge } from '../ports/store.js';
import { BackendUnavailable } from '../ports/unavailable.js';

/** The response to an error. */
export interface ErrorResponse {
  code: ErrorCode;
  status: number;
  body: { error: string; reference?: string; conflicts?: unknown };
  headers: Record<string, string>;
  /** Whether the fault is the server's or a backend's, so that an operator should look. */
  isServerFault: boolean;
}

/** Our codes for the web framework's own errors. */
const FRAMEWORK: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'invalid_json',
  FST_ERR_CTP_EMPTY_TYPE: 'invalid_json',
  FST_ERR_BAD_URL: 'not_found',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
  ECONNRESET: 'invalid_request',
};

/** The response to anything that was thrown. Details that are not meant for the caller are left out. */
export function errorResponse(error: unknown): ErrorResponse {
  if (error instanceof Refusal) {
    const { code, message, reference, conflicts } = error;
    return response(code, message, {
      ...(reference !== undefined && { reference }),
      ...(conflicts !== undefined && { conflicts }),
    });
  }
  if (error instanceof BackendUnavailable) return response('unavailable');
  if (error instanceof RowTooLarge) return response('too_large');
  const frameworkCode = (error as { code?: unknown } | null)?.code;
  return response((typeof frameworkCode === 'string' && FRAMEWORK[frameworkCode]) || 'internal');
}

function response(code: ErrorCode, text: string = ERRORS[code].text, details: object = {}): ErrorResponse {
  const status = statusOf(code);
  return {
    code,
    status,
    body: { error: text, ...details },
    headers: {
      'x-confidant-error': code,
      ...(status === 401 && { 'www-authenticate': 'Basic realm="Confidant", charset="UTF-8"' }),
      ...(status === 503 && { 'retry-after': '1' }),
    },
    isServerFault: status >= 500,
  };
}
