import { z } from 'zod';
import { ADDRESSES, type Address } from './addresses.js';
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
import { idParam, metadataOnly, pageQuery, revertRequest, revisionParam } from './primitives.js';
import { service, serviceList, servicePut, serviceRevisions } from './services.js';

/** A route of the API: everything about it except its use-case. */
export interface Route extends Address {
  summary: string;
  /** Whether it changes anything. Then browser sessions need a CSRF token, and maintenance mode refuses it. */
  write: boolean;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** An empty body is allowed, with any content type. */
  bodyOptional?: true;
  /** The schema of the 200 response. */
  response: z.ZodType;
}

const byId = z.object({ id: idParam });
const byRevision = z.object({ id: idParam, revision: revisionParam });
const byTwoRevisions = z.object({ id: idParam, old: revisionParam, new: revisionParam });
const oneQuery = z.object({ metadata_only: metadataOnly });

export const ROUTES = {
  listCredentials: {
    ...ADDRESSES.listCredentials,
    write: false,
    summary: 'List credentials, without their values',
    query: pageQuery,
    response: credentialList,
  },
  createCredential: {
    ...ADDRESSES.createCredential,
    write: true,
    summary: 'Create a credential',
    query: oneQuery,
    body: credentialCreate,
    response: credential,
  },
  getCredential: {
    ...ADDRESSES.getCredential,
    write: false,
    summary: 'Read a credential',
    params: byId,
    query: oneQuery,
    response: credential,
  },
  updateCredential: {
    ...ADDRESSES.updateCredential,
    write: true,
    summary: 'Write a new revision of a credential',
    params: byId,
    query: oneQuery,
    body: credentialUpdate,
    response: credential,
  },
  revertCredential: {
    ...ADDRESSES.revertCredential,
    write: true,
    summary: 'Write a new revision of a credential from an old one',
    params: byRevision,
    body: revertRequest,
    bodyOptional: true,
    response: credential,
  },
  diffCredential: {
    ...ADDRESSES.diffCredential,
    write: false,
    summary: 'Compare two revisions of a credential',
    params: byTwoRevisions,
    response: diff,
  },
  getCredentialServices: {
    ...ADDRESSES.getCredentialServices,
    write: false,
    summary: 'List the services that a credential is mapped to',
    params: byId,
    response: mappedServices,
  },
  archiveCredential: {
    ...ADDRESSES.archiveCredential,
    write: true,
    summary: 'Move a disabled, unmapped credential with all its revisions to the permanent archive',
    params: byId,
    body: archiveRequest,
    bodyOptional: true,
    response: archiveResult,
  },
  listCredentialHistory: {
    ...ADDRESSES.listCredentialHistory,
    write: false,
    summary: 'List the revisions of all credentials',
    query: pageQuery,
    response: credentialList,
  },
  getCredentialHistory: {
    ...ADDRESSES.getCredentialHistory,
    write: false,
    summary: 'List the revisions of one credential',
    params: byId,
    response: credentialRevisions,
  },
  listServices: {
    ...ADDRESSES.listServices,
    write: false,
    summary: 'List services',
    query: pageQuery,
    response: serviceList,
  },
  getService: {
    ...ADDRESSES.getService,
    write: false,
    summary: 'Read a service with the credentials mapped to it',
    params: byId,
    query: oneQuery,
    response: service,
  },
  putService: {
    ...ADDRESSES.putService,
    write: true,
    summary: 'Create a service, or write a new revision of it',
    params: byId,
    body: servicePut,
    response: service,
  },
  revertService: {
    ...ADDRESSES.revertService,
    write: true,
    summary: 'Write a new revision of a service from an old one',
    params: byRevision,
    body: revertRequest,
    bodyOptional: true,
    response: service,
  },
  diffService: {
    ...ADDRESSES.diffService,
    write: false,
    summary: 'Compare two revisions of a service',
    params: byTwoRevisions,
    response: diff,
  },
  listServiceHistory: {
    ...ADDRESSES.listServiceHistory,
    write: false,
    summary: 'List the revisions of all services',
    query: pageQuery,
    response: serviceList,
  },
  getServiceHistory: {
    ...ADDRESSES.getServiceHistory,
    write: false,
    summary: 'List the revisions of one service',
    params: byId,
    response: serviceRevisions,
  },
  listBlindCredentials: {
    ...ADDRESSES.listBlindCredentials,
    write: false,
    summary: 'List blind credentials, without their ciphertext',
    response: blindCredentialList,
  },
  createBlindCredential: {
    ...ADDRESSES.createBlindCredential,
    write: true,
    summary: 'Create a blind credential',
    body: blindCredentialCreate,
    response: blindCredential,
  },
  getBlindCredential: {
    ...ADDRESSES.getBlindCredential,
    write: false,
    summary: 'Read a blind credential',
    params: byId,
    response: blindCredential,
  },
  updateBlindCredential: {
    ...ADDRESSES.updateBlindCredential,
    write: true,
    summary: 'Write a new revision of a blind credential',
    params: byId,
    body: blindCredentialUpdate,
    response: blindCredential,
  },
  revertBlindCredential: {
    ...ADDRESSES.revertBlindCredential,
    write: true,
    summary: 'Write a new revision of a blind credential from an old one',
    params: byRevision,
    body: revertRequest,
    bodyOptional: true,
    response: blindCredential,
  },
  getBlindCredentialServices: {
    ...ADDRESSES.getBlindCredentialServices,
    write: false,
    summary: 'List the services that a blind credential is mapped to',
    params: byId,
    response: mappedServices,
  },
  listBlindCredentialHistory: {
    ...ADDRESSES.listBlindCredentialHistory,
    write: false,
    summary: 'List the revisions of all blind credentials',
    query: pageQuery,
    response: blindCredentialHistory,
  },
  getBlindCredentialHistory: {
    ...ADDRESSES.getBlindCredentialHistory,
    write: false,
    summary: 'List the revisions of one blind credential, newest first',
    params: byId,
    response: blindCredentialRevisions,
  },
  listRoles: {
    ...ADDRESSES.listRoles,
    write: false,
    summary: 'List the IAM roles that services can be named after',
    response: roles,
  },
  getGrants: {
    ...ADDRESSES.getGrants,
    write: false,
    summary: 'Read whether a service has its KMS grants',
    params: byId,
    response: grants,
  },
  // compat: clients send the body `null` or none.
  ensureGrants: {
    ...ADDRESSES.ensureGrants,
    write: true,
    summary: 'Create the missing KMS grants of a service',
    params: byId,
    response: grants,
  },
  generateValue: {
    ...ADDRESSES.generateValue,
    write: false,
    summary: 'Generate a random value for a new secret',
    response: generatedValue,
  },
  getClientConfig: {
    ...ADDRESSES.getClientConfig,
    write: false,
    summary: 'Read what clients need to know about this server',
    response: clientConfig,
  },
  listCertificateAuthorities: {
    ...ADDRESSES.listCertificateAuthorities,
    write: false,
    summary: 'List certificate authorities',
    response: certificateAuthorityList,
  },
  getCertificateAuthority: {
    ...ADDRESSES.getCertificateAuthority,
    write: false,
    summary: 'Read a certificate authority',
    params: caParams,
    response: certificateAuthority,
  },
  getCertificate: {
    ...ADDRESSES.getCertificate,
    write: false,
    summary: 'Issue a certificate and the key for it',
    params: certificateParams,
    query: certificateQuery,
    response: certificateWithKey,
  },
  // compat: maintenance mode does not stop certificates, so this does not count as a write. It needs no CSRF token,
  // because HTML forms cannot send JSON.
  signCertificateRequest: {
    ...ADDRESSES.signCertificateRequest,
    write: false,
    summary: 'Issue a certificate for a signing request',
    params: caParams,
    body: certificateFromCsr,
    response: certificate,
  },
  getOwnToken: {
    ...ADDRESSES.getOwnToken,
    write: false,
    summary: 'Get a JWT for the caller',
    query: tokenQuery,
    response: token,
  },
  getToken: {
    ...ADDRESSES.getToken,
    write: false,
    summary: 'Get a JWT for a user or service; a number that is not a name is an expiry in seconds',
    params: tokenParams,
    query: tokenQuery,
    response: token,
  },
  getTokenWithExpiry: {
    ...ADDRESSES.getTokenWithExpiry,
    write: false,
    summary: 'Get a JWT for a user or service that expires sooner',
    params: tokenWithExpiryParams,
    query: tokenQuery,
    response: token,
  },
  getPublicKeys: {
    ...ADDRESSES.getPublicKeys,
    write: false,
    summary: 'Get the keys that verify the JWTs of an environment',
    params: environmentParams,
    response: jwks,
  },
  getUserEmail: {
    ...ADDRESSES.getUserEmail,
    write: false,
    summary: 'The name of the caller',
    response: email,
  },
  // compat: the original answers POST too. It changes nothing, so it does not count as a write.
  postUserEmail: {
    ...ADDRESSES.postUserEmail,
    write: false,
    summary: 'The name of the caller',
    response: email,
  },
} as const satisfies Record<keyof typeof ADDRESSES, Route>;

export type RouteId = keyof typeof ROUTES;

type Inferred<Definition, Part extends string> =
  Definition extends Record<Part, infer Schema extends z.ZodType> ? z.infer<Schema> : undefined;

export type ParamsOf<Id extends RouteId> = Inferred<(typeof ROUTES)[Id], 'params'>;
export type QueryOf<Id extends RouteId> = Inferred<(typeof ROUTES)[Id], 'query'>;
export type BodyOf<Id extends RouteId> = Inferred<(typeof ROUTES)[Id], 'body'>;
export type ResponseOf<Id extends RouteId> = Inferred<(typeof ROUTES)[Id], 'response'>;
