/** Longer paths are not pages of ours. */
const MAX_LENGTH = 2048;

/**
 * The path on this server to go to after a login. Everything else, other hosts above all, becomes `/`, because anyone
 * can write a link to the login with any path (bug 9). Addresses of the interface are not pages: a login must not end
 * in `/v1/saml/logout`.
 */
export function localPath(value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_LENGTH || !/^\/[\u0021-\u007e]*$/.test(value)) return '/';
  if (value.includes('\\')) return '/';
  const base = 'http://here.invalid';
  if (!URL.canParse(value, base)) return '/';
  const url = new URL(value, base);
  // `//host` and friends resolve to another origin; `/..//host` would once it is resolved again by a browser.
  if (url.origin !== base || isOutside(url.pathname)) return '/';
  return url.pathname + url.search + url.hash;
}

function isOutside(path: string): boolean {
  try {
    // Servers decode before they look for a route: `/%76%31/` is `/v1/` to them.
    return [path, decodeURIComponent(path)].some((each) => each.startsWith('//') || each.startsWith('/v1/'));
  } catch {
    return true;
  }
}
