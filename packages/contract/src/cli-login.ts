/**
 * How a person logs a command line in through the browser: the command line shows letters and opens
 * {@link CLI_LOGIN_PAGE}, the person types the letters there, and the code that comes back is exchanged at
 * {@link CLI_LOGIN_PATH} for a session. Only who made the challenge can exchange it (RFC 7636), only at the server it was
 * made for, only with the letters of its own terminal; and it comes back to the loopback address alone (RFC 8252).
 */

/**
 * The page that asks the person. Query: `challenge`, and `port` with `state` when the code is to be brought to
 * `http://127.0.0.1:port/`; without them the page shows it.
 */
export const CLI_LOGIN_PAGE = '/cli';

/** GET: {@link CliLoginOffer} where a command line can log in. POST {@link CliLoginExchange}: {@link CliLoginAnswer} and the session's cookie. */
export const CLI_LOGIN_PATH = '/v1/login/cli';

export interface CliLoginOffer {
  /** The server's root address, as it knows itself. */
  server: string;
}

export interface CliLoginExchange {
  code: string;
  /** 43 to 128 characters, see {@link challengeText}. */
  verifier: string;
}

export interface CliLoginAnswer {
  email: string;
  /** Name of the cookie that is the session. */
  session_cookie: string;
  /** To be repeated in X-XSRF-TOKEN. */
  csrf_token: string;
}

/** SHA-256 as base64url without padding. */
export const CHALLENGE_PATTERN = /^[\w-]{43}$/;

/**
 * What the SHA-256 of a challenge is made of. A code that another server passes on, or that was given for letters of
 * another terminal, has another challenge.
 *
 * @param server root address: scheme, host, port and path, without a slash at its end
 */
export function challengeText(parts: { verifier: string; server: string; letters: string }): string {
  return `${parts.verifier}\n${parts.server}\n${normalLetters(parts.letters)}`;
}

/** No vowels, so that no word appears, and nothing that looks like something else. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';

/** Eight letters, `BCDF-GHJK`, of at least eight random bytes. */
export function lettersOf(random: Uint8Array): string {
  const letters = Array.from(random.subarray(0, 8), (byte) => LETTERS[byte % LETTERS.length]).join('');
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

/** The letters as they count: large and small ones, spaces and dashes are the same to who types them. */
export function normalLetters(typed: string): string {
  return typed.replace(/[\s-]/g, '').toUpperCase();
}
