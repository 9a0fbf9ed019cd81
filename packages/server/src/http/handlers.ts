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
import {
  blindCredential,
  blindCredentialHistory,
  blindCredentialList,
  blindCredentialRevision,
  certificate,
  certificateAuthority,
  grantsBody,
  Presenter,
} from './present.js';

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
  const present = new Presenter(app.rotation);
  return {
    listCredentials: async ({ caller, query }) =>
      present.credentialList(await credentials.listCredentials(app, caller, query, false), false),
    createCredential: async ({ caller, body }) =>
      present.credential(await credentials.createCredential(app, caller, body)),
    getCredential: async ({ caller, params, query }) =>
      present.credential(await credentials.getCredential(app, caller, params.id, query.metadata_only)),
    updateCredential: async ({ caller, params, body }) =>
      present.credential(await credentials.updateCredential(app, caller, params.id, body)),
    revertCredential: async ({ caller, params, body }) =>
      present.credential(await credentials.revertCredential(app, caller, params.id, revertTo(params, body))),
    diffCredential: ({ caller, params }) =>
      credentials.diffCredentialRevisions(app, caller, params.id, [params.old, params.new]),
    getCredentialServices: async ({ caller, params }) => {
      const mapped = await credentials.getCredentialServices(app, caller, params.id);
      return { services: mapped.map(({ id, enabled }) => ({ id, enabled })) };
    },
    archiveCredential: async ({ caller, params, body }) => {
      const force = body?.force === true;
      await archiveCredential(app, caller, params.id, force);
      // compat: these very words.
      return { result: force ? 'success' : 'dry-run success' };
    },
    listCredentialHistory: async ({ caller, query }) =>
      present.credentialList(await credentials.listCredentials(app, caller, query, true), true),
    getCredentialHistory: async ({ caller, params }) => ({
      revisions: present.credentialRevisions(await credentials.getCredentialHistory(app, caller, params.id)),
      next_page: null,
    }),
    listServices: async ({ caller, query }) =>
      present.serviceList(await services.listServices(app, caller, query, false), false),
    getService: async ({ caller, params, query }) =>
      present.service(await services.getService(app, caller, params.id, query.metadata_only)),
    putService: async ({ caller, params, body }) =>
      present.service(await services.putService(app, caller, params.id, body)),
    revertService: async ({ caller, params, body }) =>
      present.service(await services.revertService(app, caller, params.id, revertTo(params, body))),
    diffService: ({ caller, params }) =>
      services.diffServiceRevisions(app, caller, params.id, [params.old, params.new]),
    listServiceHistory: async ({ caller, query }) =>
      present.serviceList(await services.listServices(app, caller, query, true), true),
    getServiceHistory: async ({ caller, params }) => ({
      revisions: present.serviceRevisions(await services.getServiceHistory(app, caller, params.id)),
      next_page: null,
    }),
    listBlindCredentials: async ({ caller }) => blindCredentialList(await blind.listBlindCredentials(app, caller)),
    createBlindCredential: async ({ caller, body }) =>
      blindCredential(await blind.createBlindCredential(app, caller, body)),
    getBlindCredential: async ({ caller, params }) =>
      blindCredential(await blind.getBlindCredential(app, caller, params.id)),
    updateBlindCredential: async ({ caller, params, body }) =>
      blindCredential(await blind.updateBlindCredential(app, caller, params.id, body)),
    revertBlindCredential: async ({ caller, params, body }) =>
      blindCredential(await blind.revertBlindCredential(app, caller, params.id, revertTo(params, body))),
    getBlindCredentialServices: async ({ caller, params }) => {
      const mapped = await blind.getBlindCredentialServices(app, caller, params.id);
      return { services: mapped.map(({ id, enabled }) => ({ id, enabled })) };
    },
    listBlindCredentialHistory: async ({ caller, query }) =>
      blindCredentialHistory(await blind.listBlindCredentialHistory(app, caller, query)),
    getBlindCredentialHistory: async ({ caller, params }) => ({
      revisions: (await blind.getBlindCredentialHistory(app, caller, params.id)).map(blindCredentialRevision),
    }),
    listRoles: async ({ caller }) => ({ roles: await grants.listRoles(app, caller) }),
    getGrants: async ({ caller, params }) => grantsBody(await grants.getGrants(app, caller, params.id)),
    ensureGrants: async ({ caller, params }) => grantsBody(await grants.ensureGrants(app, caller, params.id)),
    generateValue: () => Promise.resolve({ value: client.generateValue() }),
    getClientConfig: ({ caller }) => client.clientConfig(app, caller),
    listCertificateAuthorities: async ({ caller }) => ({
      cas: (await certificates.listAuthorities(app, caller)).map(certificateAuthority),
    }),
    getCertificateAuthority: async ({ caller, params }) =>
      certificateAuthority(await certificates.getAuthority(app, caller, params.ca)),
    getCertificate: async ({ caller, params, query }) => {
      const { san: dnsNames, validity: validityDays } = query;
      const wanted = { commonName: params.cn, dnsNames, validityDays };
      const issued = await certificates.issueCertificate(app, caller, params.ca, wanted);
      return { ...certificate(issued), key: issued.key };
    },
    signCertificateRequest: async ({ caller, params, body }) => {
      const wanted = { csr: body.csr, validityDays: body.validity ?? undefined };
      return certificate(await certificates.signRequest(app, caller, params.ca, wanted));
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
