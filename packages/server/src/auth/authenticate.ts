import type { Principal } from '../domain/principal.js';

/** What a request brings to prove who sends it. Header names are lower case. */
export interface Evidence {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Address of the peer, after trusted proxies. */
  remoteAddress: string;
  /** Whether the peer itself, not somebody it speaks for, is one of FORWARDED_ALLOW_IPS. */
  fromTrustedProxy: () => boolean;
}

/**
 * One way to authenticate. Undefined: the request carries no evidence of this kind, the next way may look.
 * Evidence that does not hold throws a Refusal: there is no second chance by another way.
 */
export type Authenticate = (evidence: Evidence) => Promise<Principal> | undefined;

/** The first value of a header; undefined when it is missing. */
export function headerOf(evidence: Evidence, name: string): string | undefined {
  const value = evidence.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
