import { RE2JS } from 're2js';

/** The group of a pattern that holds the name of the service. */
const GROUP = 'service_name';
/** DNS allows 253 characters; a CN holds 64. Longer text is not a name and never matches. */
const MAX_NAME_LENGTH = 253;

/** Letters, digits, `-` and `_` between dots, and perhaps a wildcard in front. */
const DNS_NAME =
  /^(?:\*\.)?(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/;

/** Whether a certificate may carry this as a DNS name. */
export function isDnsName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && DNS_NAME.test(text);
}

/** Whether a certificate may carry this as its CN: 1 to 64 characters (RFC 5280), none of them invisible. */
export function isCommonName(text: string): boolean {
  return /^[^\p{C}\p{Zl}\p{Zp}]{1,64}$/u.test(text);
}

/** A pattern that cannot be used. The message says why and does not repeat the pattern. */
export class BadPattern extends Error {}

/**
 * Decides which names a CA may certify for a service: the names that a pattern assigns to it.
 *
 * compat: the pattern is Python's, with a group `(?P<service_name>…)`. The whole name must match (bug 6: the original
 * took a prefix for a match). Matching takes linear time, so that neither a pattern nor a name can hang the server;
 * the price is that lookarounds and back references are refused. `\w` and `\d` mean ASCII.
 */
export class CaNames {
  readonly #pattern: RE2JS;

  /**
   * @param cnOnly leaves alternative names unchecked, as 7.0.0 did
   * @throws BadPattern
   */
  constructor(
    pattern: string,
    private readonly cnOnly = false,
  ) {
    this.#pattern = compile(pattern);
    if (!(GROUP in this.#pattern.namedGroups())) throw new BadPattern(`expected a group (?P<${GROUP}>...)`);
  }

  /** Whether the CN and every alternative name name this service. */
  allow(serviceName: string, commonName: string, alternativeNames: readonly string[]): boolean {
    const names = this.cnOnly ? [commonName] : [commonName, ...alternativeNames];
    return names.every((name) => this.#serviceIn(name) === serviceName);
  }

  #serviceIn(name: string): string | null {
    // A colon marks an alternative name that is not a DNS name, `ip:10.0.0.1`: a loose pattern must not allow it.
    if (name.length > MAX_NAME_LENGTH || name.includes(':')) return null;
    const matcher = this.#pattern.matcher(name);
    return matcher.matches() ? matcher.group(GROUP) : null;
  }
}

function compile(pattern: string): RE2JS {
  try {
    // Python writes the end of the text as \Z, RE2 as \z.
    return RE2JS.compile(pattern.replace(/\\([^])/g, (escape, char) => (char === 'Z' ? '\\z' : escape)));
  } catch {
    throw new BadPattern('expected a Python pattern without lookarounds and back references');
  }
}
