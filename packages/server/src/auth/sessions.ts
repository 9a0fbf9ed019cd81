import { createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { type Admission, isAdmitted, type Person } from '../domain/person.js';
import { Refusal } from '../domain/refusal.js';
import type { ExpiringStore } from '../ports/expiring.js';
import type { SamlSubject } from '../ports/login.js';
import { CookieSeal } from './cookie-seal.js';
import { sameText } from './same-text.js';
import { parseSession, type Proof, type Session, type SessionCookie } from './session.js';
import { endedKey, personKey, recordKey, samlKey } from './session-keys.js';

export interface SessionOptions {
  /** The secrets of SESSION_SECRET: the first one seals, all of them open. */
  secrets: readonly string[];
  /** PERMANENT_SESSION_LIFETIME: seconds after the last use; 0 means until the browser closes. */
  idleSeconds: number;
  /**
   * MAX_PERMANENT_SESSION_LIFETIME: seconds after login; 0 means PERMANENT_SESSION_LIFETIME. It does not apply to
   * sessions that last until the browser closes.
   */
  maximumSeconds: number;
  admission: Admission;
  /** The store of sessions; undefined if the cookie itself holds the session. */
  records?: ExpiringStore;
  /** Whether to sign the session id in the cookie, when sessions are in a store. */
  signIds: boolean;
  /** The store of sessions that ended early: the same as `records`, or memory. */
  ended: ExpiringStore;
  /** Seconds since 1970. */
  now: () => number;
}

/** A session lives this long without use when both lifetimes are 0. */
const MAX_IDLE_SECONDS = 86_400;
/** Browsers drop a cookie beyond 4096 bytes, name and attributes included. */
const MAX_COOKIE_VALUE_LENGTH = 3800;
/** An ended session is remembered this much longer than it could live: a request in flight may have renewed it. */
const MARGIN_SECONDS = 3600;
/** A logout everywhere is remembered for at least this long, in case lifetimes were longer before. */
const LOGOUT_MEMORY_SECONDS = 30 * 86_400;
/** The last use of a session is recorded at most this often, so that a page with ten requests sets one cookie. */
const MAX_TOUCH_INTERVAL_SECONDS = 300;

/**
 * Sessions of people, in encrypted cookies or in a shared store.
 *
 * A logout of many sessions, everywhere or by a SAML provider, stores a random name under the person or SAML subject it
 * is about. A session remembers the names that were there when it began, and has ended when there is another: no clock
 * decides.
 *
 * With a shared store, ending a session deletes its record, everywhere and at once. With cookies the browser drops the
 * cookie, and this machine remembers the end until the session would have expired; another machine would still take a
 * copy that was made of the cookie before.
 */
export class Sessions {
  readonly #options: SessionOptions;
  readonly #seal: CookieSeal;
  readonly #idKeys: readonly Buffer[];
  readonly #idleSeconds: number;
  readonly #touchSeconds: number;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#seal = new CookieSeal(options.secrets, 'session');
    this.#idKeys = options.secrets.map((secret) =>
      Buffer.from(hkdfSync('sha256', secret, '', 'confidant session id signature v1', 32)),
    );
    // compat (bug 27): a session without an expiry of its own lives the maximum after its last use.
    this.#idleSeconds = options.idleSeconds || options.maximumSeconds || MAX_IDLE_SECONDS;
    this.#touchSeconds = Math.min(MAX_TOUCH_INTERVAL_SECONDS, this.#idleSeconds / 20);
  }

  /**
   * Starts a session with a new id and a new CSRF token, whatever cookies came with the login.
   *
   * @throws Refusal `not_authorized` when the person may not log in, or is in more groups than a cookie can hold
   */
  async start(
    person: Person,
    { saml, commandLineOf }: Proof = {},
  ): Promise<{ session: Session; cookie: SessionCookie }> {
    if (!isAdmitted(this.#options.admission, person.email)) throw new Refusal('not_authorized');
    const now = this.#options.now();
    const logouts = commandLineOf?.logouts ?? (await this.#logouts({ person, saml })).map((name) => name ?? '');
    const session = this.#used({
      id: randomBytes(32).toString('base64url'),
      person,
      csrf: randomBytes(24).toString('base64url'),
      startedAt: commandLineOf?.startedAt ?? now,
      logouts,
      ...(saml !== undefined && { saml }),
      ...(commandLineOf !== undefined && { commandLine: true }),
    });
    const sealed = await this.#sealed(session);
    await this.#options.records?.set(recordKey(session.id), sealed, this.#remaining(session));
    return { session, cookie: this.#cookie(session, sealed) };
  }

  /**
   * The session of a cookie; undefined when the cookie is foreign or damaged, or the session has expired, was ended or
   * belongs to a person who is no longer admitted. `renewed` is the cookie to send when the last use was recorded.
   */
  async open(cookie: string): Promise<{ session: Session; renewed?: SessionCookie } | undefined> {
    const session = await this.#read(cookie);
    if (session === undefined || this.#remaining(session) <= 0 || (await this.#isRememberedAsEnded(session))) {
      return undefined;
    }
    if (!isAdmitted(this.#options.admission, session.person.email)) return undefined;
    const now = this.#options.now();
    if (now - session.usedAt < this.#touchSeconds) return { session };
    const used = this.#used(session);
    const sealed = await this.#sealed(used);
    const { records } = this.#options;
    // A logout that came in between has deleted the record, which must not come back.
    if (records && !(await records.replace(recordKey(used.id), sealed, this.#remaining(used)))) return undefined;
    return { session: used, renewed: this.#cookie(used, sealed) };
  }

  /** Ends a session early. */
  async end(session: Session): Promise<void> {
    const { records, ended, now } = this.#options;
    // The end is remembered for as long as the newest copy of the cookie could be used.
    const seconds = Math.max(this.#idleSeconds, session.until - now()) + MARGIN_SECONDS;
    if (records === undefined) await ended.set(endedKey(session.id), '1', seconds);
    else await records.delete(recordKey(session.id));
  }

  /** Ends every session that the person has begun by now, in browsers and on command lines. */
  async endAll({ email }: Person): Promise<void> {
    await this.#logOut(personKey(email));
  }

  /**
   * Ends the sessions that a SAML identity provider logs out: those of one login, or without `sessionIndex` all that
   * the person has begun by now.
   */
  async endSaml(nameId: string, sessionIndex: string | null): Promise<void> {
    await this.#logOut(samlKey(nameId, sessionIndex));
  }

  async #logOut(key: string): Promise<void> {
    const { ended, maximumSeconds } = this.#options;
    const seconds = Math.max(this.#idleSeconds, maximumSeconds, LOGOUT_MEMORY_SECONDS) + MARGIN_SECONDS;
    await ended.set(key, randomBytes(12).toString('base64url'), seconds);
  }

  /** Names of the last logouts of the person, of the SAML subject, and of this one login of it. */
  async #logouts({
    person,
    saml,
  }: {
    person: Person;
    saml?: SamlSubject | undefined;
  }): Promise<(string | undefined)[]> {
    const keys = [personKey(person.email)];
    if (saml !== undefined) {
      keys.push(samlKey(saml.nameId, null));
      if (saml.sessionIndex !== null) keys.push(samlKey(saml.nameId, saml.sessionIndex));
    }
    return Promise.all(keys.map((key) => this.#options.ended.get(key)));
  }

  /** Whether a session was ended early, by its person or by the provider. */
  async hasEnded(session: Pick<Session, 'id' | 'person' | 'logouts' | 'saml'>): Promise<boolean> {
    const { records } = this.#options;
    const isGone = records !== undefined && (await records.get(recordKey(session.id))) === undefined;
    return isGone || this.#isRememberedAsEnded(session);
  }

  /** The same for a session whose record was just read. */
  async #isRememberedAsEnded(session: Pick<Session, 'id' | 'person' | 'logouts' | 'saml'>): Promise<boolean> {
    const { ended, records } = this.#options;
    const [own, logouts] = await Promise.all([
      // With a shared store, the missing record shows that the session has ended.
      records === undefined ? ended.get(endedKey(session.id)) : undefined,
      this.#logouts(session),
    ]);
    return own !== undefined || logouts.some((name, i) => name !== undefined && name !== session.logouts[i]);
  }

  async #sealed(session: Session): Promise<string> {
    const sealed = await this.#seal.seal(session);
    if (this.#options.records === undefined && sealed.length > MAX_COOKIE_VALUE_LENGTH) {
      throw new Refusal(
        'not_authorized',
        'You are in more groups than a cookie can hold. An administrator can keep sessions in Redis.',
      );
    }
    return sealed;
  }

  #cookie(session: Session, sealed: string): SessionCookie {
    const { records, signIds, idleSeconds } = this.#options;
    const reference = signIds ? `${session.id}.${this.#signature(session.id)}` : session.id;
    return {
      value: records === undefined ? sealed : reference,
      maxAgeSeconds: idleSeconds === 0 ? null : Math.ceil(this.#remaining(session)),
    };
  }

  async #read(cookie: string): Promise<Session | undefined> {
    const { records } = this.#options;
    let sealed: string | undefined = cookie;
    let id: string | undefined;
    if (records !== undefined) {
      id = this.#idOf(cookie);
      sealed = id === undefined ? undefined : await records.get(recordKey(id));
    }
    if (sealed === undefined) return undefined;
    const session = parseSession(await this.#seal.open(sealed));
    return id === undefined || session?.id === id ? session : undefined;
  }

  #idOf(cookie: string): string | undefined {
    const [id = '', signature, ...more] = cookie.split('.');
    if (!/^[\w-]{43}$/.test(id) || more.length > 0) return undefined;
    if (!this.#options.signIds) return signature === undefined ? id : undefined;
    const matches = this.#idKeys.some((key) => sameText(signature ?? '', sign(key, id)));
    return matches ? id : undefined;
  }

  #signature(id: string): string {
    return sign(this.#idKeys[0]!, id);
  }

  /** Seconds until the session expires when it is not used again. */
  #remaining(session: Session): number {
    return Math.min(this.#endOf(session), session.until) - this.#options.now();
  }

  /** The session after a use at this moment. */
  #used(session: Omit<Session, 'usedAt' | 'until'>): Session {
    const used = { ...session, usedAt: this.#options.now() };
    return { ...used, until: this.#endOf(used) };
  }

  #endOf({ startedAt, usedAt, commandLine }: Omit<Session, 'until'>): number {
    const { idleSeconds, maximumSeconds } = this.#options;
    const idleEnd = usedAt + this.#idleSeconds;
    // Unlike a browser, a command line is never closed.
    const hasMaximum = idleSeconds !== 0 || commandLine === true;
    return hasMaximum ? Math.min(idleEnd, startedAt + (maximumSeconds || this.#idleSeconds)) : idleEnd;
  }
}

function sign(key: Buffer, id: string): string {
  return createHmac('sha256', key).update(id).digest('base64url');
}
