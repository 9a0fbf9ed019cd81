import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticator, AuthRequest } from '../auth/authenticate.js';
import type { Proof, Session, SessionCookie } from '../auth/session.js';
import { sameText } from '../auth/same-text.js';
import type { Sessions } from '../auth/sessions.js';
import { isAdmitted, type Admission, type Person } from '../domain/person.js';
import type { Principal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import { cookieValues, readCookies, writeCookie } from './cookies.js';
import { isHttps, mayBeRebound, type TransportOptions } from './security.js';

/** Settings of the login of people in browsers. */
export interface BrowserLogin {
  sessions: Sessions;
  admission: Admission;
  sessionCookie: string;
  xsrfCookie: string;
  /** With USER_AUTH_MODULE=header: the person that a proxy names. The session then only carries the CSRF token. */
  header?: (request: AuthRequest) => Person | undefined;
}

/** A person who is logged in with a browser. */
export interface LoggedIn {
  principal: Principal;
  person: Person;
  /** Undefined only for a write by header login that brought no session. */
  session: Session | undefined;
}

/** More cookies with the session's name are not looked at. */
const MAX_SESSION_COOKIES = 20;

type OpenedSession = NonNullable<Awaited<ReturnType<Sessions['open']>>>;

/** Authenticates requests, and requires browsers to prove that their writes are intended. */
export class Authentication {
  constructor(
    /**
     * Authenticators that are asked first, in this order. They need no session, so a request with a token reads no
     * cookie.
     */
    private readonly authenticators: readonly Authenticator[],
    /** Undefined if people cannot log in. */
    private readonly browsers: BrowserLogin | undefined,
    private readonly transport: TransportOptions,
  ) {}

  /**
   * The sender of a request. May set cookies.
   *
   * @param write whether the request changes something: a browser must then prove that its page intended it
   * @throws Refusal `unauthenticated`, `csrf`, and what an authenticator throws
   */
  async identify(request: FastifyRequest, reply: FastifyReply, write: boolean): Promise<Principal> {
    // Browsers send saved passwords with requests of any page, but also say which site the page is from: pages of other
    // sites may not write here.
    if (write && request.headers['sec-fetch-site'] === 'cross-site') throw new Refusal('csrf');
    const authRequest = this.#authRequest(request);
    for (const authenticate of this.authenticators) {
      const principal = await authenticate(authRequest);
      if (principal !== undefined) return principal;
    }
    // A session serves the pages of this server: a page of another site reads nothing in a person's name, in whatever
    // way it sends the request. An address that a person types comes from no site.
    const site = request.headers['sec-fetch-site'];
    if (site === 'cross-site' || site === 'same-site') throw new Refusal('csrf');
    const loggedIn = await this.loggedIn(request, reply, write);
    if (loggedIn === undefined) throw new Refusal('unauthenticated');
    if (write) requireCsrfToken(loggedIn.session, request.headers['x-xsrf-token']);
    return loggedIn.principal;
  }

  /** The person who is logged in with the browser, if any. Renews the session when that is due. */
  async loggedIn(request: FastifyRequest, reply: FastifyReply, write = false): Promise<LoggedIn | undefined> {
    if (this.browsers === undefined) return undefined;
    const { xsrfCookie, header, admission } = this.browsers;
    const person = header?.(this.#authRequest(request));
    if (header !== undefined && (person === undefined || !isAdmitted(admission, person.email))) return undefined;

    const [opened] = await this.#opened(request, 1);
    let session = opened?.session;
    if (person !== undefined) {
      if (session?.person.email !== person.email) session = undefined;
      // A write needs the CSRF token of an existing session, so a new session would not help it.
      if (session === undefined && !write) session = await this.start(request, reply, person);
      return { principal: principalOf(person, 'header'), person, session };
    }
    if (session === undefined) return undefined;
    if (opened?.renewed !== undefined) this.#send(request, reply, session, opened.renewed);
    else if (this.cookies(request).get(xsrfCookie) !== session.csrf) this.#sendXsrf(request, reply, session, null);
    return { principal: principalOf(session.person, 'session'), person: session.person, session };
  }

  /** Logs a person in; another person who was logged in with this browser is logged out. */
  async start(
    request: FastifyRequest,
    reply: FastifyReply,
    person: Person,
    proof: Proof = {},
  ): Promise<Session | undefined> {
    if (this.browsers === undefined) return undefined;
    const { session, cookie } = await this.browsers.sessions.start(person, proof);
    await this.#endSent(request);
    this.#send(request, reply, session, cookie);
    return session;
  }

  /**
   * Logs out the person, if one is logged in. Returns the session that ended.
   *
   * @param everywhere ends all other sessions of the person too
   */
  async end(request: FastifyRequest, reply: FastifyReply, everywhere = false): Promise<Session | undefined> {
    if (this.browsers === undefined) return undefined;
    const ended = await this.#endSent(request, everywhere);
    // The cookies go last: a person whose logout failed must be able to repeat it.
    for (const name of [this.browsers.sessionCookie, this.browsers.xsrfCookie]) {
      this.setCookie(request, reply, name, '', { maxAgeSeconds: 0, scripts: false });
    }
    return ended;
  }

  async #endSent(request: FastifyRequest, everywhere = false): Promise<Session | undefined> {
    const { sessions } = this.browsers!;
    const opened = await this.#opened(request);
    for (const { session } of opened) {
      if (everywhere) await sessions.endAll(session.person);
      await sessions.end(session);
    }
    return opened[0]?.session;
  }

  /** The sessions of the request's cookies. Cookies of the same name that are not ours are passed over. */
  async #opened(request: FastifyRequest, max = MAX_SESSION_COOKIES): Promise<OpenedSession[]> {
    const { sessions, sessionCookie } = this.browsers!;
    const opened: OpenedSession[] = [];
    for (const cookie of cookieValues(request.headers.cookie, sessionCookie).slice(0, MAX_SESSION_COOKIES)) {
      const session = await sessions.open(cookie);
      if (session !== undefined) opened.push(session);
      if (opened.length === max) break;
    }
    return opened;
  }

  cookies(request: FastifyRequest): ReadonlyMap<string, string> {
    return readCookies(request.headers.cookie);
  }

  /** Sets a cookie for this host alone, marked Secure wherever the browser speaks HTTPS. */
  setCookie(
    request: FastifyRequest,
    reply: FastifyReply,
    name: string,
    value: string,
    options: { maxAgeSeconds: number | null; scripts?: boolean; crossSitePost?: boolean },
  ): void {
    const secure = isHttps(request, this.transport) || this.transport.publicUrl.startsWith('https:');
    const { maxAgeSeconds, scripts = false, crossSitePost = false } = options;
    // A page of the SAML provider posts its response. Over plain HTTP browsers refuse None, and without the attribute
    // they still send a fresh cookie with such a post.
    const sameSite = !crossSitePost ? 'lax' : secure ? 'none' : undefined;
    reply.header('set-cookie', writeCookie(name, value, { httpOnly: !scripts, secure, sameSite, maxAgeSeconds }));
  }

  #send(request: FastifyRequest, reply: FastifyReply, session: Session, cookie: SessionCookie): void {
    const { maxAgeSeconds } = cookie;
    this.setCookie(request, reply, this.browsers!.sessionCookie, cookie.value, { maxAgeSeconds });
    this.#sendXsrf(request, reply, session, maxAgeSeconds);
  }

  #sendXsrf(request: FastifyRequest, reply: FastifyReply, { csrf }: Session, maxAgeSeconds: number | null): void {
    this.setCookie(request, reply, this.browsers!.xsrfCookie, csrf, { maxAgeSeconds, scripts: true });
  }

  #authRequest(request: FastifyRequest): AuthRequest {
    return {
      headers: request.headers,
      remoteAddress: request.ip,
      fromTrustedProxy: () => this.transport.isTrustedProxy(request.socket.remoteAddress),
      mayBeRebound: () => mayBeRebound(request, this.transport),
      timesSent: (header) => request.raw.headersDistinct[header]?.length ?? 0,
    };
  }
}

/** More tokens than this are not compared. */
const MAX_CSRF_TOKENS = 20;

/**
 * @param sent the token, or several separated by blanks: pages send all cookies of its name, of which some may not be ours
 * @throws Refusal `csrf` unless one of them is the session's
 */
export function requireCsrfToken(session: Session | undefined, sent: unknown): void {
  const tokens = typeof sent === 'string' ? sent.split(' ', MAX_CSRF_TOKENS) : [];
  if (session === undefined || !tokens.some((token) => sameText(token, session.csrf))) throw new Refusal('csrf');
}

function principalOf(person: Person, authenticatedBy: 'session' | 'header'): Principal {
  return { name: person.email, type: 'user', account: null, groups: person.groups, authenticatedBy };
}
