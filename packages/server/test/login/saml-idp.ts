import { randomBytes, webcrypto } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import samlp from 'samlp';
import { x509 } from '../stand-ins/x509.js';

/** A key with a certificate of its own, PEM. */
export interface KeyPair {
  key: string;
  cert: string;
}

export async function makeKeyPair(name: string): Promise<KeyPair> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength: 2048,
  };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
    keys: keys as never,
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END PRIVATE KEY-----\n`;
  return { key, cert: certificate.toString('pem') };
}

/** The content of an assertion; the defaults are those of an honest provider. */
export interface Saying {
  inResponseTo?: string | undefined;
  nameId?: string;
  audience?: string;
  destination?: string;
  recipient?: string;
  issuer?: string;
  lifetimeInSeconds?: number;
  attributes?: Record<string, string | string[]>;
  sessionIndex?: string;
  signResponse?: boolean;
  signAssertion?: boolean;
  signatureAlgorithm?: string;
  digestAlgorithm?: string;
  by?: KeyPair;
  encryptFor?: KeyPair & { publicKey: string };
}

export interface SamlIdp {
  url: string;
  entityId: string;
  keys: KeyPair;
  /** The XML of a response. */
  say(saying: Saying): Promise<string>;
  /** Sessions the provider would log out. */
  participants: { count(): number; clear(): void };
  close(): Promise<void>;
}

const ATTRIBUTES = { FirstName: 'Alice', LastName: 'Ågren', groups: ['ops', 'admins'] };
const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';

/** A real SAML identity provider (npm samlp) whose login page asks only for the address. */
export async function startSamlIdp(root: string, sp?: KeyPair): Promise<SamlIdp> {
  const server = createServer();
  // Does not end connections that a client may be about to use again.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const entityId = `${url}/idp`;
  const keys = await makeKeyPair('idp');
  const participants: Record<string, string>[] = [];

  const say = (saying: Saying): Promise<string> => {
    const { by = keys, nameId = 'Alice@Example.com', attributes = ATTRIBUTES, encryptFor } = saying;
    const options = {
      issuer: saying.issuer ?? entityId,
      cert: by.cert,
      key: by.key,
      audience: saying.audience ?? `${root}/v1/saml/metadata`,
      destination: saying.destination ?? `${root}/v1/saml/consume`,
      recipient: saying.recipient ?? `${root}/v1/saml/consume`,
      inResponseTo: saying.inResponseTo,
      lifetimeInSeconds: saying.lifetimeInSeconds ?? 300,
      sessionIndex: saying.sessionIndex ?? '_session',
      signResponse: saying.signResponse ?? true,
      signAssertion: saying.signAssertion ?? false,
      signatureAlgorithm: saying.signatureAlgorithm ?? 'rsa-sha256',
      digestAlgorithm: saying.digestAlgorithm ?? 'sha256',
      nameIdentifierFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
      ...(encryptFor && { encryptionCert: encryptFor.cert, encryptionPublicKey: encryptFor.publicKey }),
      profileMapper: () => ({
        getClaims: () => attributes,
        getNameIdentifier: () => ({ nameIdentifier: nameId }),
      }),
    };
    return new Promise((resolve, reject) => {
      samlp.getSamlResponse(options, {}, (error, response) => (error ? reject(error) : resolve(response)));
    });
  };

  const signIn = async (query: Record<string, string>, nameId: string): Promise<string> => {
    const request = await new Promise<{ id: string } | undefined>((resolve, reject) => {
      const options = sp ? { signingCert: sp.cert, signature: query['Signature'], sigAlg: query['SigAlg'] } : {};
      samlp.parseRequest({ method: 'GET', query, body: {} }, options, (error, value) =>
        error ? reject(error) : resolve(value),
      );
    });
    const sessionIndex = `_${randomBytes(8).toString('hex')}`;
    participants.push({
      serviceProviderId: `${root}/v1/saml/metadata`,
      nameId,
      nameIdFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
      sessionIndex,
      serviceProviderLogoutURL: `${root}/v1/saml/logout`,
      binding: REDIRECT,
      ...(sp && { cert: sp.cert }),
    });
    const response = Buffer.from(await say({ inResponseTo: request?.id, nameId, sessionIndex })).toString('base64');
    return (
      '<!doctype html><title>Signed in</title><h1>SAML provider of the tests</h1>' +
      `<form method="post" action="${root}/v1/saml/consume"><input type="hidden" name="SAMLResponse" value="${response}">` +
      `<input type="hidden" name="RelayState" value=""><button>Continue</button></form>`
    );
  };

  const states = new Map<string, unknown>();
  const load = (id: string, options: { destroy?: boolean }): unknown => {
    const state = states.get(id);
    if (options.destroy) states.delete(id);
    return state;
  };
  const logout = samlp.logout({
    issuer: entityId,
    cert: keys.cert,
    key: keys.key,
    deflate: true,
    protocolBinding: REDIRECT,
    signatureAlgorithm: 'rsa-sha256',
    digestAlgorithm: 'sha256',
    sessionParticipants: {
      get: (_issuer: string, indices: string[], _nameId: string, done: (error: null, found: unknown) => void) =>
        done(
          null,
          participants.find(({ sessionIndex }) => indices.includes(sessionIndex!)),
        ),
      getFirst: (done: (error: null, found: unknown) => void) => done(null, participants[0]),
      hasElements: () => participants.length > 0,
      remove: (_issuer: string, index: string, _nameId: string, done: (error: null) => void) => {
        const at = participants.findIndex(({ sessionIndex }) => sessionIndex === index);
        if (at !== -1) participants.splice(at, 1);
        done(null);
      },
    },
    store: {
      save: (_request: unknown, state: unknown, done: (error: null, id: string) => void) => {
        const id = randomBytes(8).toString('hex');
        states.set(id, state);
        done(null, id);
      },
      load: (
        _request: unknown,
        id: string,
        options: { destroy?: boolean },
        done: (error: null, state: unknown) => void,
      ) => done(null, load(id, options)),
    },
  });

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const at = new URL(request.url ?? '/', url);
    const query = Object.fromEntries(at.searchParams);
    if (at.pathname === '/slo') {
      const express = Object.assign(response, {
        set: (name: string, value: string) => response.setHeader(name, value),
        send: (body: unknown) => response.end(body === 200 ? 'logged out everywhere' : String(body)),
        redirect: (to: string) => response.writeHead(302, { location: to }).end(),
      });
      logout({ query, body: {}, method: 'GET' }, express, (error) => response.writeHead(500).end(String(error)));
      return;
    }
    response.setHeader('content-type', 'text/html; charset=utf-8');
    const nameId = query['nameId'];
    if (nameId !== undefined) {
      response.end(await signIn(query, nameId));
      return;
    }
    const hidden = Object.entries(query).map(
      ([name, value]) => `<input type="hidden" name="${name}" value="${value}">`,
    );
    response.end(
      '<!doctype html><title>SAML provider</title><h1>SAML provider of the tests</h1>' +
        `<form>${hidden.join('')}<label>Address <input name="nameId" autofocus></label><button>Sign in</button></form>`,
    );
  };
  server.on('request', (request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  return {
    url,
    entityId,
    keys,
    say,
    participants: { count: () => participants.length, clear: () => void participants.splice(0) },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
