/**
 * How a person logs a command line in through the browser: the command line opens {@link CLI_LOGIN_PAGE}, the person
 * agrees there, and the code that comes back is exchanged at {@link CLI_LOGIN_PATH} for a session. Only who made the
 * challenge can exchange it (RFC 7636), and it comes back to the loopback address alone (RFC 8252).
 */

/**
 * The page that asks the person. Query: `challenge`, and `port` with `state` when the code is to be brought to
 * `http://127.0.0.1:port/`; without them the page shows it.
 */
export const CLI_LOGIN_PAGE = '/cli';

/** GET: 200 where a command line can log in. POST {@link CliLoginExchange}: {@link CliLoginAnswer} and the session's cookie. */
export const CLI_LOGIN_PATH = '/v1/login/cli';

export interface CliLoginExchange {
  code: string;
  /** 43 to 128 characters whose SHA-256 is the challenge. */
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

/** No vowels, so that no word appears, and nothing that looks like something else. */
const CHECK_LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';
const CHECK_LENGTH = 8;

/**
 * Eight letters of a challenge, `BCDF-GHJK`, for a person to compare: terminal and page show the same when they belong
 * together.
 */
export function checkCode(challenge: string): string {
  const letters = Array.from(challenge.slice(0, CHECK_LENGTH * 2).match(/../g) ?? [], (pair) => {
    const value = pair.charCodeAt(0) * 131 + pair.charCodeAt(1);
    return CHECK_LETTERS[value % CHECK_LETTERS.length];
  }).join('');
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}
