/** The attributes that our cookies use. */
export interface CookieAttributes {
  httpOnly: boolean;
  secure: boolean;
  sameSite: 'Lax' | 'None' | undefined;
  /** Seconds; null: until the browser closes. */
  maxAgeSeconds: number | null;
}

/**
 * The cookies of a request by name. Of one name the first counts: browsers send the cookie of the longer path first. Our
 * values are all plain characters, so nothing is decoded.
 */
export function readCookies(header: string | undefined): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>();
  for (const pair of header?.split(';') ?? []) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, equals)).trim();
    if (name !== '' && !cookies.has(name)) cookies.set(name, pair.slice(equals + 1).trim());
  }
  return cookies;
}

/** A Set-Cookie header. No Domain and the whole path: what names that begin with `__Host-` demand. */
export function writeCookie(name: string, value: string, attributes: CookieAttributes): string {
  const { httpOnly, secure, sameSite, maxAgeSeconds } = attributes;
  if (!/^[\w.~-]*$/.test(value)) throw new Error(`the cookie ${name} holds characters that cookies may not`);
  return [
    `${name}=${value}`,
    'Path=/',
    ...(maxAgeSeconds === null
      ? []
      : [`Max-Age=${maxAgeSeconds}`, `Expires=${new Date(Date.now() + maxAgeSeconds * 1000).toUTCString()}`]),
    ...(httpOnly ? ['HttpOnly'] : []),
    ...(secure ? ['Secure'] : []),
    ...(sameSite === undefined ? [] : [`SameSite=${sameSite}`]),
  ].join('; ');
}
