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
 * @throws Refusal `unauthenticated` when the e-mail is not an address, or a header is there twice: one of them is the
 *   client's; `not_authorized` when a page of a stranger may have sent the request
 */
export function headerLogin(names: HeaderNames): (request: AuthRequest) => Person | undefined {
  return (request) => {
    if (!request.fromTrustedProxy()) return undefined;
    const email = onlyValue(request, names.email);
    // compat: the user name header must be there; its value is not used.
    if (email === undefined || (names.username !== '' && !onlyValue(request, names.username))) return undefined;
    if (request.mayBeRebound()) {
      throw new Refusal(
        'not_authorized',
        'Requests of a proxy on this machine must have the host of PUBLIC_URL, or a loopback address, in their Host header.',
      );
    }
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
  if (name === '') return undefined;
  if (request.timesSent(name.toLowerCase()) > 1) {
    throw new Refusal('unauthenticated', `The header ${name} came twice: the proxy must remove what clients send.`);
  }
  return headerOf(request, name.toLowerCase());
}
