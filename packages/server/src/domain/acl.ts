import type { CaNames } from './ca-names.js';
import type { Principal } from './principal.js';

/** The question that an access decision answers. compat: the types and actions are the original's. */
export interface AccessRequest {
  principal: Principal;
  resourceType: 'credential' | 'blind_credential' | 'service' | 'certificate' | 'ca' | 'jwt';
  action: 'list' | 'metadata' | 'get' | 'create' | 'update' | 'revert' | 'archive';
  resourceId?: string;
  /** For an update of a service: the credentials it is to map, of both kinds, and which of them are new to it. */
  mapping?: { ids: readonly string[]; added?: readonly string[] };
  /** For a certificate, whose CN is the resource's id: the CA, and what else it is to name. */
  certificate?: { ca: string; alternativeNames: readonly string[] };
  /** For a JWT: whom it is for (the resource's id is the caller's own name, compat), and where it counts. */
  jwt?: { subject: string; environment: string };
  /** Name and tags of a credential that is to be created, or was just read. */
  resource?: CredentialDescription;
  /**
   * Reads name and tags of credentials by id: of this one, or of those a service is to get; other ids are left out. A
   * policy asks only when it has to know, since it costs a read.
   */
  describe?: (ids: readonly string[]) => Promise<ReadonlyMap<string, CredentialDescription>>;
}

/** What a policy may ask of a credential besides its id; blind ones have no tags. */
export interface CredentialDescription {
  name: string;
  tags: readonly string[];
}

/** True allows. A rejection or an exception denies. */
export type Acl = (request: AccessRequest) => boolean | Promise<boolean>;

/**
 * The original's `default_acl`. People may do everything but get certificates, CAs and JWTs for others; a service may
 * read itself and the CAs, and get certificates that name it.
 *
 * @param namesOf the pattern of a CA; nobody gets certificates of a CA without one
 */
export function defaultAcl(namesOf: (ca: string) => CaNames | undefined): Acl {
  return ({ principal, resourceType, action, resourceId, certificate, jwt }) => {
    if (principal.type === 'user') {
      // The original compares the resource's id, which is always the caller's own name (bug 5).
      if (resourceType === 'jwt') return jwt?.subject === principal.name;
      return resourceType !== 'certificate' && resourceType !== 'ca';
    }
    switch (resourceType) {
      case 'service':
        return (action === 'metadata' || action === 'get') && resourceId === principal.name;
      case 'ca':
        return action === 'list' || action === 'get';
      case 'certificate': {
        if (action !== 'get' || resourceId === undefined || certificate === undefined) return false;
        return namesOf(certificate.ca)?.allow(principal.name, resourceId, certificate.alternativeNames) ?? false;
      }
      default:
        return false;
    }
  };
}

/** The original's `no_acl`: everybody may do everything. */
export const noAcl: Acl = () => true;
