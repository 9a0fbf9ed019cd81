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

/** Time to carry a code from the page to the command line, also by hand. */
const CODE_SECONDS = 300;

const sealedConsent = z.object({
  id: z.string(),
  session: storedSession.pick({ id: true, person: true, startedAt: true, logouts: true, saml: true }),
  challenge: z.string(),
  letters: z.string(),
  expiresAt: z.number(),
});

/** What a person let a command line have. */
export interface CliConsent {
  person: Person;
  /** The session in which they did. */
  session: Pick<Session, 'startedAt' | 'logouts'>;
  saml: SamlSubject | undefined;
}

export interface CliCodesOptions {
  secrets: readonly string[];
  sessions: Sessions;
  /** Remembers which codes were redeemed. */
  used: ExpiringStore;
  /** Whether all servers share `used`: then it keeps what was consented to, and a code is short whoever gives it. */
  shared: boolean;
  /** Seconds since 1970. */
  now: () => number;
}

/**
 * Codes that a logged-in person gives to a command line. A code is worth something only to who knows the verifier of
 * its challenge (RFC 7636, S256), when the person typed the letters that belong to it, while the session that gave it
 * lives, for five minutes, once. Without a shared store it is sealed, so that any server can take it.
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
   * Undefined when it is no code of ours, of another challenge, too old, was redeemed before, or its session ended.
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
    if (await sessions.hasEnded({ id: session.id, person, logouts, ...(saml && { saml }) })) return undefined;
    if (!(await used.add(`cli-code:${id}`, '1', CODE_SECONDS))) return undefined;
    return { person, session: { startedAt, logouts }, saml };
  }
}

/** Who can read the store learns no code. */
function consentKey(id: string): string {
  return `cli-consent:${createHash('sha256').update(id).digest('base64url')}`;
}
