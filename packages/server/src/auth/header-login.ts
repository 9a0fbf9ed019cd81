import { emailOf, groupsOf, nameOf, type Person } from '../domain/person.js';
import { Refusal } from '../domain/refusal.js';
import { type AuthRequest, headerOf } from './authenticate.js';

/** Names of the headers that a proxy sets; empty: not used. */
export interface HeaderNames {
  username: string;
  email: string;
  firstName: string;
  lastName: string;
  groups: string;
}

/**
 * Returns the person that a trusted proxy names. Undefined when the headers are missing (401, bug 10) or the request
 * did not come from such a proxy: then anyone could have written them.
 *
 * @throws Refusal `unauthenticated` when the e-mail is not an address: a client's header joined with the proxy's, for
 *   example
 */
export function headerLogin(names: HeaderNames): (request: AuthRequest) => Person | undefined {
  return (request) => {
    if (!request.fromTrustedProxy()) return undefined;
    const email = onlyValue(request, names.email);
    // compat: the user name header must be there; its value is not used.
    if (email === undefined || (names.username !== '' && !onlyValue(request, names.username))) return undefined;
    const address = emailOf(email);
    const groups = groupsOf(
      onlyValue(request, names.groups)
        ?.split(',')
        .map((group) => group.trim()),
    );
    if (address === undefined || groups === undefined) throw new Refusal('unauthenticated');
    return {
      email: address,
      firstName: nameOf(onlyValue(request, names.firstName)),
      lastName: nameOf(onlyValue(request, names.lastName)),
      groups,
    };
  };
}

function onlyValue(request: AuthRequest, name: string): string | undefined {
  return name === '' ? undefined : headerOf(request, name.toLowerCase());
}
