import { emailOf, groupsOf, nameOf, type Person } from '../domain/person.js';
import { Refusal } from '../domain/refusal.js';
import { type Evidence, headerOf } from './authenticate.js';

/** Names of the headers that a proxy sets; empty: not used. */
export interface HeaderNames {
  username: string;
  email: string;
  firstName: string;
  lastName: string;
  groups: string;
}

/**
 * The person a trusted proxy says the request is from. Undefined when the headers are missing (401, bug 10) or the
 * request did not come from such a proxy: then anybody could have written them.
 *
 * @throws Refusal `unauthenticated` when the e-mail is none: a client's header joined with the proxy's, for example
 */
export function headerLogin(names: HeaderNames): (evidence: Evidence) => Person | undefined {
  return (evidence) => {
    if (!evidence.fromTrustedProxy()) return undefined;
    const email = single(evidence, names.email);
    // compat: the user name header must be there; its value is not used.
    if (email === undefined || (names.username !== '' && !single(evidence, names.username))) return undefined;
    const address = emailOf(email);
    const groups = groupsOf(
      single(evidence, names.groups)
        ?.split(',')
        .map((group) => group.trim()),
    );
    if (address === undefined || groups === undefined) throw new Refusal('unauthenticated');
    return {
      email: address,
      firstName: nameOf(single(evidence, names.firstName)),
      lastName: nameOf(single(evidence, names.lastName)),
      groups,
    };
  };
}

function single(evidence: Evidence, name: string): string | undefined {
  return name === '' ? undefined : headerOf(evidence, name.toLowerCase());
}
