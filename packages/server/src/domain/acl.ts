import type { CaNames } from './ca-names.js';
import type { Principal } from './principal.js';

/** A request for an access decision. compat: the types and actions are the original's. */
export interface AccessRequest {
  principal: Principal;
  resourceType: 'credential' | 'blind_credential' | 'service' | 'certificate' | 'ca' | 'jwt';
  action: 'list' | 'metadata' | 'get' | 'create' | 'update' | 'revert' | 'archive';
  resourceId?: string;
  /**
   * For updates of a service: the ids of all credentials, of both kinds, that it will map, and of those that it does
   * not map yet.
   */
  mapping?: { ids: readonly string[]; added?: readonly string[] };
  /** For certificates, whose CN is the resource's id: the CA and the alternative names. */
  certificate?: { ca: string; alternativeNames: readonly string[] };
  /** For JWTs: the subject and the environment. compat: the resource's id is the caller's own name. */
  jwt?: { subject: string; environment: string };
  /** Name and tags of a credential that will be created, or was just read. */
  resource?: CredentialDescription;
  /**
   * Reads name and tags of credentials by id: of this one, or of those that a service will map; other ids are left out.
   * Policies call this only when they must know, since it costs a read.
   */
  describe?: (ids: readonly string[]) => Promise<ReadonlyMap<string, CredentialDescription>>;
}

/** The properties of a credential, besides its id, that policies may use; blind credentials have no tags. */
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
 * @param namesOf the pattern of a CA; a CA without one is allowed no certificates
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

/** The original's `no_acl`: everyone may do everything. */
export const noAcl: Acl = () => true;
