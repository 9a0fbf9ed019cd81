import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Person } from '../domain/person.js';
import type { ExpiringStore, SamlSubject } from '../ports.js';
import { CookieSeal } from './cookie-seal.js';
import { sameText, type Session, storedSession } from './sessions.js';

/** Time to carry a code from the page to the command line, also by hand. */
const CODE_SECONDS = 300;

const sealedCode = storedSession
  .pick({ person: true, startedAt: true, saml: true })
  .extend({ id: z.string(), challenge: z.string(), expiresAt: z.number() });

/** What a person let a command line have. */
export interface CliConsent {
  person: Person;
  /** When the person proved who they are, in seconds since 1970. */
  startedAt: number;
  saml: SamlSubject | undefined;
}

/**
 * Codes that a logged-in person gives to a command line. A code is sealed, so that any server can take it; it is worth
 * something only to who knows the verifier of its challenge (RFC 7636, S256), for five minutes, once.
 */
export class CliCodes {
  readonly #seal: CookieSeal;

  constructor(
    secrets: readonly string[],
    private readonly used: ExpiringStore,
    /** Seconds since 1970. */
    private readonly now: () => number,
  ) {
    this.#seal = new CookieSeal(secrets, 'command line code');
  }

  issue({ person, startedAt, saml }: Session, challenge: string): Promise<string> {
    const id = randomBytes(18).toString('base64url');
    return this.#seal.seal({ id, challenge, expiresAt: this.now() + CODE_SECONDS, person, startedAt, saml });
  }

  /** Undefined when it is no code of ours, of another challenge, too old, or was redeemed before. */
  async redeem(code: string, verifier: string): Promise<CliConsent | undefined> {
    const parsed = sealedCode.safeParse(await this.#seal.open(code));
    if (!parsed.success || parsed.data.expiresAt <= this.now()) return undefined;
    const { id, challenge, person, startedAt, saml } = parsed.data;
    if (!sameText(createHash('sha256').update(verifier).digest('base64url'), challenge)) return undefined;
    if (!(await this.used.add(`cli-code:${id}`, '1', CODE_SECONDS))) return undefined;
    return { person, startedAt, saml };
  }
}
