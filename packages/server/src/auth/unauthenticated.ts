import type { Principal } from '../domain/principal.js';
import type { Authenticator } from './authenticate.js';

const UNAUTHENTICATED_USER: Principal = {
  name: 'unauthenticated user',
  type: 'user',
  account: null,
  groups: [],
  authenticatedBy: 'none',
};

/** The authenticator of USE_AUTH=false, for development: everyone is the same person (compat: with this name). */
export const unauthenticated: Authenticator = () => Promise.resolve(UNAUTHENTICATED_USER);
