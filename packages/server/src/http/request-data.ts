import type { FastifyRequest } from 'fastify';
import { localPath } from '../auth/local-path.js';
import { Refusal } from '../domain/refusal.js';

/** The query as it was sent, without the question mark. */
export function queryOf(request: FastifyRequest): string {
  const url = request.raw.url ?? '';
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}

/** The path on this server to go to after the login, as `?next=` asks; `/` for anything else. */
export function nextOf(request: FastifyRequest): string {
  return localPath(new URLSearchParams(queryOf(request)).get('next'));
}

/** The fields of a form; undefined when the body is not a form. */
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
