import type { FastifyReply } from 'fastify';
import { DATA_HEADERS } from './security.js';

/** Options of a route for its replies. */
export interface PageConfig {
  /** Browsers get a page, for errors too. */
  page?: boolean;
}

export const PAGE: { config: PageConfig } = { config: { page: true } };

export function redirect(reply: FastifyReply, location: string, status: 302 | 303 = 302): FastifyReply {
  return reply.headers(DATA_HEADERS).redirect(location, status);
}

export function sendJson(reply: FastifyReply, value: object): FastifyReply {
  return reply
    .headers(DATA_HEADERS)
    .header('content-type', 'application/json')
    .send(Buffer.from(JSON.stringify(value)));
}
