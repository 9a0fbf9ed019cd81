import type { Principal } from './principal.js';

/** The question an access decision answers. compat: names and arguments are the original's hook points. */
export interface AccessRequest {
  principal: Principal;
  resourceType: 'credential' | 'blind_credential' | 'service' | 'certificate' | 'ca' | 'jwt';
  action: 'list' | 'metadata' | 'get' | 'create' | 'update' | 'revert' | 'archive';
  resourceId?: string;
  kwargs?: Readonly<Record<string, unknown>>;
}

/** True allows. A rejection or an exception denies. */
export type Acl = (request: AccessRequest) => boolean | Promise<boolean>;

/** People everything but certificates and CAs, a service its own: the original's `default_acl`. */
export const defaultAcl: Acl = ({ principal, resourceType, action, resourceId }) => {
  if (principal.type === 'user') return resourceType !== 'certificate' && resourceType !== 'ca';
  return resourceType === 'service' && (action === 'metadata' || action === 'get') && resourceId === principal.name;
};

/** Everybody everything: the original's `no_acl`. */
export const noAcl: Acl = () => true;
