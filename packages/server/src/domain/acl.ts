import type { CaNames } from './ca-names.js';
import type { Principal } from './principal.js';

/** The question an access decision answers. compat: names and arguments are the original's hook points. */
export interface AccessRequest {
  principal: Principal;
  resourceType: 'credential' | 'blind_credential' | 'service' | 'certificate' | 'ca' | 'jwt';
  action: 'list' | 'metadata' | 'get' | 'create' | 'update' | 'revert' | 'archive';
  resourceId?: string;
  kwargs?: Readonly<Record<string, unknown>>;
  /** Of a credential that is to be created, or was just read. */
  resource?: Described;
  /**
   * Name and tags of credentials by id: of this one, or of those a service is to get; other ids are left out. Costs a
   * read, so it is asked only by a policy that has to know.
   */
  describe?: (ids: readonly string[]) => Promise<ReadonlyMap<string, Described>>;
}

/** What a policy may ask of a credential besides its id; blind ones have no tags. */
export interface Described {
  name: string;
  tags: readonly string[];
}

/** True allows. A rejection or an exception denies. */
export type Acl = (request: AccessRequest) => boolean | Promise<boolean>;

/**
 * The original's `default_acl`: people everything but certificates, CAs and JWTs for others; a service itself, the CAs
 * and certificates that name it. `namesOf` gives a CA's pattern; without one nobody gets its certificates.
 */
export function defaultAcl(namesOf: (ca: string) => CaNames | undefined): Acl {
  return ({ principal, resourceType, action, resourceId, kwargs = {} }) => {
    if (principal.type === 'user') {
      // bug 5: the hook's resource id is the caller's own name; whom the token is for stands in kwargs.
      if (resourceType === 'jwt') return kwargs['id'] === principal.name;
      return resourceType !== 'certificate' && resourceType !== 'ca';
    }
    switch (resourceType) {
      case 'service':
        return (action === 'metadata' || action === 'get') && resourceId === principal.name;
      case 'ca':
        return action === 'list' || action === 'get';
      case 'certificate': {
        const { ca, san } = kwargs;
        if (action !== 'get' || resourceId === undefined || typeof ca !== 'string' || !isTextList(san)) return false;
        return namesOf(ca)?.allow(principal.name, resourceId, san) ?? false;
      }
      default:
        return false;
    }
  };
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** Everybody everything: the original's `no_acl`. */
export const noAcl: Acl = () => true;
