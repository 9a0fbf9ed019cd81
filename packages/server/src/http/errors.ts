import { ERRORS, type ErrorCode, statusOf } from '@confidant/contract';
import { Refusal } from '../domain/refusal.js';
import { RowTooLarge } from '../ports/store.js';
import { BackendUnavailable } from '../ports/unavailable.js';

/** An error as it is answered. */
export interface ErrorAnswer {
  code: ErrorCode;
  status: number;
  body: { error: string; reference?: string; conflicts?: unknown };
  headers: Record<string, string>;
  /** Whether an operator should look: the server's or a backend's fault. */
  ours: boolean;
}

/** What the web framework's own errors mean here, by its code. */
const FRAMEWORK: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'invalid_json',
  FST_ERR_CTP_EMPTY_TYPE: 'invalid_json',
  FST_ERR_BAD_URL: 'not_found',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
  ECONNRESET: 'invalid_request',
};

/** Total: whatever is thrown becomes one of the codes, and what is not meant for the caller is left out. */
export function answerOf(error: unknown): ErrorAnswer {
  if (error instanceof Refusal) {
    const { code, message, reference, conflicts } = error;
    return answer(code, message, { ...(reference !== undefined && { reference }), ...(conflicts && { conflicts }) });
  }
  if (error instanceof BackendUnavailable) return answer('unavailable');
  if (error instanceof RowTooLarge) return answer('too_large');
  const frameworkCode = (error as { code?: unknown } | null)?.code;
  return answer((typeof frameworkCode === 'string' && FRAMEWORK[frameworkCode]) || 'internal');
}

function answer(code: ErrorCode, text: string = ERRORS[code].text, details: object = {}): ErrorAnswer {
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
    ours: status >= 500,
  };
}
