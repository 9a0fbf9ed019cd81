const IPV4 = /^127(?:\.(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])){3}$/;
/** An IPv4 address inside IPv6, in the form that URLs give it: 127.0.0.1 is `[::ffff:7f00:1]`. */
const MAPPED_IPV4 = /^\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\]$/;

/**
 * Whether a host is this machine: the name `localhost` (or `localhost.`), an IPv4 address of 127.0.0.0/8, the IPv6
 * address ::1, or an address of 127.0.0.0/8 mapped into IPv6 (::ffff:127.0.0.1 or ::ffff:7f00:1).
 *
 * Names are not resolved, and abbreviations such as `127.1` are not addresses here; `URL` expands them. Other names
 * that resolve to this machine, `a.localhost` for example, are not loopback, and neither is `0.0.0.0`: where this
 * decides what is safe, "no" is safer.
 *
 * @param host a host name or IP address in any case, an IPv6 address with or without brackets; no port
 */
export function isLoopback(host: string): boolean {
  if (/^localhost\.?$/i.test(host) || IPV4.test(host)) return true;
  const address = host.replace(/^\[(.*)\]$/, '$1');
  if (!/^[\da-f:.]*:[\da-f:.]*$/i.test(address) || !URL.canParse(`http://[${address}]`)) return false;
  const { hostname } = new URL(`http://[${address}]`);
  return hostname === '[::1]' || MAPPED_IPV4.test(hostname);
}
