import type { BodyOf, QueryOf, ResponseOf } from '@confidant/contract';
import { RouteCaller, type CallOptions } from './route-caller.js';

export interface RevertOptions extends CallOptions {
  /** The revision that must be the current one; otherwise the server refuses with `write_conflict`. */
  expectedRevision?: number | undefined;
}

/** Returns no body if no revision is expected, like clients of the original. */
function revertBody({ expectedRevision }: RevertOptions): BodyOf<'revertCredential'> {
  return expectedRevision === undefined ? undefined : { expected_revision: expectedRevision };
}

/**
 * A client with one method per route. Reads reject with a ConfidantError of status 404 if there is no such thing; see
 * {@link RouteCaller} for other errors.
 */
export class ConfidantClient extends RouteCaller {
  /** Lists credentials without their values, by name: all of them, or a page of `limit`. */
  listCredentials(query: Partial<QueryOf<'listCredentials'>> = {}, options?: CallOptions) {
    return this.call('listCredentials', { query }, options);
  }

  /** Reads a credential with its values, or without them if `metadataOnly`. */
  getCredential(id: string, { metadataOnly = false }: { metadataOnly?: boolean } = {}, options?: CallOptions) {
    return this.call('getCredential', { params: { id }, query: { metadata_only: metadataOnly } }, options);
  }

  createCredential(body: BodyOf<'createCredential'>, options?: CallOptions) {
    return this.call('createCredential', { body }, options);
  }

  /** Writes a new revision; fields that `body` omits stay as they are. */
  updateCredential(id: string, body: BodyOf<'updateCredential'>, options?: CallOptions) {
    return this.call('updateCredential', { params: { id }, body }, options);
  }

  /**
   * Writes a new revision from an old one; rejects with `write_conflict` if the current one is not the expected one.
   */
  revertCredential(id: string, revision: number, options: RevertOptions = {}) {
    return this.call('revertCredential', { params: { id, revision }, body: revertBody(options) }, options);
  }

  diffCredential(id: string, oldRevision: number, newRevision: number, options?: CallOptions) {
    return this.call('diffCredential', { params: { id, old: oldRevision, new: newRevision } }, options);
  }

  getCredentialServices(id: string, options?: CallOptions) {
    return this.call('getCredentialServices', { params: { id } }, options);
  }

  /**
   * Moves a disabled, unmapped credential to the permanent archive; without `force` it only checks whether it could.
   */
  archiveCredential(id: string, { force = false }: { force?: boolean } = {}, options?: CallOptions) {
    return this.call('archiveCredential', { params: { id }, body: { force } }, options);
  }

  getCredentialHistory(id: string, options?: CallOptions) {
    return this.call('getCredentialHistory', { params: { id } }, options);
  }

  listCredentialHistory(query: Partial<QueryOf<'listCredentialHistory'>> = {}, options?: CallOptions) {
    return this.call('listCredentialHistory', { query }, options);
  }

  listServices(query: Partial<QueryOf<'listServices'>> = {}, options?: CallOptions) {
    return this.call('listServices', { query }, options);
  }

  /** Reads a service and the credentials mapped to it, with their values unless `metadataOnly`. */
  getService(id: string, { metadataOnly = false }: { metadataOnly?: boolean } = {}, options?: CallOptions) {
    return this.call('getService', { params: { id }, query: { metadata_only: metadataOnly } }, options);
  }

  /** Creates a service, or writes a new revision of it. */
  putService(id: string, body: BodyOf<'putService'>, options?: CallOptions) {
    return this.call('putService', { params: { id }, body }, options);
  }

  revertService(id: string, revision: number, options: RevertOptions = {}) {
    return this.call('revertService', { params: { id, revision }, body: revertBody(options) }, options);
  }

  diffService(id: string, oldRevision: number, newRevision: number, options?: CallOptions) {
    return this.call('diffService', { params: { id, old: oldRevision, new: newRevision } }, options);
  }

  getServiceHistory(id: string, options?: CallOptions) {
    return this.call('getServiceHistory', { params: { id } }, options);
  }

  listServiceHistory(query: Partial<QueryOf<'listServiceHistory'>> = {}, options?: CallOptions) {
    return this.call('listServiceHistory', { query }, options);
  }

  /** Returns the caller's name, as the server knows it. */
  getUserEmail(options?: CallOptions) {
    return this.call('getUserEmail', {}, options);
  }

  /** Lists blind credentials without ciphertext, data keys and metadata. */
  listBlindCredentials(options?: CallOptions) {
    return this.call('listBlindCredentials', {}, options);
  }

  getBlindCredential(id: string, options?: CallOptions) {
    return this.call('getBlindCredential', { params: { id } }, options);
  }

  /** Stores the result of `encryptBlind`; put its contexts into the metadata, under `context`. */
  createBlindCredential(body: BodyOf<'createBlindCredential'>, options?: CallOptions) {
    return this.call('createBlindCredential', { body }, options);
  }

  updateBlindCredential(id: string, body: BodyOf<'updateBlindCredential'>, options?: CallOptions) {
    return this.call('updateBlindCredential', { params: { id }, body }, options);
  }

  revertBlindCredential(id: string, revision: number, options: RevertOptions = {}) {
    return this.call('revertBlindCredential', { params: { id, revision }, body: revertBody(options) }, options);
  }

  getBlindCredentialServices(id: string, options?: CallOptions) {
    return this.call('getBlindCredentialServices', { params: { id } }, options);
  }

  getBlindCredentialHistory(id: string, options?: CallOptions) {
    return this.call('getBlindCredentialHistory', { params: { id } }, options);
  }

  listBlindCredentialHistory(query: Partial<QueryOf<'listBlindCredentialHistory'>> = {}, options?: CallOptions) {
    return this.call('listBlindCredentialHistory', { query }, options);
  }

  listCertificateAuthorities(options?: CallOptions) {
    return this.call('listCertificateAuthorities', {}, options);
  }

  getCertificateAuthority(ca: string, options?: CallOptions) {
    return this.call('getCertificateAuthority', { params: { ca } }, options);
  }

  /** Issues a certificate with a key made by the server; `validity` is in days. */
  getCertificate(ca: string, cn: string, query: { san?: string[]; validity?: number } = {}, options?: CallOptions) {
    return this.call('getCertificate', { params: { ca, cn }, query }, options);
  }

  /** Issues a certificate for a signing request in PEM; `validity` is in days. */
  signCertificateRequest(ca: string, body: BodyOf<'signCertificateRequest'>, options?: CallOptions) {
    return this.call('signCertificateRequest', { params: { ca }, body }, options);
  }

  /** Returns a JWT for the caller, or for `resourceId`; the server limits `expirySeconds`. */
  getJwt(
    environment: string,
    { resourceId, expirySeconds }: { resourceId?: string; expirySeconds?: number } = {},
    options?: CallOptions,
  ): Promise<ResponseOf<'getToken'>> {
    const query = { environment };
    // compat: without an id, the original's client sends the expiry in its place.
    const id = resourceId ?? expirySeconds?.toString();
    if (id === undefined) return this.call('getOwnToken', { query }, options);
    if (resourceId === undefined || expirySeconds === undefined) {
      return this.call('getToken', { params: { id }, query }, options);
    }
    return this.call('getTokenWithExpiry', { params: { id, expiry: expirySeconds }, query }, options);
  }

  /** Returns the public keys for the JWTs of an environment; needs no authentication. */
  getPublicKeys(environment: string, options?: CallOptions) {
    return this.call('getPublicKeys', { params: { environment } }, options);
  }

  /** Lists the IAM roles that services can be named after. */
  listRoles(options?: CallOptions) {
    return this.call('listRoles', {}, options);
  }

  /** Returns whether a service has its KMS grants. */
  getGrants(id: string, options?: CallOptions) {
    return this.call('getGrants', { params: { id } }, options);
  }

  /** Creates the missing KMS grants of a service. */
  ensureGrants(id: string, options?: CallOptions) {
    return this.call('ensureGrants', { params: { id } }, options);
  }

  /** Returns a random value for a new secret, made by the server. */
  generateValue(options?: CallOptions) {
    return this.call('generateValue', {}, options);
  }

  getClientConfig(options?: CallOptions) {
    return this.call('getClientConfig', {}, options);
  }
}
