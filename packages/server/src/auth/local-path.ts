/** Longer paths are no page of ours. */
const MAX_LENGTH = 2048;

/**
 * Where to go after a login, as a path on this server. Everything else, other hosts above all, becomes `/`: the value
 * comes from whoever made the link to the login (bug 9). Addresses of the interface are no pages: a login that ends in
 * `/v1/saml/logout` would be a joke on the person.
 */
export function localPath(value: unknown): string {
  if (typeof value !== 'string' || value.length > MAX_LENGTH || !/^\/[\u0021-\u007e]*$/.test(value)) return '/';
  if (value.includes('\\')) return '/';
  const base = 'http://here.invalid';
  if (!URL.canParse(value, base)) return '/';
  const url = new URL(value, base);
  // `//host` and friends resolve to another origin; `/..//host` would once it is resolved again by a browser.
  if (url.origin !== base || leadsAstray(url.pathname)) return '/';
  return url.pathname + url.search + url.hash;
}

function leadsAstray(path: string): boolean {
  try {
    // Servers decode before they look for a route: `/%76%31/` is `/v1/` to them.
    return [path, decodeURIComponent(path)].some((each) => each.startsWith('//') || each.startsWith('/v1/'));
  } catch {
    return true;
  }
}
