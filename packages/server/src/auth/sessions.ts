import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { type Admission, isAdmitted, type Person } from '../domain/person.js';
import { Refusal } from '../domain/refusal.js';
import type { ExpiringStore } from '../ports/expiring.js';
import type { SamlSubject } from '../ports/login.js';
import { CookieSeal } from './cookie-seal.js';

/** Somebody who logged in. Times are seconds since 1970. */
export interface Session {
  id: string;
  person: Person;
  /** What X-XSRF-TOKEN must repeat. */
  csrf: string;
  startedAt: number;
  usedAt: number;
  /** When it is over unless it is used again, by the settings of its last use: later ones never lengthen it. */
  until: number;
  /** The logouts that had ended older sessions of the person when this one began, as {@link Sessions} names them. */
  logouts: readonly string[];
  /** What a SAML identity provider calls this login, for single logout. */
  saml?: SamlSubject;
  /** Of a command line: it is never a browser session, and lets nobody else in. */
  commandLine?: true;
}

/** How a login was proven, where it was not just now at a provider. */
export interface Proof {
  saml?: SamlSubject | undefined;
  /** The session of a browser that a command line's comes from: its end is theirs. */
  commandLineOf?: Pick<Session, 'startedAt' | 'logouts'>;
}

/** A session cookie to send. `maxAgeSeconds` null: until the browser closes. */
export interface SessionCookie {
  value: string;
  maxAgeSeconds: number | null;
}

export interface SessionOptions {
  /** The first signs, all open. */
  secrets: readonly string[];
  /** PERMANENT_SESSION_LIFETIME: seconds after the last use; 0: a browser session. */
  idleSeconds: number;
  /** MAX_PERMANENT_SESSION_LIFETIME: seconds after login; 0: as the one above. Not applied to browser sessions. */
  maximumSeconds: number;
  admission: Admission;
  /** Where sessions are kept; undefined: in the cookie itself. */
  records?: ExpiringStore;
  /** Sign the id in the cookie when sessions are kept elsewhere. */
  signIds: boolean;
  /** Remembers sessions that ended early: the same store as `records`, or memory. */
  ended: ExpiringStore;
  /** Seconds since 1970. */
  now: () => number;
}

/** When both lifetimes are 0 a session still does not live for ever. */
const LONGEST_IDLE_SECONDS = 86_400;
/** Browsers drop a cookie beyond 4096 bytes, name and attributes included. */
const MAX_COOKIE_VALUE_LENGTH = 3800;
/** What ended is remembered this much longer than it could live: a request in flight may still have renewed it. */
const MARGIN_SECONDS = 3600;
/** A logout everywhere is remembered for this long at least, in case lifetimes were longer before. */
const LOGOUT_MEMORY_SECONDS = 30 * 86_400;
/** A session's last use is written down at most this often, so that a page with ten requests sets one cookie. */
const LONGEST_TOUCH_SECONDS = 300;

/** A session as it is sealed. */
export const storedSession = z.object({
  id: z.string(),
  person: z.object({
    email: z.string(),
    firstName: z.string().nullable(),
    lastName: z.string().nullable(),
    groups: z.array(z.string()),
  }),
  csrf: z.string(),
  startedAt: z.number(),
  usedAt: z.number(),
  until: z.number(),
  logouts: z.array(z.string()),
  saml: z
    .object({ nameId: z.string(), nameIdFormat: z.string().nullable(), sessionIndex: z.string().nullable() })
    .optional(),
  commandLine: z.literal(true).optional(),
});

/**
 * Sessions of people, in encrypted cookies or in a shared store.
 *
 * A logout of many sessions, everywhere or by a SAML provider, is a random name kept under whom it means. A session
 * remembers the names that were there when it began, and is over when there is another: no clock decides.
 *
 * What ending a session means: with a shared store the record is gone, everywhere and at once. With cookies the browser
 * is told to forget it, and this machine remembers until it would have expired that it ended; another machine would
 * still take a copy that somebody made of the cookie before.
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
    this.#idleSeconds = options.idleSeconds || options.maximumSeconds || LONGEST_IDLE_SECONDS;
    this.#touchSeconds = Math.min(LONGEST_TOUCH_SECONDS, this.#idleSeconds / 20);
  }

  /**
   * Starts a session with an id and a CSRF token that nobody has seen before, whatever cookies came with the login.
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
      ...(saml && { saml }),
      ...(commandLineOf !== undefined && { commandLine: true }),
    });
    const sealed = await this.#sealed(session);
    await this.#options.records?.set(recordKey(session.id), sealed, this.#remaining(session));
    return { session, cookie: this.#cookie(session, sealed) };
  }

  /**
   * The session of a cookie; undefined for none: foreign, tampered, expired, ended, or of somebody who is not admitted
   * any more. `renewed` is the cookie to send when the last use was worth writing down.
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
    // A logout that came in between has taken the record away: it must not come back.
    if (records && !(await records.replace(recordKey(used.id), sealed, this.#remaining(used)))) return undefined;
    return { session: used, renewed: this.#cookie(used, sealed) };
  }

  /** Ends a session before its time. */
  async end(session: Session): Promise<void> {
    const { records, ended, now } = this.#options;
    // Remembered as long as the freshest copy of the cookie could be presented.
    const seconds = Math.max(this.#idleSeconds, session.until - now()) + MARGIN_SECONDS;
    if (records === undefined) await ended.set(`ended:${digest(session.id)}`, '1', seconds);
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

  /** The last logouts of all, of the SAML subject, and of its one login. */
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

  /** Whether a session was ended before its time: by its person, or by the provider. */
  async hasEnded(session: Pick<Session, 'id' | 'person' | 'logouts' | 'saml'>): Promise<boolean> {
    const { records } = this.#options;
    const isGone = records !== undefined && (await records.get(recordKey(session.id))) === undefined;
    return isGone || this.#isRememberedAsEnded(session);
  }

  /** The same for a session whose record was just read. */
  async #isRememberedAsEnded(session: Pick<Session, 'id' | 'person' | 'logouts' | 'saml'>): Promise<boolean> {
    const { ended, records } = this.#options;
    const [own, logouts] = await Promise.all([
      // With a shared store the record's absence says it.
      records === undefined ? ended.get(`ended:${digest(session.id)}`) : undefined,
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
    const parsed = storedSession.safeParse(await this.#seal.open(sealed));
    if (!parsed.success || (id !== undefined && parsed.data.id !== id)) return undefined;
    return withoutAbsent(parsed.data);
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

  /** The session as it is when it is used now. */
  #used(session: Omit<Session, 'usedAt' | 'until'>): Session {
    const used = { ...session, usedAt: this.#options.now() };
    return { ...used, until: this.#endOf(used) };
  }

  #endOf({ startedAt, usedAt, commandLine }: Omit<Session, 'until'>): number {
    const { idleSeconds, maximumSeconds } = this.#options;
    const idleEnd = usedAt + this.#idleSeconds;
    // A command line is not closed as a browser is.
    const hasMaximum = idleSeconds !== 0 || commandLine === true;
    return hasMaximum ? Math.min(idleEnd, startedAt + (maximumSeconds || this.#idleSeconds)) : idleEnd;
  }
}

/** As it was sealed: what was absent stays absent. */
function withoutAbsent({ saml, commandLine, ...rest }: z.infer<typeof storedSession>): Session {
  return { ...rest, ...(saml && { saml }), ...(commandLine && { commandLine }) };
}

/** Whether two texts are equal, in time that does not tell where they differ. */
export function sameText(given: string, expected: string): boolean {
  // Digests have one length, and their comparison says nothing about the texts.
  return timingSafeEqual(createHash('sha256').update(given).digest(), createHash('sha256').update(expected).digest());
}

function sign(key: Buffer, id: string): string {
  return createHmac('sha256', key).update(id).digest('base64url');
}

/** Keys are digests: who can read the store learns no id that would log them in. */
function digest(value: string): string {
  return createHash('sha256').update(value).digest('base64url');
}

function recordKey(id: string): string {
  return `session:${digest(id)}`;
}

function personKey(email: string): string {
  return `person-ended:${digest(email.toLowerCase())}`;
}

function samlKey(nameId: string, sessionIndex: string | null): string {
  return `saml-ended:${digest(JSON.stringify([nameId, sessionIndex]))}`;
}
