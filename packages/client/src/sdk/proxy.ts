import type { Agent } from 'node:https';
import { ConfigError } from './errors.js';

const VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'];

export interface ProxyOptions {
  connectTimeoutMs: number;
  idleTimeoutMs?: number;
  maxSockets: number;
  /** The only address that will be requested, if known; otherwise the agent decides for each host. */
  address?: string;
}

/**
 * Returns an agent that uses the environment's proxy; undefined if there is none. Its requests fail with kmsauth's
 * ProxyError.
 *
 * @throws ConfigError if `address` needs the proxy and its variable is malformed; the message contains no password
 */
export async function proxyAgent(options: ProxyOptions): Promise<Agent | undefined> {
  // Short-lived programs should not load anything for this.
  if (!VARIABLES.some((name) => process.env[name])) return undefined;
  const proxies = await import('@confidant/kmsauth/proxy');
  if (options.address !== undefined && proxies.goesThroughProxy(options.address)) await checkProxy();
  return proxies.proxyAgent(options);
}

/**
 * The proxy for an address, `proxy.corp:3128`; `none` if the environment names one, but not for this address; undefined
 * if it names none.
 */
export async function proxyOf(address: string): Promise<string | undefined> {
  if (!VARIABLES.some((name) => process.env[name])) return undefined;
  const proxies = await import('@confidant/kmsauth/proxy');
  return proxies.namesProxy(process.env) ? (proxies.proxyOf(address) ?? 'none') : undefined;
}

/** @throws ConfigError if the environment's proxy variable is malformed; the message contains no password */
export async function checkProxy(): Promise<void> {
  const { proxyFault } = await import('@confidant/kmsauth/proxy');
  const fault = proxyFault(process.env);
  if (fault !== undefined) throw new ConfigError([`${fault.variable} ${fault.problem}`]);
}
