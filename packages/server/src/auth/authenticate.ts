import type { Principal } from '../domain/principal.js';

/** The part of a request that proves who sends it. Header names are in lower case. */
export interface AuthRequest {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Address of the peer, after trusted proxies. */
  remoteAddress: string;
  /** Whether the peer itself, not a client that it names in a header, is one of FORWARDED_ALLOW_IPS. */
  fromTrustedProxy: () => boolean;
  /**
   * Whether a browser on the server's own machine may have sent this for a page of a stranger, whose name resolves to this
   * machine (DNS rebinding).
   */
  mayBeRebound: () => boolean;
  /** How often a header was sent, before Node joined what came several times. The name is in lower case. */
  timesSent: (header: string) => number;
}

/**
 * One way to authenticate a request. Returns undefined when the request carries no credentials of this kind, so that the
 * next authenticator may look.
 *
 * @throws Refusal when the credentials are wrong: no other authenticator gets a second chance
 */
export type Authenticator = (request: AuthRequest) => Promise<Principal> | undefined;

/** The first value of a header; undefined when it is missing. */
export function headerOf(request: AuthRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
