import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { localPath } from '../auth/local-path.js';
import { type BegunFlow, FLOW_SECONDS, type LoginFlows } from '../auth/login-flow.js';
import { isLoopback } from '../domain/loopback.js';
import type { Person } from '../domain/person.js';
import { Refusal } from '../domain/refusal.js';
import type { CliCodes } from '../auth/cli-codes.js';
import type { Proof, Session, Sessions } from '../auth/sessions.js';
import type { ExpiringStore } from '../ports/expiring.js';
import type { OpenIdProvider, SamlProvider, SamlSubject } from '../ports/login.js';
import type { Audit } from '../ports/telemetry.js';
import { type Callers, demandToken } from './callers.js';
import { DATA_HEADERS, type Reached, rootOf } from './security.js';

/** How people log in. */
export type LoginModule =
  /** USE_AUTH=false: everybody is in. */
  | { kind: 'everybody' }
  | { kind: 'nobody' }
  | { kind: 'openid'; provider: OpenIdProvider; flows: LoginFlows }
  | { kind: 'saml'; provider: SamlProvider; flows: LoginFlows; debug: Record<string, unknown> | null }
  | { kind: 'header' }
  | {
      kind: 'local';
      /** The person, when the secret is the one-time link's. It does not count a second time. */
      redeem: (secret: string) => Person | undefined;
    };

export interface LoginOptions {
  module: LoginModule;
  callers: Callers;
  reached: Reached;
  /** Undefined: people do not log in here. */
  sessions: Sessions | undefined;
  /** What people give command lines; undefined: nothing, because nobody logs in or a proxy vouches for everybody. */
  cliCodes: CliCodes | undefined;
  /** Name of the session's cookie. */
  sessionCookie: string;
  /** Name of the cookie that ties a login's end to its beginning. */
  flowCookie: string;
  /** Remembers assertions and logout requests that were used. */
  used: ExpiringStore;
  audit: Audit;
  /** Seconds since 1970. */
  now: () => number;
}

/** What a route says about itself. */
export interface PageConfig {
  /** Answers with a page when a person looks at it, also when it fails. */
  page?: boolean;
}

export const PAGE: { config: PageConfig } = { config: { page: true } };

const openIdFlow = z.object({ state: z.string(), nonce: z.string(), codeVerifier: z.string() });
const logoutBody = z.object({ everywhere: z.boolean().default(false) });
const linkBody = z.object({ secret: z.string().min(20).max(200) });

/** Registers `/v1/login` and `/v1/logout`, for every way to log in. */
export function registerLogin(server: FastifyInstance, options: LoginOptions): void {
  const { module, callers } = options;

  const login = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    switch (module.kind) {
      case 'everybody':
        return redirect(reply, '/');
      case 'nobody':
        throw new Refusal('not_found', 'People cannot log in here: no login is configured.');
      case 'openid':
        return openIdLogin(options, module, request, reply);
      case 'saml':
        return beginSaml(options, module, request, reply);
      case 'header': {
        const loggedIn = await callers.loggedIn(request, reply, true);
        if (loggedIn === undefined) throw new Refusal('unauthenticated');
        await finishLogin(options, request, reply, loggedIn.person);
        return redirect(reply, nextOf(request));
      }
    }
    return redirect(reply, '/login');
  };
  server.get('/v1/login', PAGE, login);
  server.post('/v1/login', PAGE, async (request, reply) => {
    if (module.kind !== 'local') return login(request, reply);
    const person = redeemLink(options, module, request);
    await finishLogin(options, request, reply, person);
    return sendJson(reply, { location: '/' });
  });

  // A logout may come from a form, which can send no header, so the token may be one of its fields. With `everywhere`
  // it ends all sessions of the person.
  server.post('/v1/logout', PAGE, async (request, reply) => {
    const form = formOf(request);
    const everywhere = form?.has('everywhere') ?? isEverywhere(request);
    const loggedIn = await callers.loggedIn(request, reply, true);
    if (loggedIn !== undefined) {
      demandToken(loggedIn.session, request.headers['x-xsrf-token'] ?? form?.get('xsrf'));
      await logOut(options, request, reply, everywhere);
    } else if (everywhere) {
      // Other sessions may live: nobody shall think that they are over.
      throw new Refusal('unauthenticated');
    }
    return form === undefined ? sendJson(reply, { location: '/loggedout' }) : redirect(reply, '/loggedout', 303);
  });
}

/** Ends the session in this browser, or all of its person, and says so in the audit log. */
export async function logOut(
  { callers, audit }: LoginOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  everywhere = false,
): Promise<SamlSubject | undefined> {
  const session = await callers.end(request, reply, everywhere);
  if (session === undefined) return undefined;
  const resourceType = everywhere ? 'all sessions' : resourceTypeOf(session);
  audit({ ...subjectOf(session.person, request), action: 'logout', resourceType, outcome: 'ok' });
  return session.saml;
}

/** Whether the body of a logout asks for it. A body is not needed. @throws Refusal `invalid_json`, `invalid_request` */
function isEverywhere(request: FastifyRequest): boolean {
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) return false;
  const body = logoutBody.safeParse(jsonOf(request));
  if (!body.success) throw new Refusal('invalid_request', 'everywhere: must be true or false');
  return body.data.everywhere;
}

/** Starts the session of somebody who proved who they are, if they may log in. */
export async function finishLogin(
  { callers, audit }: LoginOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  person: Person,
  proof: Proof = {},
): Promise<Session | undefined> {
  const resourceType = resourceTypeOf({ commandLine: proof.commandLineOf !== undefined });
  const entry = { ...subjectOf(person, request), action: 'login', resourceType };
  try {
    const session = await callers.start(request, reply, person, proof);
    audit({ ...entry, outcome: 'ok' });
    return session;
  } catch (error) {
    const denied = error instanceof Refusal;
    audit({ ...entry, outcome: denied ? 'denied' : 'failed', reason: denied ? error.code : 'unavailable' });
    throw error;
  }
}

function resourceTypeOf({ commandLine = false }: { commandLine?: boolean }): string {
  return commandLine ? 'command line session' : 'session';
}

/** The part of an audit entry that says who. */
export function subjectOf(person: Person, request: FastifyRequest) {
  return {
    principal: { name: person.email, type: 'user', authenticatedBy: 'session', account: null },
    requestId: request.id,
  };
}

/** `/v1/login` is where the login begins, and where the provider sends the browser back to (compat). */
async function openIdLogin(
  options: LoginOptions,
  { provider, flows }: LoginModule & { kind: 'openid' },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const redirectUri = `${rootOf(request, options.reached)}/v1/login`;
  const query = new URLSearchParams(queryOf(request));
  if (!query.has('state') && !query.has('code') && !query.has('error')) {
    const { location, flow } = await provider.begin(redirectUri);
    keepFlow(options, request, reply, await flows.begin('openid', { ...flow }, nextOf(request)), false);
    return redirect(reply, location);
  }
  const begun = await takeFlow(options, flows, 'openid', request, reply);
  const flow = openIdFlow.safeParse(begun?.data);
  const refused = new Refusal('login_failed', undefined, { cause: new Error('no login was begun in this browser') });
  if (begun === undefined || !flow.success) throw refused;
  const person = await provider.finish(new URL(`${redirectUri}?${query.toString()}`), flow.data);
  if (!(await flows.end(begun))) throw refused;
  await finishLogin(options, request, reply, person);
  return redirect(reply, localPath(begun.returnTo));
}

/** Sends the browser to the SAML identity provider. */
export async function beginSaml(
  options: LoginOptions,
  { provider, flows }: LoginModule & { kind: 'saml' },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { location, requestId } = await provider.begin();
  keepFlow(options, request, reply, await flows.begin('saml', { requestId }, nextOf(request)), true);
  return redirect(reply, location);
}

/**
 * The one-time link's secret, for its person. It is taken only from a page of this server on this machine: the peer is
 * loopback and speaks for nobody else, and both Host and Origin name the loopback address (a name that somebody made
 * resolve to it does not).
 */
function redeemLink(
  options: LoginOptions,
  { redeem }: LoginModule & { kind: 'local' },
  request: FastifyRequest,
): Person {
  const { socket, headers } = request;
  const isLocal = isLoopback(socket.remoteAddress ?? '') && headers['x-forwarded-for'] === undefined;
  const root = rootOf(request, options.reached);
  const host = new URL(root).hostname;
  if (!isLocal || !isLoopback(host) || headers.origin !== root) {
    throw new Refusal('not_authorized', 'The link works in a browser on the machine of the server only.');
  }
  const body = linkBody.safeParse(jsonOf(request));
  const person = body.success ? redeem(body.data.secret) : undefined;
  if (person === undefined) throw new Refusal('login_failed', 'This link was used before or is too old.');
  return person;
}

/** Keeps what must come back with the provider's answer in the browser. */
export function keepFlow(
  { callers, flowCookie }: LoginOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  sealed: string,
  crossSitePost: boolean,
): void {
  callers.setCookie(request, reply, flowCookie, sealed, { maxAgeSeconds: FLOW_SECONDS, crossSitePost });
}

/** What this browser began. Its cookie goes; whether it ended before is certain once it is ended. */
export async function takeFlow(
  { callers, flowCookie }: LoginOptions,
  flows: LoginFlows,
  kind: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<BegunFlow | undefined> {
  const cookie = callers.cookies(request).get(flowCookie);
  if (cookie !== undefined) callers.setCookie(request, reply, flowCookie, '', { maxAgeSeconds: 0 });
  return flows.begun(kind, cookie);
}

export function redirect(reply: FastifyReply, location: string, status: 302 | 303 = 302): FastifyReply {
  return reply.headers(DATA_HEADERS).redirect(location, status);
}

export function sendJson(reply: FastifyReply, value: object): FastifyReply {
  return reply
    .headers(DATA_HEADERS)
    .header('content-type', 'application/json')
    .send(Buffer.from(JSON.stringify(value)));
}

/** The query as it came, without the question mark. */
export function queryOf(request: FastifyRequest): string {
  const url = request.raw.url ?? '';
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}

/** The fields of a form; undefined when the body is none. */
export function formOf(request: FastifyRequest): URLSearchParams | undefined {
  if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '')) return undefined;
  return new URLSearchParams(Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');
}

/** @throws Refusal `invalid_json` */
export function jsonOf(request: FastifyRequest): unknown {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) throw new Refusal('invalid_json');
  try {
    return JSON.parse(Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '');
  } catch (error) {
    throw new Refusal('invalid_json', undefined, { cause: error });
  }
}

/** Where to go after the login, as asked for by `?next=`. */
function nextOf(request: FastifyRequest): string {
  return localPath(new URLSearchParams(queryOf(request)).get('next'));
}
