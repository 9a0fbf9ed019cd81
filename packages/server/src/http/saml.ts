import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { localPath } from '../auth/local-path.js';
import { Refusal } from '../domain/refusal.js';
import type { LoginOptions, SamlModule } from './login-options.js';
import { finishLogin, keepFlow, lastFlow, loginFailed, logOut, takeFlow } from './login-session.js';
import { PAGE, redirect, sendJson } from './replies.js';
import { formOf, nextOf, queryOf } from './request-data.js';
import { DATA_HEADERS } from './security.js';

/** How long a logout request is remembered. An older one is not accepted. */
const LOGOUT_MEMORY_SECONDS = 3600;

/**
 * Registers the `/v1/saml/` routes. compat: under another login module the logout works all the same, `debug` says that
 * it is off, and the other routes do not exist.
 */
export function registerSaml(server: FastifyInstance, options: LoginOptions): void {
  const { module } = options;
  const saml = (): SamlModule => {
    if (module.kind !== 'saml') throw new Refusal('not_found');
    return module;
  };
  server.get('/v1/saml/metadata', async (_request, reply) =>
    reply.headers(DATA_HEADERS).header('content-type', 'text/xml; charset=utf-8').send(saml().provider.metadata()),
  );
  server.get('/v1/saml/login', PAGE, (request, reply) => beginSaml(options, saml(), request, reply));
  server.post('/v1/saml/consume', PAGE, (request, reply) => consume(options, saml(), request, reply));
  server.get('/v1/saml/logout', PAGE, (request, reply) => logout(options, request, reply));
  server.get('/v1/saml/debug', async (request, reply) => {
    if (module.kind !== 'saml' || module.debug === null) {
      throw new Refusal('not_authorized', 'Cannot display /debug, not in DEBUG mode.');
    }
    // A token does too: this is for administrators whose SAML login does not work.
    await options.authentication.identify(request, reply, false);
    return sendJson(reply, module.debug);
  });
}

/** Sends the browser to the SAML identity provider. */
export async function beginSaml(
  options: LoginOptions,
  { provider, flows }: SamlModule,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { location, requestId } = await provider.begin();
  const sealed = await flows.begin('saml', { requestId }, nextOf(request));
  keepFlow(options, request, reply, { key: requestId, sealed, crossSitePost: true });
  return redirect(reply, location);
}

/** Takes the provider's response to a login. */
async function consume(
  options: LoginOptions,
  { provider, flows }: SamlModule,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const form = formOf(request);
  const responses = form?.getAll('SAMLResponse') ?? [];
  if (responses.length !== 1) throw loginFailed('the form has no single SAMLResponse');
  const key = provider.requestOf(responses[0]!);
  const begun =
    key === undefined
      ? await lastFlow(options, flows, 'saml', request)
      : await takeFlow(options, flows, { kind: 'saml', key }, request, reply);
  const { person, subject, assertionId, expiresAt } = await provider
    .consume(responses[0]!, begun?.data['requestId'])
    .catch((error: unknown) => {
      if (begun !== undefined) flows.failed(begun);
      throw error;
    });
  // A login that the provider started ends none that was begun here.
  const answered = key === undefined ? undefined : begun;
  if (answered !== undefined && !(await flows.end(answered))) throw loginFailed('no login was begun in this browser');
  const seconds = Math.max(1, expiresAt - options.now());
  if (!(await options.used.add(`assertion:${digest(assertionId)}`, '1', seconds))) {
    throw loginFailed('the assertion was used before');
  }
  await finishLogin(options, request, reply, person, { saml: subject });
  const asked = localPath(answered?.returnTo);
  return redirect(reply, asked === '/' ? localPath(form?.get('RelayState')) : asked);
}

/**
 * Single logout in both directions, and the plain logout of every login module. Without a message, this browser's
 * session ends, and then the provider's. A message is the provider's response to our logout, or its request to end
 * sessions because a logout began elsewhere.
 */
async function logout(options: LoginOptions, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { module } = options;
  const query = queryOf(request);
  const isMessage = /(^|&)SAML(Request|Response)=/.test(query);
  if (module.kind !== 'saml' || !isMessage) {
    // A page that is not this server's sent the browser here, so the person did not ask for it. Pages of sibling domains
    // and of other ports of this host count as the same site.
    const site = request.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return redirect(reply, '/');
    const subject = await logOut(options, request, reply);
    if (module.kind !== 'saml' || subject === undefined) return redirect(reply, '/loggedout');
    const begun = await module.provider.beginLogout(subject);
    if (begun === undefined) return redirect(reply, '/loggedout');
    const { requestId } = begun;
    const sealed = await module.flows.begin('saml-logout', { requestId }, '/loggedout');
    keepFlow(options, request, reply, { key: requestId, sealed });
    return redirect(reply, begun.location);
  }

  const message = await module.provider.receiveLogout(query);
  if (message.kind === 'answer') {
    const key = message.inResponseTo ?? '';
    const begun = await takeFlow(options, module.flows, { kind: 'saml-logout', key }, request, reply);
    const answers = begun !== undefined && begun.data['requestId'] === message.inResponseTo;
    if (!answers || !(await module.flows.end(begun))) {
      throw loginFailed('the logout response does not belong to a logout that this browser began');
    }
    return redirect(reply, '/loggedout');
  }
  // An unsigned request could be repeated under any other id: remembering it would only fill the memory.
  if (message.signed && !(await options.used.add(`logout:${digest(message.id)}`, '1', LOGOUT_MEMORY_SECONDS))) {
    throw loginFailed('the logout request was used before');
  }
  // Providers may send this request from a hidden frame, without our cookies, so all sessions that it is about end by
  // name.
  if (message.signed) await options.sessions?.endSaml(message.nameId, message.sessionIndex);
  // Even an unsigned request ends the session in this browser, if it names the person who is logged in.
  const loggedIn = await options.authentication.loggedIn(request, reply, true);
  if (loggedIn?.session?.saml?.nameId === message.nameId) await logOut(options, request, reply);
  return redirect(reply, message.answer ?? '/loggedout');
}

function digest(value: string): string {
  return createHash('sha256').update(value).digest('base64url');
}
