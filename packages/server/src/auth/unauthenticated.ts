import type { Principal } from '../domain/principal.js';
import type { Authenticator } from './authenticate.js';

const EVERYBODY: Principal = {
  name: 'unauthenticated user',
  type: 'user',
  account: null,
  groups: [],
  authenticatedBy: 'none',
};

/** USE_AUTH=false: everyone is the same person (compat: by this name). Only for development. */
export const unauthenticated: Authenticator = () => Promise.resolve(EVERYBODY);
