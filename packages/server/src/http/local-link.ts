import { isLoopback } from '@confidant/contract';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Person } from '../domain/person.js';
import { Refusal } from '../domain/refusal.js';
import type { LocalModule, LoginOptions } from './login-options.js';
import { jsonOf } from './request-data.js';
import { rootOf } from './security.js';

const linkBody = z.object({ secret: z.string().min(20).max(200) });

/**
 * The person of the one-time link. The secret is accepted only from a page of this server on this machine: the peer is
 * loopback and not a proxy, and both Host and Origin are loopback addresses, not names that resolve to one.
 *
 * @throws Refusal `not_authorized` for requests from elsewhere, `login_failed` for a secret that is not the link's
 */
export function redeemLink({ transport }: LoginOptions, { redeem }: LocalModule, request: FastifyRequest): Person {
  const { socket, headers } = request;
  const isLocal = isLoopback(socket.remoteAddress ?? '') && headers['x-forwarded-for'] === undefined;
  const root = rootOf(request, transport);
  if (!isLocal || !isLoopback(new URL(root).hostname) || headers.origin !== root) {
    throw new Refusal('not_authorized', 'The link works only in a browser on the machine of the server.');
  }
  const body = linkBody.safeParse(jsonOf(request));
  const person = body.success ? redeem(body.data.secret) : undefined;
  if (person === undefined) throw new Refusal('login_failed', 'This link has been used or has expired.');
  return person;
}
