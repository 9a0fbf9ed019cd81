import { createHash, randomBytes } from 'node:crypto';
import { challengeText } from '@confidant/contract';
import { z } from 'zod';
import type { Person } from '../domain/person.js';
import type { ExpiringStore } from '../ports/expiring.js';
import type { SamlSubject } from '../ports/login.js';
import { CookieSeal } from './cookie-seal.js';
import { sameText } from './same-text.js';
import { type Session, storedSession } from './session.js';
import type { Sessions } from './sessions.js';

/** Time to bring a code from the page to the command line, also by hand. */
const CODE_SECONDS = 300;

const sealedConsent = z.object({
  id: z.string(),
  session: storedSession.pick({ id: true, person: true, startedAt: true, logouts: true, saml: true }),
  challenge: z.string(),
  letters: z.string(),
  expiresAt: z.number(),
});

/** A person's consent that a command line acts as them. */
export interface CliConsent {
  person: Person;
  /** The session in which they gave it. */
  session: Pick<Session, 'startedAt' | 'logouts'>;
  saml: SamlSubject | undefined;
}

export interface CliCodesOptions {
  secrets: readonly string[];
  sessions: Sessions;
  /** Remembers which codes were redeemed. */
  used: ExpiringStore;
  /** Whether all servers share `used`. If so, it stores the consents, and codes are short. */
  shared: boolean;
  /** Seconds since 1970. */
  now: () => number;
}

/**
 * Codes that a logged-in person gives to a command line. A code can be redeemed once, within five minutes, while the
 * session that issued it is alive, and only with the verifier of its challenge (RFC 7636, S256) and the letters that
 * the person typed. Without a shared store the code is the sealed consent, so that any server can redeem it.
 */
export class CliCodes {
  readonly #options: CliCodesOptions;
  readonly #seal: CookieSeal;

  constructor(options: CliCodesOptions) {
    this.#options = options;
    this.#seal = new CookieSeal(options.secrets, 'command line code');
  }

  async issue(
    { id: sessionId, person, startedAt, logouts, saml }: Session,
    { challenge, letters }: { challenge: string; letters: string },
  ): Promise<string> {
    const { now, shared, used } = this.#options;
    const id = randomBytes(24).toString('base64url');
    const sealed = await this.#seal.seal({
      id,
      session: { id: sessionId, person, startedAt, logouts, saml },
      challenge,
      letters,
      expiresAt: now() + CODE_SECONDS,
    });
    if (!shared) return sealed;
    await used.set(consentKey(id), sealed, CODE_SECONDS);
    return id;
  }

  /**
   * Returns undefined when the code is not ours, belongs to another challenge, is too old or was redeemed before, or when
   * its session has ended.
   *
   * @param server this server's root address
   */
  async redeem(code: string, verifier: string, server: string): Promise<CliConsent | undefined> {
    const { sessions, used, shared, now } = this.#options;
    const sealed = shared ? await used.get(consentKey(code)) : code;
    const parsed = sealedConsent.safeParse(sealed === undefined ? undefined : await this.#seal.open(sealed));
    if (!parsed.success || parsed.data.expiresAt <= now()) return undefined;
    const { id, challenge, letters, session } = parsed.data;
    const expected = createHash('sha256').update(challengeText({ verifier, server, letters })).digest('base64url');
    if (!sameText(expected, challenge)) return undefined;
    const { person, startedAt, logouts, saml } = session;
    if (await sessions.hasEnded({ id: session.id, person, logouts, ...(saml !== undefined && { saml }) }))
      return undefined;
    if (!(await used.add(`cli-code:${id}`, '1', CODE_SECONDS))) return undefined;
    return { person, session: { startedAt, logouts }, saml };
  }
}

/** The key is a digest, so that a reader of the store learns no code. */
function consentKey(id: string): string {
  return `cli-consent:${createHash('sha256').update(id).digest('base64url')}`;
}
