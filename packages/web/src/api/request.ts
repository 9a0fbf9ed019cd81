import { type ErrorCode, ERRORS, isPlainObject, parseJson, stringifyJson } from '@confidant/contract/wire';
import { sessionEnded, sessionRestored } from '../session.js';
import { ApiError, asApiError, type Conflict } from './errors.js';

/** How long an answer may take; a server that needs longer has lost the request. */
const TIMEOUT_MS = 60_000;

interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT';
  body?: object;
  signal?: AbortSignal;
}

/**
 * Sends a request to the server this page came from and returns the JSON of its answer, numbers with all their digits.
 * A write carries the token that proves that this page meant it. An answer 401 makes the page say that the session has
 * ended.
 *
 * @throws ApiError for every other outcome
 */
export async function request<Answer>(
  path: string,
  { method = 'GET', body, signal }: RequestOptions = {},
): Promise<Answer> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, {
      method,
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      credentials: 'same-origin',
      redirect: 'error',
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(method !== 'GET' && { 'x-xsrf-token': csrfToken() }),
      },
      ...(body !== undefined && { body: stringifyJson(body) }),
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw asApiError(error);
  }
  const answer = readJson(text);
  if (response.ok && isPlainObject(answer)) {
    sessionRestored();
    return answer as Answer;
  }
  throw refusal(response, answer);
}

function readJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  } finally {
    forgetMatches();
  }
}

/** Browsers keep the last text that a regular expression matched (`RegExp.input`): it must not be a value. */
export function forgetMatches(): void {
  /(?:)/.exec('');
}

function refusal(response: Response, answer: unknown): ApiError {
  const body = isPlainObject(answer) ? answer : {};
  const header = response.headers.get('x-confidant-error') ?? '';
  const code = Object.hasOwn(ERRORS, header) ? (header as ErrorCode) : undefined;
  const said = typeof body['error'] === 'string' ? body['error'] : `The server answered ${response.status}.`;
  const conflicts = isPlainObject(body['conflicts']) ? (body['conflicts'] as Record<string, Conflict>) : undefined;
  const requestId = response.headers.get('x-request-id') ?? undefined;
  // A refused token against forgery is 401 too, and no end of the session.
  if (code === 'unauthenticated') sessionEnded();
  return new ApiError(response.status, code, said, requestId, conflicts);
}

let csrfCookie = 'XSRF-TOKEN';

/** Tells where the server keeps its token against forged requests: client_config's `xsrf_cookie_name`. */
export function setCsrfCookie(name: string): void {
  csrfCookie = name;
}

/** The token; several, separated by blanks, where a sibling domain has set a cookie of the same name. */
export function csrfToken(): string {
  return document.cookie
    .split('; ')
    .filter((part) => part.startsWith(`${csrfCookie}=`))
    .map((part) => part.slice(csrfCookie.length + 1))
    .join(' ');
}
