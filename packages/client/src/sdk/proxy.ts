import type { Agent } from 'node:https';
import { ConfigError } from './errors.js';

const VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'];

export interface ProxyOptions {
  connectTimeoutMs: number;
  idleTimeoutMs?: number;
  maxSockets: number;
  /** The only address that will be asked for; left out: it is decided for each host. */
  address?: string;
}

/**
 * The agent that goes through the proxy of the environment; undefined where there is none. Its requests fail with
 * kmsauth's ProxyError.
 *
 * @throws ConfigError when the address that is asked for needs the proxy, and that is none; it holds no password
 */
export async function proxyAgent(options: ProxyOptions): Promise<Agent | undefined> {
  // Programs that run briefly load nothing for this.
  if (!VARIABLES.some((name) => process.env[name])) return undefined;
  const proxies = await import('@confidant/kmsauth/proxy');
  if (options.address !== undefined && proxies.goesThroughProxy(options.address)) await checkProxy();
  return proxies.proxyAgent(options);
}

/**
 * The proxy that an address is reached through, `proxy.corp:3128`; `none` where the environment names one for other
 * addresses, undefined where it names none.
 */
export async function proxyOf(address: string): Promise<string | undefined> {
  if (!VARIABLES.some((name) => process.env[name])) return undefined;
  const proxies = await import('@confidant/kmsauth/proxy');
  return proxies.namesProxy(process.env) ? (proxies.proxyOf(address) ?? 'none') : undefined;
}

/** @throws ConfigError when the proxy of the environment is no address of one; the message holds no password */
export async function checkProxy(): Promise<void> {
  const { proxyFault } = await import('@confidant/kmsauth/proxy');
  const fault = proxyFault(process.env);
  if (fault !== undefined) throw new ConfigError([`${fault.variable} ${fault.problem}`]);
}
