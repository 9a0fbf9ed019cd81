import { parseCookie, stringifySetCookie } from 'cookie';

/** The attributes that our cookies use. */
export interface CookieAttributes {
  httpOnly: boolean;
  secure: boolean;
  sameSite: 'lax' | 'none' | undefined;
  /** Null means until the browser closes. */
  maxAgeSeconds: number | null;
}

/** Our values are plain characters, so neither side encodes them. */
const asIs = (value: string): string => value;

/** The cookies of a request by name. The first of a name counts: browsers send the cookie of the longer path first. */
export function readCookies(header: string | undefined): ReadonlyMap<string, string> {
  return new Map(Object.entries(parseCookie(header ?? '', { decode: asIs }) as Record<string, string>));
}

/**
 * The values of every cookie with this name, in the order in which they were sent. A sibling domain, or another port of
 * this host, can set a cookie with the name of ours; the browser then sends both.
 */
export function cookieValues(header: string | undefined, name: string): string[] {
  return (header ?? '').split(';').flatMap((pair) => {
    const equals = pair.indexOf('=');
    return equals !== -1 && pair.slice(0, equals).trim() === name ? [pair.slice(equals + 1).trim()] : [];
  });
}

/**
 * A Set-Cookie header. Names that begin with `__Host-` demand what it has: no Domain, and the whole path.
 *
 * @throws Error when the value holds anything but letters, digits and `._~-`
 */
export function writeCookie(name: string, value: string, attributes: CookieAttributes): string {
  const { httpOnly, secure, sameSite, maxAgeSeconds } = attributes;
  if (!/^[\w.~-]*$/.test(value)) throw new Error(`the cookie ${name} holds characters that cookies may not`);
  return stringifySetCookie(
    {
      name,
      value,
      path: '/',
      ...(maxAgeSeconds !== null && {
        maxAge: maxAgeSeconds,
        expires: new Date(Date.now() + maxAgeSeconds * 1000),
      }),
      httpOnly,
      secure,
      ...(sameSite !== undefined && { sameSite }),
    },
    { encode: asIs },
  );
}
