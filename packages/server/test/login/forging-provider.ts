import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** The response of the token endpoint to the next exchange of a code. */
export interface Forgery {
  claims?: Record<string, unknown>;
  /** `none`: no signature. `HS256`: signed with the client secret. `foreign`: with a key that is not published. */
  signedBy?: 'provider' | 'none' | 'HS256' | 'foreign';
}

export interface ForgingProvider {
  issuer: string;
  /** The address it listens on. */
  url: string;
  /** Makes the ID token of the next exchange; `nonce` is what the login asked for. */
  next: Forgery;
  nonce: string;
  /** Replaces parts of the metadata; an undefined part is left out. */
  metadata: Record<string, unknown>;
  /** Claims of the userinfo endpoint; `jwt` is a signed response instead. Undefined: there is no such endpoint. */
  userInfo: Record<string, unknown> | undefined;
  /** How the token endpoint wants the client secret; `any` accepts it unseen. */
  clientSecret: 'any' | 'basic' | 'post';
  /** Signs claims with the provider's key. */
  sign(claims: Record<string, unknown>): Promise<string>;
  /** Replaces the provider's key by a new one. */
  rotate(): Promise<void>;
  close(): Promise<void>;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * A provider that returns for every code the ID token that the test wants, which a real one would refuse. `issuer` is
 * another address that leads to it.
 */
export async function startForgingProvider(
  clientId: string,
  clientSecret: string,
  known?: { issuer: string },
): Promise<ForgingProvider> {
  let own = await generateKeyPair('RS256');
  let keyId = 'k';
  const foreign = await generateKeyPair('RS256');
  const server = createServer();
  // Does not end connections that a client may be about to use again.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer = known?.issuer ?? url;
  const provider: ForgingProvider = {
    issuer,
    url,
    next: {},
    nonce: '',
    metadata: {},
    userInfo: undefined,
    clientSecret: 'any',
    sign: (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: keyId }).sign(own.privateKey),
    rotate: async () => {
      own = await generateKeyPair('RS256');
      keyId += 'k';
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const idToken = async (): Promise<string> => {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      aud: clientId,
      sub: 'alice',
      iat: now,
      exp: now + 300,
      nonce: provider.nonce,
      email: 'alice@example.com',
      email_verified: true,
      groups: [],
      ...provider.next.claims,
    };
    const { signedBy = 'provider' } = provider.next;
    if (signedBy === 'none') return `${encode({ alg: 'none' })}.${encode(claims)}.`;
    const token = new SignJWT(claims);
    if (signedBy === 'HS256') return token.setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(clientSecret));
    const key = signedBy === 'foreign' ? foreign.privateKey : own.privateKey;
    return token.setProtectedHeader({ alg: 'RS256', kid: keyId }).sign(key);
  };
  const basic = `Basic ${Buffer.from([clientId, clientSecret].map(formEncoded).join(':')).toString('base64')}`;
  const isClient = (authorization: string | undefined, body: string): boolean =>
    provider.clientSecret === 'any' ||
    (provider.clientSecret === 'basic'
      ? authorization === basic
      : new URLSearchParams(body).get('client_secret') === clientSecret);
  const answer = async (path: string, authorization: string | undefined, body: string): Promise<unknown> => {
    if (path.endsWith('/.well-known/openid-configuration')) {
      return {
        issuer,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        ...(provider.userInfo !== undefined && { userinfo_endpoint: `${issuer}/userinfo` }),
        ...provider.metadata,
      };
    }
    if (path === '/jwks')
      return { keys: [{ ...(await exportJWK(own.publicKey)), kid: keyId, alg: 'RS256', use: 'sig' }] };
    if (path === '/userinfo') {
      const { jwt, ...claims }: Record<string, unknown> = { sub: 'alice', ...provider.userInfo };
      return jwt ?? claims;
    }
    if (!isClient(authorization, body)) return undefined;
    return { access_token: 'access', token_type: 'Bearer', expires_in: 300, id_token: await idToken() };
  };
  server.on('request', (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      void answer(request.url ?? '/', request.headers.authorization, body).then((value) => {
        response.statusCode = value === undefined ? 401 : 200;
        response.setHeader('content-type', typeof value === 'string' ? 'application/jwt' : 'application/json');
        response.end(typeof value === 'string' ? value : JSON.stringify(value ?? { error: 'invalid_client' }));
      });
    });
  });
  return provider;
}

/** RFC 6749, section 2.3.1. */
function formEncoded(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*\-_.~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}
