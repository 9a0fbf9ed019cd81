import { isLoopback } from '@confidant/contract';
import { BlockList, isIP } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Refusal } from '../domain/refusal.js';

/** How requests reach the server. */
export interface TransportOptions {
  /** SSLIFY, unless DEBUG. */
  redirectToHttps: boolean;
  /** Root address that browsers use, without a slash at its end; empty: taken from the request. */
  publicUrl: string;
  /** SAML_FAKE_HTTPS. */
  pretendHttps: boolean;
  /** FORWARDED_ALLOW_IPS. */
  isTrustedProxy: (address: string | undefined) => boolean;
  /** Whether requests for other hosts are refused, because access from this machine needs no login. */
  loopbackNamesOnly: boolean;
}

const COMMON_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** Sent with responses for programs. JSON is not a page: it may not run, be framed or be stored. */
export const DATA_HEADERS = {
  ...COMMON_HEADERS,
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const;

/** Sent with pages, whose scripts, styles and images are files of this server: nothing is inline or foreign. */
export const PAGE_HEADERS = {
  ...COMMON_HEADERS,
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    // No text becomes script, not even by a fault in a library.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
} as const;

const HSTS = 'max-age=31536000';
/**
 * A name or an address, and perhaps a port: nothing that could change where a URL built from it leads. Names of containers
 * have underscores, and fully qualified names may end with a dot.
 */
const HOST = /^([a-z0-9_]([a-z0-9._-]{0,252}[a-z0-9_])?\.?|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?$/i;

/**
 * Registers the check of Host, and the redirect to HTTPS with HSTS. Health checks are not redirected: load balancers send
 * them in plain HTTP.
 */
export function registerTransport(server: FastifyInstance, transport: TransportOptions): void {
  if (transport.loopbackNamesOnly) {
    // A page whose host name resolves to loopback has the same origin as this server, and could read from it.
    server.addHook('onRequest', (request, _reply, done) => {
      assertOwnName(request, transport);
      done();
    });
  }
  if (!transport.redirectToHttps) return;
  server.addHook('onRequest', (request, reply, done) => {
    if (isHttps(request, transport)) {
      reply.header('strict-transport-security', HSTS);
      done();
      return;
    }
    const url = request.raw.url ?? '/';
    if (/^\/healthcheck($|[/?])/.test(url)) {
      done();
      return;
    }
    const host = transport.publicUrl === '' ? hostOf(request) : new URL(transport.publicUrl).host;
    // A target that is not a path (`OPTIONS *`, an absolute address) has no counterpart.
    reply.headers(DATA_HEADERS).redirect(`https://${host}${url.startsWith('/') ? url : '/'}`, 302);
  });
}

/**
 * Whether the browser speaks HTTPS. compat: X-Forwarded-Proto is believed from any peer. A peer that lies about it only
 * avoids the redirect, and gets cookies that its browser will not send over HTTP.
 */
export function isHttps(request: FastifyRequest, { pretendHttps, isTrustedProxy }: TransportOptions): boolean {
  const { headers, socket } = request;
  if (pretendHttps || 'encrypted' in socket) return true;
  if (firstWord(headers['x-forwarded-proto']) === 'https') return true;
  const says = firstWord(headers['x-forwarded-protocol']) === 'ssl' || firstWord(headers['x-forwarded-ssl']) === 'on';
  return says && isTrustedProxy(socket.remoteAddress);
}

/** What the proxy nearest to the client wrote, in lower case, where each proxy adds its own after a comma. */
function firstWord(header: string | string[] | undefined): string {
  return String(header ?? '')
    .split(',', 1)[0]!
    .trim()
    .toLowerCase();
}

/**
 * The root address that browsers use: PUBLIC_URL, or the Host of this request. X-Forwarded-Host never counts: behind a
 * proxy that changes Host, PUBLIC_URL must be set.
 *
 * @throws Refusal `invalid_request` when Host is not valid
 */
export function rootOf(request: FastifyRequest, transport: TransportOptions): string {
  if (transport.publicUrl !== '') return transport.publicUrl;
  return `${isHttps(request, transport) ? 'https' : 'http'}://${hostOf(request)}`;
}

function assertOwnName(request: FastifyRequest, { publicUrl }: TransportOptions): void {
  const name = nameOf(request);
  if (isLoopback(name)) return;
  if (publicUrl !== '' && name === new URL(publicUrl).hostname) return;
  throw new Refusal('not_authorized', 'This server answers only at loopback addresses and at the host of PUBLIC_URL.');
}

/**
 * Whether a request from this machine is for a name that is neither PUBLIC_URL's nor loopback. A page under such a name,
 * which its owner lets resolve to this machine, has the origin of this server and may send it any header.
 */
export function mayBeRebound(request: FastifyRequest, { publicUrl }: TransportOptions): boolean {
  const { remoteAddress = '', localAddress } = request.socket;
  const isFromHere = remoteAddress === localAddress || isLoopback(remoteAddress.replace(/^::ffff:/i, ''));
  const name = nameOf(request);
  // An address does not resolve to another, so it is not anybody's choice.
  const isOwn = isLoopback(name) || isIP(name.replace(/^\[|\]$/g, '')) !== 0;
  return isFromHere && !isOwn && (publicUrl === '' || name !== new URL(publicUrl).hostname);
}

/** The name or address in Host, without the port; empty when it is not one. */
function nameOf(request: FastifyRequest): string {
  const host = `http://${hostOf(request)}`;
  return URL.canParse(host) ? new URL(host).hostname : '';
}

function hostOf(request: FastifyRequest): string {
  const host = request.headers.host ?? '';
  if (!HOST.test(host)) throw new Refusal('invalid_request', 'The Host header is not valid.');
  return host.toLowerCase();
}

/** Whether an address is among `allowed`: addresses, networks, or `*` for all. */
export function proxyList(allowed: readonly string[]): (address: string | undefined) => boolean {
  if (allowed.includes('*')) return () => true;
  const list = new BlockList();
  for (const entry of allowed) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    if (address === undefined) return false;
    // A socket that listens on :: sees IPv4 peers in this form.
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
    return list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
  };
}
