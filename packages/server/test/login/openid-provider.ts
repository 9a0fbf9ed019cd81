import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

export const CLIENT_ID = 'confidant-tests';
export const CLIENT_SECRET = 'a client secret of tests';

/** People of the provider by account id. Nobody has a password. */
export const ACCOUNTS: Record<string, Record<string, unknown>> = {
  alice: {
    email: 'Alice@Example.com',
    email_verified: true,
    given_name: 'Alice',
    family_name: 'Ågren',
    groups: ['ops', 'admins'],
  },
  mallory: { email: 'alice@example.com', email_verified: false },
  scripted: { email: 'eve@example.com', email_verified: true, given_name: '<script>alert(1)</script>', groups: [] },
};

export interface OpenIdTestProvider {
  issuer: string;
  close(): Promise<void>;
}

/** A real OpenID provider (npm oidc-provider) whose login page asks only for the account. */
export async function startOpenIdProvider(redirectUris: readonly string[]): Promise<OpenIdTestProvider> {
  const server = createServer();
  // Does not end connections that a client may be about to use again.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [...redirectUris],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    cookies: { keys: ['keys of the provider'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['given_name', 'family_name', 'groups'] },
    features: { devInteractions: { enabled: false } },
    ttl: { Interaction: 600, Grant: 600, Session: 600, AccessToken: 600, IdToken: 600 },
    pkce: { required: () => true },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...ACCOUNTS[id] }) }),
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    loadExistingGrant: async (context) => {
      const { client, session, provider: own } = context.oidc;
      const grant = new own.Grant({ clientId: client!.clientId, accountId: session!.accountId! });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
  });
  const callback = provider.callback();
  server.on('request', (request, response) => {
    const url = new URL(request.url ?? '/', issuer);
    if (!url.pathname.startsWith('/interaction/')) {
      callback(request, response);
      return;
    }
    if (request.method === 'POST') {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const accountId = new URLSearchParams(body).get('account') ?? '';
        void provider.interactionFinished(request, response, { login: { accountId } });
      });
      return;
    }
    response.setHeader('content-type', 'text/html');
    response.end(
      '<!doctype html><title>OpenID provider</title><h1>OpenID provider of the tests</h1>' +
        '<form method="post"><label>Account <input name="account" autofocus></label><button>Continue</button></form>',
    );
  });
  return {
    issuer,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
