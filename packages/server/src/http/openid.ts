import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { localPath } from '../auth/local-path.js';
import type { LoginOptions, OpenIdModule } from './login-options.js';
import { finishLogin, keepFlow, loginFailed, takeFlow } from './login-session.js';
import { redirect } from './replies.js';
import { nextOf, queryOf } from './request-data.js';
import { rootOf } from './security.js';

const openIdFlow = z.object({ state: z.string(), nonce: z.string(), codeVerifier: z.string() });

/** `/v1/login` is where the login begins, and where the provider sends the browser back to (compat). */
export async function openIdLogin(
  options: LoginOptions,
  { provider, flows }: OpenIdModule,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const redirectUri = `${rootOf(request, options.transport)}/v1/login`;
  const query = new URLSearchParams(queryOf(request));
  if (!query.has('state') && !query.has('code') && !query.has('error')) {
    const { location, flow } = await provider.begin(redirectUri);
    const sealed = await flows.begin('openid', { ...flow }, nextOf(request));
    keepFlow(options, request, reply, { key: flow.state, sealed });
    return redirect(reply, location);
  }
  const key = query.get('state') ?? '';
  const begun = await takeFlow(options, flows, { kind: 'openid', key }, request, reply);
  const flow = openIdFlow.safeParse(begun?.data);
  const refused = loginFailed('no login was begun in this browser');
  if (begun === undefined || !flow.success) throw refused;
  const person = await provider.finish(new URL(`${redirectUri}?${query.toString()}`), flow.data);
  if (!(await flows.end(begun))) throw refused;
  await finishLogin(options, request, reply, person);
  return redirect(reply, localPath(begun.returnTo));
}
