import type { Agent } from 'node:https';
import { type Environment, goesThroughProxy, namesProxy } from './proxy-address.js';
import type { TunnelOptions } from './tunnel.js';

export { goesThroughProxy, namesProxy, proxyFault, proxyOf } from './proxy-address.js';
export { ProxyError } from './proxy-error.js';

/**
 * Returns an https agent that uses the environment's proxy: HTTPS_PROXY or ALL_PROXY, unless NO_PROXY names the host.
 * It decides for each host, and always connects directly to this machine and to link-local addresses, where instance
 * metadata is. Returns undefined, and loads nothing, if the environment names no proxy (or none for `address`).
 *
 * Requests fail with {@link ProxyError} if the proxy does not connect; a proxy's own response is never taken for the
 * host's.
 * @param options.address the only address that will be requested, if known
 *
 * compat: the original's libraries read these variables too, see proxyFor.
 */
export async function proxyAgent(
  { address, ...options }: TunnelOptions & { address?: string },
  environment: Environment = process.env,
): Promise<Agent | undefined> {
  const wanted = address === undefined ? namesProxy(environment) : goesThroughProxy(address, environment);
  if (!wanted) return undefined;
  const { TunnelAgent } = await import('./tunnel.js');
  return new TunnelAgent(options, environment);
}
