import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticate, Evidence } from '../auth/authenticate.js';
import { type Proof, sameText, type Session, type SessionCookie, type Sessions } from '../auth/sessions.js';
import { isAdmitted, type Admission, type Person } from '../domain/person.js';
import type { Principal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import { readCookies, writeCookie } from './cookies.js';
import { isHttps, type Reached } from './security.js';

/** What is needed for people in browsers. */
export interface Browsers {
  sessions: Sessions;
  admission: Admission;
  sessionCookie: string;
  xsrfCookie: string;
  /** With USER_AUTH_MODULE=header: who a proxy says it is. The session then only carries the CSRF token. */
  header?: (evidence: Evidence) => Person | undefined;
}

/** Somebody in a browser. */
export interface LoggedIn {
  principal: Principal;
  person: Person;
  /** Undefined only for a write by header login that brought no session. */
  session: Session | undefined;
}

/** Finds out who sends a request, and demands of browsers that their writes are meant. */
export class Callers {
  constructor(
    /** Evidence that needs no session, asked for first and in this order: who sends a token pays for no cookie. */
    private readonly ways: readonly Authenticate[],
    /** Undefined: people do not log in here. */
    private readonly browsers: Browsers | undefined,
    private readonly reached: Reached,
  ) {}

  /**
   * The sender of a request. May set cookies.
   *
   * @param write whether the request changes something: a browser must then prove that its page meant it
   * @throws Refusal `unauthenticated`, `csrf`, and what the evidence itself is refused for
   */
  async identify(request: FastifyRequest, reply: FastifyReply, write: boolean): Promise<Principal> {
    // Browsers say where a request starts and send passwords along with it: no page of another site writes here.
    if (write && request.headers['sec-fetch-site'] === 'cross-site') throw new Refusal('csrf');
    const evidence = this.#evidence(request);
    for (const way of this.ways) {
      const principal = await way(evidence);
      if (principal !== undefined) return principal;
    }
    const loggedIn = await this.loggedIn(request, reply, write);
    if (loggedIn === undefined) throw new Refusal('unauthenticated');
    if (write) demandToken(loggedIn.session, request.headers['x-xsrf-token']);
    return loggedIn.principal;
  }

  /** The person in the browser; undefined when nobody is logged in. Renews the session where it is due. */
  async loggedIn(request: FastifyRequest, reply: FastifyReply, write = false): Promise<LoggedIn | undefined> {
    if (this.browsers === undefined) return undefined;
    const { sessions, sessionCookie, xsrfCookie, header, admission } = this.browsers;
    const person = header?.(this.#evidence(request));
    if (header !== undefined && (person === undefined || !isAdmitted(admission, person.email))) return undefined;

    const sent = this.cookies(request);
    const cookie = sent.get(sessionCookie);
    const opened = cookie === undefined ? undefined : await sessions.open(cookie);
    let session = opened?.session;
    if (person !== undefined) {
      if (session?.person.email !== person.email) session = undefined;
      // A write cannot know a token that it is only given now.
      if (session === undefined && !write) session = await this.start(request, reply, person);
      return { principal: principalOf(person, 'header'), person, session };
    }
    if (session === undefined) return undefined;
    if (opened?.renewed !== undefined) this.#send(request, reply, session, opened.renewed);
    else if (sent.get(xsrfCookie) !== session.csrf) this.#sendXsrf(request, reply, session, null);
    return { principal: principalOf(session.person, 'session'), person: session.person, session };
  }

  /** Logs a person in, and whoever was logged in before out. */
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
   * Logs out, if anybody is logged in. Returns the session that ended.
   *
   * @param everywhere ends all other sessions of the person too
   */
  async end(request: FastifyRequest, reply: FastifyReply, everywhere = false): Promise<Session | undefined> {
    if (this.browsers === undefined) return undefined;
    const ended = await this.#endSent(request, everywhere);
    // Not before: whose logout failed must be able to ask for it again.
    for (const name of [this.browsers.sessionCookie, this.browsers.xsrfCookie]) {
      this.setCookie(request, reply, name, '', { maxAgeSeconds: 0, scripts: false });
    }
    return ended;
  }

  async #endSent(request: FastifyRequest, everywhere = false): Promise<Session | undefined> {
    const { sessions, sessionCookie } = this.browsers!;
    const cookie = this.cookies(request).get(sessionCookie);
    const opened = cookie === undefined ? undefined : await sessions.open(cookie);
    if (opened === undefined) return undefined;
    if (everywhere) await sessions.endAll(opened.session.person);
    await sessions.end(opened.session);
    return opened.session;
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
    const secure = isHttps(request, this.reached) || this.reached.publicUrl.startsWith('https:');
    const { maxAgeSeconds, scripts = false, crossSitePost = false } = options;
    // The answer of a SAML provider is posted by its page. Over plain HTTP browsers refuse None, and without the
    // attribute still send a fresh cookie along with such a post.
    const sameSite = !crossSitePost ? 'Lax' : secure ? 'None' : undefined;
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

  #evidence(request: FastifyRequest): Evidence {
    return {
      headers: request.headers,
      remoteAddress: request.ip,
      fromTrustedProxy: () => this.reached.isTrustedProxy(request.socket.remoteAddress),
    };
  }
}

/** @throws Refusal `csrf` unless the token is the session's */
export function demandToken(session: Session | undefined, token: unknown): void {
  if (session === undefined || typeof token !== 'string' || !sameText(token, session.csrf)) throw new Refusal('csrf');
}

function principalOf(person: Person, authenticatedBy: 'session' | 'header'): Principal {
  return { name: person.email, type: 'user', account: null, groups: person.groups, authenticatedBy };
}
