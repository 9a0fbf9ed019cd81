import { z } from 'zod';
import {
  blindCredential,
  blindCredentialCreate,
  blindCredentialHistory,
  blindCredentialList,
  blindCredentialRevisions,
  blindCredentialUpdate,
} from './blind-credentials.js';
import {
  caParams,
  certificate,
  certificateAuthority,
  certificateAuthorityList,
  certificateFromCsr,
  certificateParams,
  certificateQuery,
  certificateWithKey,
} from './certificates.js';
import {
  archiveRequest,
  archiveResult,
  credential,
  credentialCreate,
  credentialList,
  credentialRevisions,
  credentialUpdate,
  diff,
  generatedValue,
  mappedServices,
} from './credentials.js';
import { clientConfig } from './client-config.js';
import { grants, roles } from './grants.js';
import { email } from './identity.js';
import { environmentParams, jwks, token, tokenParams, tokenQuery, tokenWithExpiryParams } from './jwks.js';
import { idParam, metadataOnly, pageQuery, revisionParam } from './primitives.js';
import { service, serviceList, servicePut, serviceRevisions } from './services.js';

/** One address of the interface. Everything about the wire that is not a use-case is said here, once. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT';
  /** Parameters are written `:name`. */
  path: string;
  summary: string;
  /** `anyone` needs no credentials; `principal` needs an authenticated user or service. */
  access: 'anyone' | 'principal';
  /** A write: a browser session must prove it meant it (CSRF), and maintenance mode refuses it. */
  write: boolean;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** An empty body is allowed, whatever its content type. */
  bodyOptional?: true;
  /** The schema of the 200 answer. */
  response: z.ZodType;
}

const read = { method: 'GET', access: 'principal', write: false } as const;
const update = { method: 'PUT', access: 'principal', write: true } as const;
const byId = z.object({ id: idParam });
const byRevision = z.object({ id: idParam, revision: revisionParam });
const byTwoRevisions = z.object({ id: idParam, old: revisionParam, new: revisionParam });
const oneQuery = z.object({ metadata_only: metadataOnly });

export const ROUTES = {
  listCredentials: {
    ...read,
    path: '/v1/credentials',
    summary: 'List credentials, without their values',
    query: pageQuery,
    response: credentialList,
  },
  createCredential: {
    method: 'POST',
    access: 'principal',
    write: true,
    path: '/v1/credentials',
    summary: 'Create a credential',
    body: credentialCreate,
    response: credential,
  },
  getCredential: {
    ...read,
    path: '/v1/credentials/:id',
    summary: 'Read a credential',
    params: byId,
    query: oneQuery,
    response: credential,
  },
  updateCredential: {
    ...update,
    path: '/v1/credentials/:id',
    summary: 'Write a new revision of a credential',
    params: byId,
    body: credentialUpdate,
    response: credential,
  },
  revertCredential: {
    ...update,
    path: '/v1/credentials/:id/:revision',
    summary: 'Write a new revision of a credential from an old one',
    params: byRevision,
    response: credential,
  },
  diffCredential: {
    ...read,
    path: '/v1/credentials/:id/:old/:new',
    summary: 'Compare two revisions of a credential',
    params: byTwoRevisions,
    response: diff,
  },
  getCredentialServices: {
    ...read,
    path: '/v1/credentials/:id/services',
    summary: 'List the services that a credential is mapped to',
    params: byId,
    response: mappedServices,
  },
  archiveCredential: {
    method: 'POST',
    access: 'principal',
    write: true,
    path: '/v1/credentials/:id/archive',
    summary: 'Move a disabled, unmapped credential with all its revisions to the permanent archive',
    params: byId,
    body: archiveRequest,
    bodyOptional: true,
    response: archiveResult,
  },
  listCredentialHistory: {
    ...read,
    path: '/v1/archive/credentials',
    summary: 'List the revisions of all credentials',
    query: pageQuery,
    response: credentialList,
  },
  getCredentialHistory: {
    ...read,
    path: '/v1/archive/credentials/:id',
    summary: 'List the revisions of one credential',
    params: byId,
    response: credentialRevisions,
  },
  listServices: {
    ...read,
    path: '/v1/services',
    summary: 'List services',
    query: pageQuery,
    response: serviceList,
  },
  getService: {
    ...read,
    path: '/v1/services/:id',
    summary: 'Read a service with the credentials mapped to it',
    params: byId,
    query: oneQuery,
    response: service,
  },
  putService: {
    ...update,
    path: '/v1/services/:id',
    summary: 'Create a service, or write a new revision of it',
    params: byId,
    body: servicePut,
    response: service,
  },
  revertService: {
    ...update,
    path: '/v1/services/:id/:revision',
    summary: 'Write a new revision of a service from an old one',
    params: byRevision,
    response: service,
  },
  diffService: {
    ...read,
    path: '/v1/services/:id/:old/:new',
    summary: 'Compare two revisions of a service',
    params: byTwoRevisions,
    response: diff,
  },
  listServiceHistory: {
    ...read,
    path: '/v1/archive/services',
    summary: 'List the revisions of all services',
    query: pageQuery,
    response: serviceList,
  },
  getServiceHistory: {
    ...read,
    path: '/v1/archive/services/:id',
    summary: 'List the revisions of one service',
    params: byId,
    response: serviceRevisions,
  },
  listBlindCredentials: {
    ...read,
    path: '/v1/blind_credentials',
    summary: 'List blind credentials, without their ciphertext',
    response: blindCredentialList,
  },
  createBlindCredential: {
    method: 'POST',
    access: 'principal',
    write: true,
    path: '/v1/blind_credentials',
    summary: 'Create a blind credential',
    body: blindCredentialCreate,
    response: blindCredential,
  },
  getBlindCredential: {
    ...read,
    path: '/v1/blind_credentials/:id',
    summary: 'Read a blind credential',
    params: byId,
    response: blindCredential,
  },
  updateBlindCredential: {
    ...update,
    path: '/v1/blind_credentials/:id',
    summary: 'Write a new revision of a blind credential',
    params: byId,
    body: blindCredentialUpdate,
    response: blindCredential,
  },
  revertBlindCredential: {
    ...update,
    path: '/v1/blind_credentials/:id/:revision',
    summary: 'Write a new revision of a blind credential from an old one',
    params: byRevision,
    response: blindCredential,
  },
  getBlindCredentialServices: {
    ...read,
    path: '/v1/blind_credentials/:id/services',
    summary: 'List the services that a blind credential is mapped to',
    params: byId,
    response: mappedServices,
  },
  listBlindCredentialHistory: {
    ...read,
    path: '/v1/archive/blind_credentials',
    summary: 'List the revisions of all blind credentials',
    query: pageQuery,
    response: blindCredentialHistory,
  },
  getBlindCredentialHistory: {
    ...read,
    path: '/v1/archive/blind_credentials/:id',
    summary: 'List the revisions of one blind credential, newest first',
    params: byId,
    response: blindCredentialRevisions,
  },
  listRoles: {
    ...read,
    path: '/v1/roles',
    summary: 'List the IAM roles that services can be named after',
    response: roles,
  },
  getGrants: {
    ...read,
    path: '/v1/grants/:id',
    summary: 'Whether a service has its KMS grants',
    params: byId,
    response: grants,
  },
  // compat: clients send the body `null` or none.
  ensureGrants: {
    ...update,
    path: '/v1/grants/:id',
    summary: 'Make the KMS grants of a service that are missing',
    params: byId,
    response: grants,
  },
  generateValue: {
    ...read,
    path: '/v1/value_generator',
    summary: 'A random value for a new secret',
    response: generatedValue,
  },
  getClientConfig: {
    ...read,
    path: '/v1/client_config',
    summary: 'What clients need to know of this server',
    response: clientConfig,
  },
  listCertificateAuthorities: {
    ...read,
    path: '/v1/cas',
    summary: 'List certificate authorities',
    response: certificateAuthorityList,
  },
  getCertificateAuthority: {
    ...read,
    path: '/v1/cas/:ca',
    summary: 'Read a certificate authority',
    params: caParams,
    response: certificateAuthority,
  },
  getCertificate: {
    ...read,
    path: '/v1/certificates/:ca/:cn',
    summary: 'Issue a certificate and the key for it',
    params: certificateParams,
    query: certificateQuery,
    response: certificateWithKey,
  },
  // compat: maintenance mode does not stop certificates, so this is no write. Only JSON is taken, which no form sends.
  signCertificateRequest: {
    ...read,
    method: 'POST',
    path: '/v1/certificates/:ca',
    summary: 'Issue a certificate for a signing request',
    params: caParams,
    body: certificateFromCsr,
    response: certificate,
  },
  getOwnToken: {
    ...read,
    path: '/v1/jwks/token',
    summary: 'A JWT for the caller',
    query: tokenQuery,
    response: token,
  },
  getToken: {
    ...read,
    path: '/v1/jwks/token/:id',
    summary: 'A JWT for somebody; a number that is the name of nobody is an expiry in seconds',
    params: tokenParams,
    query: tokenQuery,
    response: token,
  },
  getTokenWithExpiry: {
    ...read,
    path: '/v1/jwks/token/:id/:expiry',
    summary: 'A JWT for somebody that expires sooner',
    params: tokenWithExpiryParams,
    query: tokenQuery,
    response: token,
  },
  getPublicKeys: {
    ...read,
    access: 'anyone',
    path: '/v1/jwks/public/:environment',
    summary: 'The keys that verify the JWTs of an environment',
    params: environmentParams,
    response: jwks,
  },
  getUserEmail: {
    ...read,
    path: '/v1/user/email',
    summary: 'The name of the caller',
    response: email,
  },
  // compat: the original answers POST too; it changes nothing, so it is no write.
  postUserEmail: {
    ...read,
    method: 'POST',
    path: '/v1/user/email',
    summary: 'The name of the caller',
    response: email,
  },
} as const satisfies Record<string, Route>;

export type RouteId = keyof typeof ROUTES;

type Inferred<Definition, Part extends string> =
  Definition extends Record<Part, infer Schema extends z.ZodType> ? z.infer<Schema> : undefined;

export type ParamsOf<Id extends RouteId> = Inferred<(typeof ROUTES)[Id], 'params'>;
export type QueryOf<Id extends RouteId> = Inferred<(typeof ROUTES)[Id], 'query'>;
export type BodyOf<Id extends RouteId> = Inferred<(typeof ROUTES)[Id], 'body'>;
export type ResponseOf<Id extends RouteId> = Inferred<(typeof ROUTES)[Id], 'response'>;
