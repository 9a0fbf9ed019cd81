import { randomUUID } from 'node:crypto';
import { ERRORS, openApi, type Route, type RouteId, ROUTES, stringifyJson } from '@confidant/contract';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Principal } from '../domain/principal.js';
import { Refusal } from '../domain/refusal.js';
import { AllowedMethods } from './allowed-methods.js';
import { registerCliLogin } from './cli-login.js';
import { errorResponse } from './errors.js';
import type { Handlers } from './handlers.js';
import { registerLogin } from './login.js';
import type { LoginOptions } from './login-options.js';
import { html, sendPage } from './pages.js';
import { parseBody, parseParams, parseQuery } from './parse.js';
import type { PageConfig } from './replies.js';
import { registerSaml } from './saml.js';
import { DATA_HEADERS, registerTransport } from './security.js';
import { registerSite } from './site.js';
import { boundStrangersBodies, MAX_STRANGERS_BODY_BYTES } from './strangers-bodies.js';
import { guardConnections } from '../net/guard-connections.js';
import { registerWebApp, type WebApp } from './web-app.js';

export interface HttpOptions {
  handlers: Handlers;
  /** How requests are authenticated, and how people log in. */
  login: LoginOptions;
  /** CUSTOM_FRONTEND_DIRECTORY; empty means none. */
  customDirectory: string;
  webApp: WebApp;
  inMaintenance: () => boolean;
  logger: Logger;
  maxBodyBytes: number;
  requestTimeoutMs: number;
  /** Addresses of trusted proxies; `true` means any. */
  trustProxy: string[] | boolean;
  /** Rejects while a backend is out of reach. */
  ready: () => Promise<void>;
  /** Called after every response, for metrics. */
  onResponse?: (response: { method: string; route: string | null; status: number; milliseconds: number }) => void;
}

/** A client may name its request, so that its log lines and ours can be matched. */
const REQUEST_ID = /^[\w.-]{8,64}$/;

const LATE_CHECK_INTERVAL_MS = 1000;
/**
 * Maximum number of connections: each costs memory, even a silent one, and one process could not serve more at once.
 */
const MAX_CONNECTIONS = 4096;
/** A connection on which nothing moves for this long ends, also while a request is being processed. */
const INACTIVITY_MS = 120_000;

/** The HTTP server over the route table, not yet listening. */
export function httpServer(options: HttpOptions): FastifyInstance {
  const server = fastify({
    logger: false,
    bodyLimit: Math.min(options.maxBodyBytes, MAX_STRANGERS_BODY_BYTES),
    requestTimeout: options.requestTimeoutMs,
    // By default Node looks for late requests only every 30 seconds.
    http: { headersTimeout: options.requestTimeoutMs, connectionsCheckingInterval: LATE_CHECK_INTERVAL_MS },
    connectionTimeout: INACTIVITY_MS,
    keepAliveTimeout: 75_000,
    trustProxy: options.trustProxy,
    routerOptions: { maxParamLength: 1024, ignoreTrailingSlash: false },
    // When the server stops, idle connections end at once and the others after their request.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    genReqId: (request) => {
      const clientId = request.headers['x-request-id'];
      return typeof clientId === 'string' && REQUEST_ID.test(clientId) ? clientId : randomUUID();
    },
    frameworkErrors: (error, request, reply) => void sendError(options, error, request, reply),
    clientErrorHandler: (_error, socket) => {
      const body = JSON.stringify({ error: ERRORS.invalid_request.text });
      if (socket.writable) {
        socket.end(
          `HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        );
      }
      socket.destroySoon?.();
    },
  });

  guardConnections(server.server, MAX_CONNECTIONS);

  const methods = new AllowedMethods();
  server.addHook('onRoute', ({ method, url }) => {
    // HEAD comes with every GET and needs no mention.
    for (const name of [method].flat()) if (name !== 'HEAD') methods.add(name, url);
  });
  // Bodies stay bytes until a route with a schema asks for JSON.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.addHook('onResponse', (request, reply, done) => {
    logRequest(options.logger, request, reply);
    options.onResponse?.({
      method: request.method,
      route: request.routeOptions.url ?? null,
      status: reply.statusCode,
      milliseconds: reply.elapsedTime,
    });
    done();
  });
  server.setErrorHandler((error, request, reply) => sendError(options, error, request, reply));
  const sendUnknown = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const allowed = methods.of(request.url.split('?', 1)[0]!);
    if (allowed.length > 0) reply.header('allow', allowed.join(', '));
    return sendError(
      options,
      new Refusal(allowed.length > 0 ? 'method_not_allowed' : 'route_not_found'),
      request,
      reply,
    );
  };
  server.setNotFoundHandler(sendUnknown);

  registerTransport(server, options.login.transport);
  // Before bodies are read: the framework demands a content type of QUERY, a method that no route here has.
  server.addHook('onRequest', (request, reply, done) => {
    if (request.is404) sendUnknown(request, reply);
    else done();
  });
  boundStrangersBodies(server);
  for (const id of Object.keys(ROUTES) as RouteId[]) serve(server, id, options);
  registerLogin(server, options.login);
  registerSaml(server, options.login);
  registerCliLogin(server, options.login);
  registerSite(server, options.login, options.customDirectory);
  registerWebApp(server, options.login, options.webApp);
  const description = Buffer.from(JSON.stringify(openApi()));
  server.get('/v1/openapi.json', (_request, reply) =>
    reply.headers(DATA_HEADERS).header('content-type', 'application/json').send(description),
  );
  // Live: the process responds. Ready: its backends do too.
  server.get('/healthcheck', (_request, reply) => reply.headers(DATA_HEADERS).send(''));
  server.get('/healthcheck/live', (_request, reply) => reply.headers(DATA_HEADERS).send(''));
  server.get('/healthcheck/ready', async (_request, reply) => {
    await options.ready();
    return reply.headers(DATA_HEADERS).send('');
  });
  return server;
}

function serve(server: FastifyInstance, id: RouteId, options: HttpOptions): void {
  const route: Route = ROUTES[id];
  const handler = options.handlers[id] as (request: unknown) => Promise<unknown>;
  server.route({
    method: route.method,
    url: route.path,
    ...(route.access !== 'anyone' && {
      bodyLimit: options.maxBodyBytes,
      // Before the body is read: strangers make the server buffer nothing.
      onRequest: async (request: FastifyRequest, reply: FastifyReply) => {
        (request as Annotated).principal = await options.login.authentication.identify(request, reply, route.write);
      },
    }),
    handler: async (request, reply) => {
      const principal = route.access === 'anyone' ? ANYONE : (request as Annotated).principal;
      if (principal === undefined) throw new Refusal('unauthenticated');
      if (route.write && options.inMaintenance()) throw new Refusal('maintenance');
      const result = await handler({
        caller: { principal, requestId: request.id },
        params: parseParams(route, request.params),
        query: parseQuery(route, request.query),
        body: parseBody(route, request.headers['content-type'], request.body as Buffer | undefined),
      });
      return reply
        .headers(DATA_HEADERS)
        .header('x-request-id', request.id)
        .header('content-type', 'application/json')
        .serializer(asIs)
        .send(stringifyJson(result));
    },
  });
}

/**
 * A serializer that sends text unchanged, in one write with the head. Without one the framework adds a charset to the
 * content type; compat: it is plain application/json.
 */
const asIs = (text: unknown): string => text as string;

/** The caller of routes without authentication. No policy gives anything to its empty name. */
const ANYONE: Principal = { name: '', type: 'service', account: null, groups: [], authenticatedBy: 'none' };

type Annotated = FastifyRequest & { principal?: Principal; failure?: { code: string; error: unknown } };

function sendError(options: HttpOptions, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const response = errorResponse(error);
  (request as Annotated).failure = { code: response.code, error };
  if (response.isServerFault)
    options.logger.error({ requestId: request.id, code: response.code, err: error }, 'request failed');
  if (response.code === 'login_failed') options.logger.warn({ requestId: request.id, err: error }, 'a login failed');
  reply.headers(response.headers).header('x-request-id', request.id);
  // With the Basic scheme a browser would ask its user for a password, which people do not have here.
  const isBrowser = request.headers['sec-fetch-site'] !== undefined || response.code === 'login_failed';
  if (response.status === 401 && isBrowser) reply.header('www-authenticate', 'Session realm="Confidant"');
  const { page } = request.routeOptions.config as PageConfig;
  const isPage = page === true || (response.status === 404 && !/^\/v1(?:\/|$)/.test(request.url));
  if (isPage && (request.headers.accept ?? '').includes('text/html')) {
    if (response.status === 404) return sendNothingHere(reply);
    return sendPage(
      reply,
      response.status,
      'Something went wrong',
      html`<p role="alert">${response.body.error}</p>
        <p><a class="action" href="/v1/login">Log in</a></p>`,
    );
  }
  return reply
    .code(response.status)
    .headers(DATA_HEADERS)
    .header('content-type', 'application/json')
    .serializer(asIs)
    .send(JSON.stringify(response.body));
}

/** For somebody who followed an address that leads nowhere. */
function sendNothingHere(reply: FastifyReply): FastifyReply {
  return sendPage(
    reply,
    404,
    'There is nothing here',
    html`<p>The address may be mistyped.</p>
      <p><a class="action" href="/">To the credentials</a></p>`,
  );
}

/** Writes one line for a request, with the route's pattern: the address could hold anything that a client mistyped. */
function logRequest(logger: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const { principal, failure } = request as Annotated;
  logger.info(
    {
      requestId: request.id,
      method: request.method,
      route: request.routeOptions.url ?? null,
      status: reply.statusCode,
      milliseconds: Math.round(reply.elapsedTime * 1000) / 1000,
      remoteAddress: request.ip,
      ...(principal !== undefined && { principal: principal.name }),
      ...(failure !== undefined && { code: failure.code }),
    },
    'request',
  );
}
