import type { Agent } from 'node:https';
import { ConfigError } from './config.js';

const VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'];

/**
 * The agent that reaches an https address through the proxy of the environment: HTTPS_PROXY or ALL_PROXY, unless
 * NO_PROXY names the host, in capitals or not. Undefined when it is reached directly, as this machine always is.
 * compat: the original's libraries heed these variables too.
 *
 * What a proxy answers instead of making the connection arrives as if the server had answered; the request's event
 * `proxyConnect`, with the `statusCode` of the proxy, tells the two apart: only 200 is a connection.
 *
 * @throws ConfigError when the variable holds no such address; the message holds no password
 */
export async function proxyAgent(
  address: string,
  options: { maxSockets: number; timeout?: number },
): Promise<Agent | undefined> {
  const url = new URL(address);
  if (url.protocol !== 'https:' || isLoopback(url.hostname)) return undefined;
  // Programs that run briefly load nothing for this.
  if (!VARIABLES.some((name) => process.env[name])) return undefined;
  const [{ getProxyForUrl }, { HttpsProxyAgent }] = await Promise.all([
    import('proxy-from-env'),
    import('https-proxy-agent'),
  ]);
  const found = getProxyForUrl(url.href);
  if (found === '') return undefined;
  if (!URL.canParse(found) || !/^https?:$/.test(new URL(found).protocol)) {
    throw new ConfigError(['HTTPS_PROXY must be an http or https address']);
  }
  return new HttpsProxyAgent(found, { keepAlive: true, ...options });
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}
