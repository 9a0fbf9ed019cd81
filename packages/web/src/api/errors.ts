import type { ErrorCode } from '@confidant/contract';

/** What the server refused, or that it did not answer. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    /** The code of the contract; undefined when the answer is not from a Confidant server, or none came. */
    readonly code: ErrorCode | undefined,
    /** The server's own sentence. */
    message: string,
    readonly requestId: string | undefined,
    /** The answer's `conflicts`, by key. */
    readonly conflicts: Readonly<Record<string, Conflict>> | undefined,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What a key collides with: ids of credentials, and services where they meet. */
export interface Conflict {
  services?: readonly string[];
  credentials?: readonly string[];
  blind_credentials?: readonly string[];
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, undefined, 'No answer came.', undefined, undefined, { cause: error });
}
