/** An address of 127.0.0.0/8 in its usual form: four decimal numbers, none above 255, none with a leading zero. */
const IPV4_LOOPBACK = /^127(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/;

/**
 * Whether a host leads to this machine alone, judged by its text: an address of 127.0.0.0/8, also mapped into IPv6
 * (`::ffff:127.0.0.1`), `::1`, both perhaps in brackets, or the name `localhost`. Takes what stands in a URL, in a
 * setting or in a socket's `remoteAddress`, without a port. Anything else is not loopback: other names that resolve to
 * it, shortened addresses (`127.1`) and `0.0.0.0`. Parse a URL first if browsers may have shortened the address.
 */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || name === 'localhost.') return true;
  if (IPV4_LOOPBACK.test(name)) return true;
  const address = /^\[(.*)\]$/.exec(name)?.[1] ?? name;
  return address === '::1' || (address.startsWith('::ffff:') && IPV4_LOOPBACK.test(address.slice('::ffff:'.length)));
}
