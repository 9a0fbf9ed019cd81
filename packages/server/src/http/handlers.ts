import type { BodyOf, ParamsOf, QueryOf, ResponseOf, RouteId } from '@confidant/contract';
import type { App, Caller } from '../app/app.js';
import { archiveCredential } from '../app/archive.js';
import * as blind from '../app/blind-credentials.js';
import * as certificates from '../app/certificates.js';
import * as client from '../app/client-config.js';
import * as credentials from '../app/credentials.js';
import * as grants from '../app/grants.js';
import * as jwts from '../app/jwts.js';
import type { Revert } from '../app/revisions.js';
import * as services from '../app/services.js';
import * as serialize from './serialize.js';

/** A request after authentication and parsing. */
export interface Parsed<Id extends RouteId> {
  caller: Caller;
  params: ParamsOf<Id>;
  query: QueryOf<Id>;
  body: BodyOf<Id>;
}

/** One use-case for every route of the contract: a route without one does not compile. */
export type Handlers = { [Id in RouteId]: (request: Parsed<Id>) => Promise<ResponseOf<Id>> };

function revertTo({ revision }: { revision: number }, body: BodyOf<'revertCredential'>): Revert {
  return { revision, expected: body?.expected_revision };
}

/** Joins the route table to the use-cases. */
export function handlersFor(app: App): Handlers {
  const serializer = new serialize.CredentialSerializer(app.rotation);
  return {
    listCredentials: async ({ caller, query }) =>
      serializer.credentialList(await credentials.listCredentials(app, caller, query)),
    createCredential: async ({ caller, query, body }) =>
      serializer.credential(await credentials.createCredential(app, caller, body, query.metadata_only)),
    getCredential: async ({ caller, params, query }) =>
      serializer.credential(await credentials.getCredential(app, caller, params.id, query.metadata_only)),
    updateCredential: async ({ caller, params, query, body }) =>
      serializer.credential(await credentials.updateCredential(app, caller, params.id, body, query.metadata_only)),
    revertCredential: async ({ caller, params, body }) =>
      serializer.credential(await credentials.revertCredential(app, caller, params.id, revertTo(params, body))),
    diffCredential: ({ caller, params }) =>
      credentials.diffCredentialRevisions(app, caller, params.id, [params.old, params.new]),
    getCredentialServices: async ({ caller, params }) =>
      serialize.mappingServices(await credentials.getCredentialServices(app, caller, params.id)),
    archiveCredential: async ({ caller, params, body }) => {
      const force = body?.force === true;
      await archiveCredential(app, caller, params.id, force);
      // compat: these very words.
      return { result: force ? 'success' : 'dry-run success' };
    },
    listCredentialHistory: async ({ caller, query }) =>
      serializer.credentialHistory(await credentials.listCredentialHistory(app, caller, query)),
    getCredentialHistory: async ({ caller, params }) => ({
      revisions: serializer.credentialRevisions(await credentials.getCredentialHistory(app, caller, params.id)),
      next_page: null,
    }),
    listServices: async ({ caller, query }) => serialize.serviceList(await services.listServices(app, caller, query)),
    getService: async ({ caller, params, query }) =>
      serializer.service(await services.getService(app, caller, params.id, query.metadata_only)),
    putService: async ({ caller, params, body }) =>
      serializer.service(await services.putService(app, caller, params.id, body)),
    revertService: async ({ caller, params, body }) =>
      serializer.service(await services.revertService(app, caller, params.id, revertTo(params, body))),
    diffService: ({ caller, params }) =>
      services.diffServiceRevisions(app, caller, params.id, [params.old, params.new]),
    listServiceHistory: async ({ caller, query }) =>
      serialize.serviceHistory(await services.listServiceHistory(app, caller, query)),
    getServiceHistory: async ({ caller, params }) => ({
      revisions: serialize.serviceRevisions(await services.getServiceHistory(app, caller, params.id)),
      next_page: null,
    }),
    listBlindCredentials: async ({ caller }) =>
      serialize.blindCredentialList(await blind.listBlindCredentials(app, caller)),
    createBlindCredential: async ({ caller, body }) =>
      serialize.blindCredential(await blind.createBlindCredential(app, caller, body)),
    getBlindCredential: async ({ caller, params }) =>
      serialize.blindCredential(await blind.getBlindCredential(app, caller, params.id)),
    updateBlindCredential: async ({ caller, params, body }) =>
      serialize.blindCredential(await blind.updateBlindCredential(app, caller, params.id, body)),
    revertBlindCredential: async ({ caller, params, body }) =>
      serialize.blindCredential(await blind.revertBlindCredential(app, caller, params.id, revertTo(params, body))),
    getBlindCredentialServices: async ({ caller, params }) =>
      serialize.mappingServices(await blind.getBlindCredentialServices(app, caller, params.id)),
    listBlindCredentialHistory: async ({ caller, query }) =>
      serialize.blindCredentialHistory(await blind.listBlindCredentialHistory(app, caller, query)),
    getBlindCredentialHistory: async ({ caller, params }) => ({
      revisions: (await blind.getBlindCredentialHistory(app, caller, params.id)).map(serialize.blindCredentialRevision),
    }),
    listRoles: async ({ caller }) => ({ roles: await grants.listRoles(app, caller) }),
    getGrants: async ({ caller, params }) => serialize.grants(await grants.getGrants(app, caller, params.id)),
    ensureGrants: async ({ caller, params }) => serialize.grants(await grants.ensureGrants(app, caller, params.id)),
    generateValue: () => Promise.resolve({ value: client.generateValue() }),
    getClientConfig: ({ caller }) => client.clientConfig(app, caller),
    listCertificateAuthorities: async ({ caller }) => ({
      cas: (await certificates.listAuthorities(app, caller)).map(serialize.certificateAuthority),
    }),
    getCertificateAuthority: async ({ caller, params }) =>
      serialize.certificateAuthority(await certificates.getAuthority(app, caller, params.ca)),
    getCertificate: async ({ caller, params, query }) => {
      const { san: dnsNames, validity: validityDays } = query;
      const wanted = { commonName: params.cn, dnsNames, validityDays };
      const issued = await certificates.issueCertificate(app, caller, params.ca, wanted);
      return { ...serialize.certificate(issued), key: issued.key };
    },
    signCertificateRequest: async ({ caller, params, body }) => {
      const wanted = { csr: body.csr, validityDays: body.validity ?? undefined };
      return serialize.certificate(await certificates.signRequest(app, caller, params.ca, wanted));
    },
    getOwnToken: async ({ caller, query }) => ({ token: await jwts.getToken(app, caller, query) }),
    getToken: async ({ caller, params, query }) => ({
      token: await jwts.getToken(app, caller, { ...query, id: params.id }),
    }),
    getTokenWithExpiry: async ({ caller, params, query }) => ({
      token: await jwts.getToken(app, caller, { ...query, id: params.id, expirySeconds: params.expiry }),
    }),
    getPublicKeys: ({ params }) => Promise.resolve({ keys: [...jwts.getPublicKeys(app, params.environment)] }),
    getUserEmail: ({ caller }) => Promise.resolve({ email: caller.principal.name }),
    postUserEmail: ({ caller }) => Promise.resolve({ email: caller.principal.name }),
  };
}
