import type { Transport } from './transport.js';

/** A person's session, as `confidant login` gets it from a server. It is worth what the person may do. */
export interface LoginSession {
  email: string;
  cookieName: string;
  /** Changes while the session is used. */
  cookie: string;
  /** What X-XSRF-TOKEN must say. */
  csrfToken: string;
  /** When it is over unless it is used before, in ISO 8601, by this machine's clock; undefined: the server did not say. */
  endsAt?: string;
}

/**
 * A transport that sends a session along, and takes over the cookie, and its end, when the server renews it.
 * `onRenewed` is told of the new one.
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
 * The value that Set-Cookie headers, joined by commas, give a cookie of this name, and when it ends: the last, as in
 * browsers. `now`: milliseconds of the epoch.
 */
export function cookieOf(
  setCookie: string | undefined,
  name: string,
  now = Date.now(),
): Pick<LoginSession, 'cookie' | 'endsAt'> | undefined {
  const escaped = name.replace(/[^\w]/g, '\\$&');
  // In a date, too, a comma stands: Expires=Thu, 01 Jan 2099.
  const pattern = new RegExp(
    `(?:^|, )${escaped}=([\\w.~-]*)((?:; ?(?:[eE][xX][pP][iI][rR][eE][sS]=\\w+, [^;,]*|[^;,]*))*)`,
    'g',
  );
  const found = [...(setCookie ?? '').matchAll(pattern)].at(-1);
  if (found === undefined) return undefined;
  // Not Expires: that is by the server's clock.
  const seconds = /; ?max-age=(\d{1,9})\s*(?:;|$)/i.exec(found[2]!)?.[1];
  const ends = seconds === undefined ? {} : { endsAt: new Date(now + Number(seconds) * 1000).toISOString() };
  return { cookie: found[1]!, ...ends };
}
