/**
 * Every way a request can fail, by code. The text is the default for the caller and never contains a secret. The HTTP
 * body is `{"error": text, "reference"?, "conflicts"?}` and the code travels in the header `X-Confidant-Error`, because
 * clients of the original compare bodies.
 */
export const ERRORS = {
  unauthenticated: { status: 401, text: 'Authentication is required.' },
  login_failed: { status: 401, text: 'The login could not be completed. Start again.' },
  csrf: { status: 401, text: 'The X-XSRF-TOKEN header is missing or does not belong to this session.' },
  // compat: a service scoped to an account, asked for with another account's key, is a 401 with this very text.
  account_mismatch: { status: 401, text: 'Authenticated user is not authorized.' },
  token_rejected: { status: 403, text: 'The authentication token was not accepted.' },
  not_authorized: { status: 403, text: 'Access denied.' },
  maintenance: { status: 403, text: 'Server in maintenance mode.' },
  not_found: { status: 404, text: 'Not found.' },
  route_not_found: { status: 404, text: 'This address does not exist.' },
  method_not_allowed: { status: 405, text: 'This address does not support this method.' },
  invalid_request: { status: 400, text: 'The request is not valid.' },
  invalid_json: { status: 400, text: 'The body must be JSON, with the content type application/json.' },
  invalid_page: { status: 400, text: 'Failed to parse page' },
  wrong_kind: { status: 400, text: 'The id belongs to a resource of another kind.' },
  unknown_credentials: { status: 400, text: 'Unknown credential ids.' },
  key_conflict: { status: 400, text: 'Conflicting key pairs in mapped service.' },
  no_difference: { status: 400, text: 'No difference between old and new.' },
  not_archivable: { status: 400, text: 'The credential cannot be archived.' },
  grants_failed: { status: 400, text: 'Failed to add grants for service.' },
  name_taken: { status: 409, text: 'Name already exists.' },
  write_conflict: { status: 409, text: 'Someone else changed this at the same time. Read it again and repeat.' },
  too_large: { status: 413, text: 'The request is larger than this server accepts.' },
  too_many_requests: { status: 429, text: 'Too many requests. Try again later.' },
  internal: { status: 500, text: 'The server failed. Its log has the cause, under the request id.' },
  unavailable: { status: 503, text: 'A service that Confidant depends on does not respond. Try again later.' },
} as const satisfies Record<string, { status: number; text: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** The status of a code; total over {@link ErrorCode}. */
export function statusOf(code: ErrorCode): number {
  return ERRORS[code].status;
}
