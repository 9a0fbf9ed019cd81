import type { Agent } from 'node:https';
import { type Environment, goesThroughProxy, namesProxy } from './proxy-address.js';
import type { TunnelOptions } from './tunnel.js';

export { goesThroughProxy, namesProxy, proxyFault, proxyOf } from './proxy-address.js';
export { ProxyError } from './proxy-error.js';

/**
 * The agent for https that goes through the proxy of the environment: HTTPS_PROXY or ALL_PROXY, unless NO_PROXY names
 * the host. It decides for each host, and connects directly where no proxy is wanted: always to this machine and to
 * link-local addresses, where instance metadata is. Undefined when the environment names none (or none for
 * `address`), and then nothing is loaded.
 *
 * Requests fail with {@link ProxyError} when there is no way through the proxy; what it says is never their answer.
 * @param options.address the only address that will be asked for; left out: it is decided for each host
 *
 * compat: the original's libraries heed these variables too, see proxyFor.
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
