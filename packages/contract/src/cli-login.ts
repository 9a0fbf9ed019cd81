/**
 * How a command line logs in through the browser. It shows letters and opens {@link CLI_LOGIN_PAGE}; the person types
 * the letters there; the command line receives a code and exchanges it at {@link CLI_LOGIN_PATH} for a session. Only
 * the maker of the challenge can exchange the code (RFC 7636), only at the server it was made for and with the letters
 * of its own terminal. The browser delivers the code only to the loopback address (RFC 8252).
 */

/**
 * The page on which the person types the letters. Query: `challenge`, and `port` with `state` to deliver the code to
 * `http://127.0.0.1:port/`; without them the page shows the code.
 */
export const CLI_LOGIN_PAGE = '/cli';

/**
 * GET: {@link CliLoginOffer} if a command line can log in. POST {@link CliLoginExchange}: {@link CliLoginAnswer} and
 * the session's cookie.
 */
export const CLI_LOGIN_PATH = '/v1/login/cli';

export interface CliLoginOffer {
  /** The server's own root address. */
  server: string;
}

export interface CliLoginExchange {
  code: string;
  /** 43 to 128 characters, see {@link challengeText}. */
  verifier: string;
}

export interface CliLoginAnswer {
  email: string;
  /** Name of the session cookie. */
  session_cookie: string;
  /** The value for the header X-XSRF-TOKEN. */
  csrf_token: string;
}

/** SHA-256 as base64url without padding. */
export const CHALLENGE_PATTERN = /^[\w-]{43}$/;

/**
 * The text whose SHA-256 is the challenge. A code that was made for another server, or for the letters of another
 * terminal, has another challenge.
 *
 * @param server root address: scheme, host, port and path, without a slash at its end
 */
export function challengeText(parts: { verifier: string; server: string; letters: string }): string {
  return `${parts.verifier}\n${parts.server}\n${normalLetters(parts.letters)}`;
}

/** Without vowels, so that no words appear, and without letters that look alike. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';

/** Makes eight letters, `BCDF-GHJK`, from at least eight random bytes. */
export function lettersOf(random: Uint8Array): string {
  const letters = Array.from(random.subarray(0, 8), (byte) => LETTERS[byte % LETTERS.length]).join('');
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

/** Normalizes typed letters: case, spaces and dashes do not matter. */
export function normalLetters(typed: string): string {
  return typed.replace(/[\s-]/g, '').toUpperCase();
}
