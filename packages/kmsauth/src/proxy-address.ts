import { BlockList, isIP } from 'node:net';
import { ProxyError } from './proxy-error.js';

/** Variables by name, as `process.env` holds them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Whether an http or https address is reached through the environment's proxy. */
export function goesThroughProxy(address: string, environment: Environment = process.env): boolean {
  const { protocol, hostname, port } = new URL(address);
  if (protocol !== 'https:' || proxyVariable(environment) === undefined) return false;
  return !isDirect(hostname, port === '' ? 443 : Number(port), environment);
}

/** The proxy for an address, as errors name it (`proxy.corp:3128`); undefined if it is reached directly. */
export function proxyOf(address: string, environment: Environment = process.env): string | undefined {
  if (!goesThroughProxy(address, environment)) return undefined;
  const { text, variable } = proxyVariable(environment)!;
  const proxy = parseProxy(text);
  return proxy === undefined ? `of ${variable}` : placeOf(proxy);
}

/** Host and port, without user name and password. */
export function placeOf(proxy: URL): string {
  return `${proxy.hostname}:${portOf(proxy)}`;
}

export function portOf({ protocol, port }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

/** Whether the environment names a proxy for https, whatever NO_PROXY says. */
export function namesProxy(environment: Environment): boolean {
  return proxyVariable(environment) !== undefined;
}

/** The problem with the environment's proxy variable, without its value; undefined if it is valid or not set. */
export function proxyFault(environment: Environment): { variable: string; problem: string } | undefined {
  const found = proxyVariable(environment);
  if (found === undefined || parseProxy(found.text) !== undefined) return undefined;
  return { variable: found.variable, problem: 'must be an http or https address' };
}

/**
 * The proxy for https connections to a host name or address; undefined if there is none.
 *
 * compat: the variables are read as by Python. Lower case names come first, and an empty one turns the proxy off. An
 * address without a scheme means http. A name in NO_PROXY includes its subdomains, with or without a leading dot.
 * Networks in NO_PROXY (10.0.0.0/8) apply to hosts that are addresses.
 *
 * @throws ProxyError when the variable is not an http or https address
 */
export function proxyFor(host: string, port: number, environment: Environment): URL | undefined {
  const found = proxyVariable(environment);
  if (found === undefined || isDirect(host, port, environment)) return undefined;
  const proxy = parseProxy(found.text);
  if (proxy === undefined) throw new ProxyError(`${found.variable} must be an http or https address`);
  return proxy;
}

function proxyVariable(environment: Environment): { variable: string; text: string } | undefined {
  for (const name of ['https_proxy', 'all_proxy']) {
    const variable = environment[name] === undefined ? name.toUpperCase() : name;
    const text = environment[variable]?.trim();
    if (text) return { variable, text };
  }
  return undefined;
}

function parseProxy(text: string): URL | undefined {
  const address = text.includes('://') ? text : `http://${text}`;
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  return /^https?:$/.test(url.protocol) ? url : undefined;
}

/**
 * The user name and password in a proxy's address.
 *
 * compat: percent escapes are decoded as by Python's unquote: a percent sign that begins none stands for itself, and
 * bytes that are not UTF-8 become U+FFFD.
 */
export function credentialsOf({ username, password }: URL): { username: string; password: string } {
  return { username: unquote(username), password: unquote(password) };
}

function unquote(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}

function isDirect(host: string, port: number, environment: Environment): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$|\.$/g, '');
  const exceptions = (environment['no_proxy'] ?? environment['NO_PROXY'] ?? '').toLowerCase();
  return (
    neverUsesProxy(name) || exceptions.split(/[,\s]+/).some((exception) => matchesException(exception, name, port))
  );
}

/**
 * This machine, and link-local addresses, which no proxy can reach for it: 169.254.169.254 and the like serve
 * credentials.
 */
function neverUsesProxy(name: string): boolean {
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  const networks = ['127.0.0.0/8', '169.254.0.0/16', '::1/128', 'fe80::/10', 'fd00:ec2::/32'];
  return networks.some((network) => isInNetwork(network, name));
}

function matchesException(exception: string, name: string, port: number): boolean {
  if (exception === '') return false;
  if (exception === '*') return true;
  if (isIP(name) !== 0 && isInNetwork(exception, name)) return true;
  const [, withoutPort, onlyPort] = isIP(exception) === 0 ? (/^(.+):(\d+)$/.exec(exception) ?? []) : [];
  if (onlyPort !== undefined && Number(onlyPort) !== port) return false;
  const wanted = (withoutPort ?? exception).replace(/^\[|\]$/g, '').replace(/^\*?\.*/, '');
  return name === wanted || (wanted !== '' && isIP(name) === 0 && name.endsWith(`.${wanted}`));
}

/** Whether an address is in a network such as 10.0.0.0/8. */
function isInNetwork(network: string, address: string): boolean {
  const [start = '', bits = ''] = network.split('/');
  const family = isIP(start);
  if (family === 0 || isIP(address) === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) {
    return false;
  }
  const list = new BlockList();
  list.addSubnet(start, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  return list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
}
