import { z } from 'zod';
import type { Person } from '../domain/person.js';
import type { SamlSubject } from '../ports/login.js';

/** The session of a person who logged in. Times are seconds since 1970. */
export interface Session {
  id: string;
  person: Person;
  /** The value that the header X-XSRF-TOKEN must repeat. */
  csrf: string;
  startedAt: number;
  usedAt: number;
  /**
   * The time at which the session ends unless it is used again. It follows the settings at the last use: later settings
   * never extend it.
   */
  until: number;
  /** The logouts that had ended older sessions of the person when this one began, by their random names. */
  logouts: readonly string[];
  /** The name that a SAML identity provider has for this login, for single logout. */
  saml?: SamlSubject;
  /** The session of a command line, which cannot be used as a browser's and cannot authorize other command lines. */
  commandLine?: true;
}

/** The proof of a login, unless a provider has just confirmed it. */
export interface Proof {
  saml?: SamlSubject | undefined;
  /** The browser session that a command line's session comes from: when it ends, that ends too. */
  commandLineOf?: Pick<Session, 'startedAt' | 'logouts'>;
}

/** A session cookie to send. `maxAgeSeconds` null: until the browser closes. */
export interface SessionCookie {
  value: string;
  maxAgeSeconds: number | null;
}

/** A session in the form it is sealed in. */
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

/** Reads a session that was opened from its seal; undefined when it has another form. */
export function parseSession(opened: unknown): Session | undefined {
  const parsed = storedSession.safeParse(opened);
  if (!parsed.success) return undefined;
  const { saml, commandLine, ...rest } = parsed.data;
  return { ...rest, ...(saml !== undefined && { saml }), ...(commandLine !== undefined && { commandLine }) };
}
