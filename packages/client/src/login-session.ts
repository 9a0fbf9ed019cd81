import type { Transport } from './transport.js';

/** A person's session, as `confidant login` gets it from a server. It is worth what the person may do. */
export interface LoginSession {
  email: string;
  cookieName: string;
  /** Changes while the session is used. */
  cookie: string;
  /** What X-XSRF-TOKEN must say. */
  csrfToken: string;
}

/**
 * A transport that sends a session along, and takes over the cookie when the server renews it. `onRenewed` is told of
 * the new one.
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
    if (renewed !== undefined && renewed !== '' && renewed !== current.cookie) {
      current = { ...current, cookie: renewed };
      onRenewed(current);
    }
    return response;
  };
}

/** The value that Set-Cookie headers, joined by commas, give a cookie of this name: the last, as in browsers. */
export function cookieOf(setCookie: string | undefined, name: string): string | undefined {
  const escaped = name.replace(/[^\w]/g, '\\$&');
  const values = [...(setCookie ?? '').matchAll(new RegExp(`(?:^|, )${escaped}=([\\w.~-]*)`, 'g'))];
  return values.at(-1)?.[1];
}
