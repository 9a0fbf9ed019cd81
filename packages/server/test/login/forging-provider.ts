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
  const [own, foreign] = [await generateKeyPair('RS256'), await generateKeyPair('RS256')];
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
    return token.setProtectedHeader({ alg: 'RS256', kid: 'k' }).sign(key);
  };
  const answer = async (path: string): Promise<unknown> => {
    if (path === '/.well-known/openid-configuration') {
      return {
        issuer,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      };
    }
    if (path === '/jwks')
      return { keys: [{ ...(await exportJWK(own.publicKey)), kid: 'k', alg: 'RS256', use: 'sig' }] };
    return { access_token: 'access', token_type: 'Bearer', expires_in: 300, id_token: await idToken() };
  };
  server.on('request', (request, response) => {
    void answer(request.url ?? '/').then((value) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(value));
    });
  });
  return provider;
}
