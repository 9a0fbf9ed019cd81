/**
 * Method and path of every route, without schemas: all that a client must load to call one. The rest of a route is in
 * routes.ts.
 */
export interface Address {
  method: 'GET' | 'POST' | 'PUT';
  /** Parameters are written `:name`. */
  path: string;
  /** `anyone` needs no credentials; `principal` needs an authenticated user or service. */
  access: 'anyone' | 'principal';
}

export const ADDRESSES = {
  listCredentials: { method: 'GET', path: '/v1/credentials', access: 'principal' },
  createCredential: { method: 'POST', path: '/v1/credentials', access: 'principal' },
  getCredential: { method: 'GET', path: '/v1/credentials/:id', access: 'principal' },
  updateCredential: { method: 'PUT', path: '/v1/credentials/:id', access: 'principal' },
  revertCredential: { method: 'PUT', path: '/v1/credentials/:id/:revision', access: 'principal' },
  diffCredential: { method: 'GET', path: '/v1/credentials/:id/:old/:new', access: 'principal' },
  getCredentialServices: { method: 'GET', path: '/v1/credentials/:id/services', access: 'principal' },
  archiveCredential: { method: 'POST', path: '/v1/credentials/:id/archive', access: 'principal' },
  listCredentialHistory: { method: 'GET', path: '/v1/archive/credentials', access: 'principal' },
  getCredentialHistory: { method: 'GET', path: '/v1/archive/credentials/:id', access: 'principal' },
  listServices: { method: 'GET', path: '/v1/services', access: 'principal' },
  getService: { method: 'GET', path: '/v1/services/:id', access: 'principal' },
  putService: { method: 'PUT', path: '/v1/services/:id', access: 'principal' },
  revertService: { method: 'PUT', path: '/v1/services/:id/:revision', access: 'principal' },
  diffService: { method: 'GET', path: '/v1/services/:id/:old/:new', access: 'principal' },
  listServiceHistory: { method: 'GET', path: '/v1/archive/services', access: 'principal' },
  getServiceHistory: { method: 'GET', path: '/v1/archive/services/:id', access: 'principal' },
  listBlindCredentials: { method: 'GET', path: '/v1/blind_credentials', access: 'principal' },
  createBlindCredential: { method: 'POST', path: '/v1/blind_credentials', access: 'principal' },
  getBlindCredential: { method: 'GET', path: '/v1/blind_credentials/:id', access: 'principal' },
  updateBlindCredential: { method: 'PUT', path: '/v1/blind_credentials/:id', access: 'principal' },
  revertBlindCredential: { method: 'PUT', path: '/v1/blind_credentials/:id/:revision', access: 'principal' },
  getBlindCredentialServices: { method: 'GET', path: '/v1/blind_credentials/:id/services', access: 'principal' },
  listBlindCredentialHistory: { method: 'GET', path: '/v1/archive/blind_credentials', access: 'principal' },
  getBlindCredentialHistory: { method: 'GET', path: '/v1/archive/blind_credentials/:id', access: 'principal' },
  listRoles: { method: 'GET', path: '/v1/roles', access: 'principal' },
  getGrants: { method: 'GET', path: '/v1/grants/:id', access: 'principal' },
  ensureGrants: { method: 'PUT', path: '/v1/grants/:id', access: 'principal' },
  generateValue: { method: 'GET', path: '/v1/value_generator', access: 'principal' },
  getClientConfig: { method: 'GET', path: '/v1/client_config', access: 'principal' },
  listCertificateAuthorities: { method: 'GET', path: '/v1/cas', access: 'principal' },
  getCertificateAuthority: { method: 'GET', path: '/v1/cas/:ca', access: 'principal' },
  getCertificate: { method: 'GET', path: '/v1/certificates/:ca/:cn', access: 'principal' },
  signCertificateRequest: { method: 'POST', path: '/v1/certificates/:ca', access: 'principal' },
  getOwnToken: { method: 'GET', path: '/v1/jwks/token', access: 'principal' },
  getToken: { method: 'GET', path: '/v1/jwks/token/:id', access: 'principal' },
  getTokenWithExpiry: { method: 'GET', path: '/v1/jwks/token/:id/:expiry', access: 'principal' },
  getPublicKeys: { method: 'GET', path: '/v1/jwks/public/:environment', access: 'anyone' },
  getUserEmail: { method: 'GET', path: '/v1/user/email', access: 'principal' },
  postUserEmail: { method: 'POST', path: '/v1/user/email', access: 'principal' },
} as const satisfies Record<string, Address>;
