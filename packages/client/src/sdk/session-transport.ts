import type { Transport } from './transport.js';

/** A person's session, as `confidant login` gets it from a server. Anyone who has it can act as the person. */
export interface LoginSession {
  email: string;
  cookieName: string;
  /** Changes while the session is used. */
  cookie: string;
  /** The value for the header X-XSRF-TOKEN. */
  csrfToken: string;
  /** When an unused session expires, in ISO 8601 by this machine's clock; undefined if the server did not say. */
  endsAt?: string;
}

/**
 * Returns a transport that sends a session with every request. When the server renews the cookie, it uses the new one
 * and calls `onRenewed` with it.
 */
export function sessionTransport(
  transport: Transport,
  session: LoginSession,
  onRenewed: (session: LoginSession) => void,
): Transport {
  let current = session;
  return async (request) => {
    const { cookieName, cookie, csrfToken } = current;
    const response = await transport({
      ...request,
      headers: { ...request.headers, cookie: `${cookieName}=${cookie}`, 'x-xsrf-token': csrfToken },
    });
    const renewed = cookieOf(response.headers['set-cookie'], cookieName);
    if (renewed !== undefined && renewed.cookie !== '') {
      const before = current;
      const { endsAt: _, ...kept } = before;
      current = { ...kept, ...renewed };
      if (current.cookie !== before.cookie || current.endsAt !== before.endsAt) onRenewed(current);
    }
    return response;
  };
}

/**
 * Finds a cookie's value and expiry in Set-Cookie headers that are joined by commas. The last one counts, as in
 * browsers. `now` is in milliseconds since the epoch.
 */
export function cookieOf(
  setCookie: string | undefined,
  name: string,
  now = Date.now(),
): Pick<LoginSession, 'cookie' | 'endsAt'> | undefined {
  const escaped = name.replace(/[^\w]/g, '\\$&');
  // Dates contain a comma, too: Expires=Thu, 01 Jan 2099.
  const pattern = new RegExp(
    `(?:^|, )${escaped}=([\\w.~-]*)((?:; ?(?:[eE][xX][pP][iI][rR][eE][sS]=\\w+, [^;,]*|[^;,]*))*)`,
    'g',
  );
  const found = [...(setCookie ?? '').matchAll(pattern)].at(-1);
  if (found === undefined) return undefined;
  // Expires is ignored, because it depends on the server's clock.
  const seconds = /; ?max-age=(\d{1,9})\s*(?:;|$)/i.exec(found[2]!)?.[1];
  const ends = seconds === undefined ? {} : { endsAt: new Date(now + Number(seconds) * 1000).toISOString() };
  return { cookie: found[1]!, ...ends };
}
