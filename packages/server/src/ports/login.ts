import type { Person } from '../domain/person.js';

/**
 * An OpenID provider. Methods reject with BackendUnavailable when it is out of reach, and with a Refusal
 * `login_failed` when what came back does not prove who logged in; its cause is for the log.
 */
export interface OpenIdProvider {
  /**
   * Begins a login: `location` is where to send the browser. `flow` must come back with the response, unchanged and
   * never shown to the browser.
   */
  begin(redirectUri: string): Promise<{ location: string; flow: OpenIdFlow }>;
  /** @param callback the redirect URI with the provider's response in its query */
  finish(callback: URL, flow: OpenIdFlow): Promise<Person>;
}

/** One login at an OpenID provider, between its beginning and its end. */
export interface OpenIdFlow {
  state: string;
  nonce: string;
  codeVerifier: string;
}

/** The person who logged in, as the SAML identity provider names them. */
export interface SamlSubject {
  nameId: string;
  nameIdFormat: string | null;
  sessionIndex: string | null;
}

/** A SAML identity provider. Methods reject with a Refusal `login_failed` for messages that prove nothing. */
export interface SamlProvider {
  /** Begins a login: `location` is where to send the browser. The response must name `requestId`. */
  begin(): Promise<{ location: string; requestId: string }>;
  /**
   * The id of the request that a response claims to answer; undefined when it names none. This proves nothing: it only
   * finds the login that `consume` compares it with.
   */
  requestOf(response: string): string | undefined;
  /**
   * Checks a response. `requestId` is the login that this browser began, undefined for none: then only a login that
   * the provider started is accepted, if those are allowed at all.
   */
  consume(response: string, requestId: string | undefined): Promise<SamlLogin>;
  /**
   * Begins a logout: `location` is where to send the browser, so that the provider ends its session too. Undefined when
   * it has no address for that.
   */
  beginLogout(subject: SamlSubject): Promise<{ location: string; requestId: string } | undefined>;
  /** Checks a message of single logout, as it came in the query of the redirect. */
  receiveLogout(query: string): Promise<SamlLogout>;
  /** This server's side, for the provider's administrator. XML. */
  metadata(): string;
}

/** A proven login. The assertion must not be accepted again before it expires. */
export interface SamlLogin {
  person: Person;
  subject: SamlSubject;
  assertionId: string;
  /** Seconds since 1970. */
  expiresAt: number;
}

export type SamlLogout =
  | { kind: 'answer'; inResponseTo: string | null }
  | {
      kind: 'request';
      id: string;
      nameId: string;
      sessionIndex: string | null;
      /** Whether the provider's signature was on it. */
      signed: boolean;
      /** Where to send the browser with our response; undefined when the provider has no address for that. */
      answer: string | undefined;
    };
