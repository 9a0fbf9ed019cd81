import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Refusal } from '../domain/refusal.js';

/** Largest body of a request that proves nothing before its body is read: a login, which a SAML response makes large. */
export const MAX_STRANGERS_BODY_BYTES = 512 * 1024;
/** As many of them are read at once. */
const MAX_AT_ONCE = 256;

type Annotated = FastifyRequest & { principal?: unknown };

/** Bounds what bodies of unauthenticated requests take of the memory, all connections together. */
export function boundStrangersBodies(server: FastifyInstance): void {
  const reading = new Set<FastifyRequest>();
  server.addHook('preParsing', (request, _reply, _payload, done) => {
    const { headers } = request;
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    if (!hasBody || (request as Annotated).principal !== undefined) return done();
    if (reading.size >= MAX_AT_ONCE) return done(new Refusal('too_many_requests'));
    reading.add(request);
    request.raw.once('close', () => reading.delete(request));
    done();
  });
  server.addHook('preHandler', (request, _reply, done) => {
    reading.delete(request);
    done();
  });
}
