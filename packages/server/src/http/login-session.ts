import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type BegunFlow, FLOW_SECONDS, type LoginFlows } from '../auth/login-flow.js';
import { localPath } from '../auth/local-path.js';
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

/** Logins under way in one browser; those that began first make room for others. */
const MAX_FLOWS = 8;
/** Length of their cookies together, so that a request with them stays far below the limit of headers (16 KiB). */
const MAX_FLOWS_LENGTH = 6000;

/**
 * Keeps in the browser what the provider's response is compared with. Each login has a cookie of its own, so that several
 * may be under way in the tabs of one browser.
 *
 * @param key what the response will name: the cookie is found by it
 * @param crossSitePost whether a page of the provider posts the response
 */
export function keepFlow(
  options: LoginOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  { key, sealed, crossSitePost = false }: { key: string; sealed: string; crossSitePost?: boolean },
): void {
  const { authentication } = options;
  let room = MAX_FLOWS_LENGTH - sealed.length;
  // Browsers send older cookies first.
  for (const [index, [name, value]] of flowCookies(options, request).reverse().entries()) {
    room -= value.length;
    if (index + 1 >= MAX_FLOWS || room < 0) authentication.setCookie(request, reply, name, '', { maxAgeSeconds: 0 });
  }
  const attributes = { maxAgeSeconds: FLOW_SECONDS, crossSitePost };
  authentication.setCookie(request, reply, flowCookieOf(options, key), sealed, attributes);
}

/**
 * Takes the flow that this browser began under this key, and deletes its cookie. The flow may have ended already: only
 * ending it shows whether it had.
 *
 * @throws Refusal `login_failed` if logins were begun in this browser, but not this one
 */
export async function takeFlow(
  options: LoginOptions,
  flows: LoginFlows,
  { kind, key }: { kind: string; key: string },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<BegunFlow | undefined> {
  const { authentication } = options;
  const name = flowCookieOf(options, key);
  const cookies = new Map(flowCookies(options, request));
  const cookie = cookies.get(name);
  if (cookie !== undefined) authentication.setCookie(request, reply, name, '', { maxAgeSeconds: 0 });
  else if (cookies.size > 0) throw loginFailed('the response answers another request than those of this browser');
  return flows.begun(kind, cookie);
}

/** The flow that this browser began last, for a response that does not say which one it answers. */
export async function lastFlow(
  options: LoginOptions,
  flows: LoginFlows,
  kind: string,
  request: FastifyRequest,
): Promise<BegunFlow | undefined> {
  return flows.begun(kind, flowCookies(options, request).at(-1)?.[1]);
}

function flowCookies({ authentication, flowCookie }: LoginOptions, request: FastifyRequest): [string, string][] {
  return [...authentication.cookies(request)].filter(([name]) => name.startsWith(`${flowCookie}_`));
}

function flowCookieOf({ flowCookie }: LoginOptions, key: string): string {
  return `${flowCookie}_${createHash('sha256').update(key).digest('base64url').slice(0, 16)}`;
}

/**
 * Remembers in the browser where to go after a login with the one-time link, which is printed and does not know. The
 * cookie holds the path that `?next=` asks for.
 */
export function rememberNext(options: LoginOptions, request: FastifyRequest, reply: FastifyReply, next: string): void {
  if (options.module.kind !== 'local' || next === '/') return;
  const value = Buffer.from(next).toString('base64url');
  options.authentication.setCookie(request, reply, nextCookieOf(options), value, { maxAgeSeconds: FLOW_SECONDS });
}

/** The path that was remembered, which is forgotten with that; `/` if there is none. */
export function takeNext(options: LoginOptions, request: FastifyRequest, reply: FastifyReply): string {
  const value = options.authentication.cookies(request).get(nextCookieOf(options));
  if (value === undefined) return '/';
  options.authentication.setCookie(request, reply, nextCookieOf(options), '', { maxAgeSeconds: 0 });
  return localPath(Buffer.from(value, 'base64url').toString('utf8'));
}

function nextCookieOf({ sessionCookie }: LoginOptions): string {
  return `${sessionCookie}_next`;
}

/** The refusal of a login that proves nothing. The reason is only logged. */
export function loginFailed(reason: string): Refusal {
  return new Refusal('login_failed', undefined, { cause: new Error(reason) });
}
