import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Refusal } from '../domain/refusal.js';
import { requireCsrfToken } from './authentication.js';
import { redeemLink } from './local-link.js';
import type { LoginOptions } from './login-options.js';
import { finishLogin, logOut, rememberNext, takeNext } from './login-session.js';
import { openIdLogin } from './openid.js';
import { PAGE, redirect, sendJson } from './replies.js';
import { formOf, jsonOf, nextOf } from './request-data.js';
import { beginSaml } from './saml.js';

const logoutBody = z.object({ everywhere: z.boolean().default(false) });

/** Registers `/v1/login` and `/v1/logout`, for every way to log in. */
export function registerLogin(server: FastifyInstance, options: LoginOptions): void {
  const { module, authentication } = options;

  const login = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    switch (module.kind) {
      case 'no-authentication':
        return redirect(reply, '/');
      case 'no-login':
        throw new Refusal('not_found', 'People cannot log in here: no login is configured.');
      case 'openid':
        return openIdLogin(options, module, request, reply);
      case 'saml':
        return beginSaml(options, module, request, reply);
      case 'header': {
        const loggedIn = await authentication.loggedIn(request, reply, true);
        if (loggedIn === undefined) throw new Refusal('unauthenticated');
        await finishLogin(options, request, reply, loggedIn.person);
        return redirect(reply, nextOf(request));
      }
    }
    rememberNext(options, request, reply, nextOf(request));
    return redirect(reply, '/login');
  };
  server.get('/v1/login', PAGE, login);
  server.post('/v1/login', PAGE, async (request, reply) => {
    if (module.kind !== 'local') return login(request, reply);
    const person = redeemLink(options, module, request);
    await finishLogin(options, request, reply, person);
    return sendJson(reply, { location: takeNext(options, request, reply) });
  });

  // A form can send no header, so the CSRF token of a logout may be one of its fields.
  server.post('/v1/logout', PAGE, async (request, reply) => {
    const form = formOf(request);
    const everywhere = form?.has('everywhere') ?? isEverywhere(request);
    const loggedIn = await authentication.loggedIn(request, reply, true);
    if (loggedIn !== undefined) {
      requireCsrfToken(loggedIn.session, request.headers['x-xsrf-token'] ?? form?.get('xsrf'));
      await logOut(options, request, reply, everywhere);
    } else if (everywhere) {
      // Other sessions may still be valid, so the response must not claim that they ended.
      throw new Refusal('unauthenticated');
    }
    return form === undefined ? sendJson(reply, { location: '/loggedout' }) : redirect(reply, '/loggedout', 303);
  });
}

/**
 * Whether a logout is meant for all sessions of the person, as its optional body says.
 *
 * @throws Refusal `invalid_json`, `invalid_request`
 */
function isEverywhere(request: FastifyRequest): boolean {
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) return false;
  const body = logoutBody.safeParse(jsonOf(request));
  if (!body.success) throw new Refusal('invalid_request', 'everywhere: must be true or false');
  return body.data.everywhere;
}
