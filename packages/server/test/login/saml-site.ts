import { inflateRawSync } from 'node:zlib';
import { freePort } from '../harness/free-port.js';
import { startServer, type TestServer } from '../harness/server.js';
import { type KeyPair, type SamlIdp, type Saying, startSamlIdp } from './saml-idp.js';
import { type Visit, Visitor } from './visitor.js';

/** A server with its SAML identity provider. */
export interface SamlSite {
  confidant: TestServer;
  idp: SamlIdp;
  /** Begins a login and gives the id of its request. */
  begin(visitor: Visitor): Promise<string>;
  /** Posts a response (XML) as the provider's page would. */
  consume(visitor: Visitor, xml: string, relayState?: string): Promise<Visit>;
  /** A whole login of a new visitor, with the assertion of the provider and changes made to it on the way. */
  login(saying?: Saying, forge?: (xml: string) => string): Promise<Visit & { visitor: Visitor }>;
  stop(): Promise<void>;
}

export async function startSamlSite(environment: Record<string, string> = {}, sp?: KeyPair): Promise<SamlSite> {
  const port = await freePort();
  const root = `http://127.0.0.1:${port}`;
  const idp = await startSamlIdp(root, sp);
  const confidant = await startServer(
    {
      USER_AUTH_MODULE: 'saml',
      SAML_CONFIDANT_URL_ROOT: `${root}/`,
      SAML_IDP_ENTITY_ID: idp.entityId,
      SAML_IDP_SIGNON_URL: `${idp.url}/sso`,
      SAML_IDP_LOGOUT_URL: `${idp.url}/slo`,
      SAML_IDP_CERT: idp.keys.cert,
      ...(sp && { SAML_SP_KEY: sp.key, SAML_SP_CERT: sp.cert }),
      ...environment,
    },
    { port },
  );
  const begin = async (visitor: Visitor): Promise<string> => {
    const { location } = await visitor.go('/v1/login');
    return requestIn(location!).id;
  };
  const consume = (visitor: Visitor, xml: string, relayState = ''): Promise<Visit> =>
    visitor.post('/v1/saml/consume', { SAMLResponse: Buffer.from(xml).toString('base64'), RelayState: relayState });
  return {
    confidant,
    idp,
    begin,
    consume,
    login: async (saying = {}, forge = (xml) => xml) => {
      const visitor = new Visitor(confidant.url);
      const inResponseTo = await begin(visitor);
      return { ...(await consume(visitor, forge(await idp.say({ inResponseTo, ...saying })))), visitor };
    },
    stop: async () => {
      await confidant.stop();
      await idp.close();
    },
  };
}

/** The XML and the id of a request in a redirect's address. */
export function requestIn(location: string): { xml: string; id: string } {
  const encoded = new URL(location).searchParams.get('SAMLRequest')!;
  const xml = inflateRawSync(Buffer.from(encoded, 'base64')).toString('utf8');
  return { xml, id: /\sID="([^"]+)"/.exec(xml)![1]! };
}
