import type { FastifyReply, FastifyRequest } from 'fastify';
import { type BegunFlow, FLOW_SECONDS, type LoginFlows } from '../auth/login-flow.js';
import type { Proof, Session } from '../auth/session.js';
import type { Person } from '../domain/person.js';
import { Refusal } from '../domain/refusal.js';
import type { SamlSubject } from '../ports/login.js';
import type { AuditEntry } from '../ports/telemetry.js';
import type { LoginOptions } from './login-options.js';

/**
 * Starts the session of a person who proved who they are, and writes an audit line of how it ended.
 *
 * @throws Refusal `not_authorized` when the person may not log in
 */
export async function finishLogin(
  { authentication, audit }: LoginOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  person: Person,
  proof: Proof = {},
): Promise<Session | undefined> {
  const resourceType = resourceTypeOf({ commandLine: proof.commandLineOf !== undefined });
  const entry = { ...subjectOf(person, request), action: 'login', resourceType };
  try {
    const session = await authentication.start(request, reply, person, proof);
    audit({ ...entry, outcome: 'ok' });
    return session;
  } catch (error) {
    const denied = error instanceof Refusal;
    audit({ ...entry, outcome: denied ? 'denied' : 'failed', reason: denied ? error.code : 'unavailable' });
    throw error;
  }
}

/** Ends the session in this browser, or all sessions of its person, and writes an audit line. */
export async function logOut(
  { authentication, audit }: LoginOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  everywhere = false,
): Promise<SamlSubject | undefined> {
  const session = await authentication.end(request, reply, everywhere);
  if (session === undefined) return undefined;
  const resourceType = everywhere ? 'all sessions' : resourceTypeOf(session);
  audit({ ...subjectOf(session.person, request), action: 'logout', resourceType, outcome: 'ok' });
  return session.saml;
}

function resourceTypeOf({ commandLine = false }: { commandLine?: boolean }): string {
  return commandLine ? 'command line session' : 'session';
}

/** The part of an audit entry that names the person. */
export function subjectOf(person: Person, request: FastifyRequest): Pick<AuditEntry, 'principal' | 'requestId'> {
  return {
    principal: { name: person.email, type: 'user', authenticatedBy: 'session', account: null },
    requestId: request.id,
  };
}

/**
 * Keeps in the browser what the provider's response is compared with.
 *
 * @param crossSitePost whether a page of the provider posts the response
 */
export function keepFlow(
  { authentication, flowCookie }: LoginOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  sealed: string,
  crossSitePost: boolean,
): void {
  authentication.setCookie(request, reply, flowCookie, sealed, { maxAgeSeconds: FLOW_SECONDS, crossSitePost });
}

/**
 * Takes the flow that this browser began, and deletes its cookie. The flow may have ended already: only ending it shows
 * whether it had.
 */
export async function takeFlow(
  { authentication, flowCookie }: LoginOptions,
  flows: LoginFlows,
  kind: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<BegunFlow | undefined> {
  const cookie = authentication.cookies(request).get(flowCookie);
  if (cookie !== undefined) authentication.setCookie(request, reply, flowCookie, '', { maxAgeSeconds: 0 });
  return flows.begun(kind, cookie);
}

/** The refusal of a login that proves nothing. The reason is only logged. */
export function loginFailed(reason: string): Refusal {
  return new Refusal('login_failed', undefined, { cause: new Error(reason) });
}
