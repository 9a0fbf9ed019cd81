// Types for the parts that the tests use of packages without types.
declare module 'samlp' {
  type Callback<Value> = (error: Error | null, value: Value) => void;
  interface SessionParticipant {
    serviceProviderId: string;
    nameId: string;
    nameIdFormat: string;
    sessionIndex: string;
    serviceProviderLogoutURL: string;
    cert?: string;
    binding?: string;
  }
  const samlp: {
    getSamlResponse(options: Record<string, unknown>, user: unknown, callback: Callback<string>): void;
    parseRequest(
      request: unknown,
      options: Record<string, unknown>,
      callback: Callback<{ id: string; issuer: string; assertionConsumerServiceURL: string } | undefined>,
    ): void;
    logout(
      options: Record<string, unknown>,
    ): (request: unknown, response: unknown, next: (error: unknown) => void) => void;
  };
  export default samlp;
}

declare module 'oidc-provider' {
  import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
  interface Context {
    oidc: {
      client?: { clientId: string };
      session?: { accountId?: string };
      provider: Provider;
    };
  }
  interface Grant {
    addOIDCScope(scope: string): void;
    save(): Promise<string>;
  }
  export default class Provider {
    constructor(
      issuer: string,
      configuration: Record<string, unknown> & {
        pkce: { required: () => boolean };
        findAccount: (context: Context, id: string) => { accountId: string; claims: () => Record<string, unknown> };
        interactions: { url: (context: Context, interaction: { uid: string }) => string };
        loadExistingGrant: (context: Context) => Promise<Grant>;
      },
    );
    Grant: new (properties: { clientId: string; accountId: string }) => Grant;
    callback(): RequestListener;
    interactionFinished(request: IncomingMessage, response: ServerResponse, result: unknown): Promise<void>;
  }
}
