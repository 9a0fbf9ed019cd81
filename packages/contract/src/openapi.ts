import { z } from 'zod';
import { blindCredential, mappedBlindCredential } from './blind-credentials.js';
import { credential, diff } from './credentials.js';
import { ERRORS } from './errors.js';
import { type Route, ROUTES } from './routes.js';
import { service } from './services.js';

type Schema = Record<string, unknown>;

/** Schemas that are listed under `components` and referred to by name. */
const NAMED = new Map<unknown, string>([
  [credential, 'Credential'],
  [service, 'Service'],
  [blindCredential, 'BlindCredential'],
  [mappedBlindCredential, 'MappedBlindCredential'],
  [diff, 'Diff'],
]);

/**
 * Makes an OpenAPI 3.1 document from the route table. The result is deterministic, so that the committed copy can be
 * compared with it.
 */
export function openApi(): Schema {
  const paths: Record<string, Record<string, Schema>> = {};
  for (const [id, route] of Object.entries<Route>(ROUTES)) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(id, route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Confidant',
      version: '1',
      description:
        'Credentials, the services they are mapped to, and what a service fetches. Numbers in credential pairs keep every digit they were written with.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ kmsToken: [] }, { session: [] }],
    paths,
    components: {
      securitySchemes: {
        kmsToken: {
          type: 'http',
          scheme: 'basic',
          description: 'User name `2/<user or service>/<name>` (or a bare service name) and a KMS auth token.',
        },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'confidant_session',
          description: 'A logged-in person; writes also carry the header X-XSRF-TOKEN.',
        },
      },
      responses: Object.fromEntries(ERROR_STATUSES.map((status) => [String(status), errorResponse(status)])),
      schemas: {
        ...Object.fromEntries([...NAMED].map(([schema, name]) => [name, jsonSchema(schema as z.ZodType, 'output')])),
        Error: {
          type: 'object',
          required: ['error'],
          properties: {
            error: { type: 'string', description: 'What went wrong, for people.' },
            reference: { type: 'string', description: 'The id that the error is about.' },
            conflicts: {
              type: 'object',
              description: 'Keys that mapped credentials share, and the credentials that have them.',
            },
          },
        },
      },
    },
  };
}

function operation(id: string, route: Route): Schema {
  const parameters = [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')];
  return {
    operationId: id,
    summary: route.summary,
    ...(route.access === 'anyone' && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && {
      requestBody: {
        required: route.bodyOptional !== true,
        content: { 'application/json': { schema: jsonSchema(route.body, 'input') } },
      },
    }),
    responses: {
      '200': {
        description: 'Done.',
        content: { 'application/json': { schema: referenceTo(route.response) } },
      },
      ...errorResponses(route),
    },
  };
}

/** The error statuses that a route can respond with. */
function errorResponses(route: Route): Schema {
  const statuses = new Set([500, 503]);
  if (route.params) statuses.add(404);
  if (route.params || route.query || route.body) statuses.add(400);
  if (route.access === 'principal') for (const status of [401, 403]) statuses.add(status);
  if (route.write) for (const status of [401, 403, 409]) statuses.add(status);
  if (route.body) statuses.add(413);
  return Object.fromEntries(
    [...statuses].sort((a, b) => a - b).map((status) => [String(status), { $ref: `#/components/responses/${status}` }]),
  );
}

const ERROR_STATUSES = [...new Set(Object.values(ERRORS).map(({ status }) => status as number))].sort((a, b) => a - b);

function errorResponse(status: number): Schema {
  const codes = Object.entries(ERRORS).flatMap(([code, error]) => (error.status === status ? [code] : []));
  return {
    description: codes.join(', '),
    headers: {
      'X-Confidant-Error': { description: 'The code of the error.', schema: { type: 'string' } },
      'X-Request-Id': { description: 'The id of the request in the log.', schema: { type: 'string' } },
    },
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  };
}

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query'): Schema[] {
  if (schema === undefined) return [];
  const { properties = {} } = jsonSchema(schema, 'input') as { properties?: Record<string, Schema> };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: property,
  }));
}

function referenceTo(schema: z.ZodType): Schema {
  const name = NAMED.get(schema);
  return name === undefined ? jsonSchema(schema, 'output') : { $ref: `#/components/schemas/${name}` };
}

/** Schemas that JSON Schema cannot express are described by their `meta`, which takes precedence. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Schema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema: made, path }) => {
      const name = path.length > 0 ? NAMED.get(zodSchema) : undefined;
      if (name !== undefined) {
        for (const key of Object.keys(made)) delete (made as Schema)[key];
        made.$ref = `#/components/schemas/${name}`;
        return;
      }
      const { secret, ...meta } = z.globalRegistry.get(zodSchema) ?? {};
      Object.assign(made, meta, secret === true && { 'x-secret': true });
      delete (made as Schema)['secret'];
      // Responses may get more fields, and unknown fields in requests are ignored.
      if (made.additionalProperties === false) delete made.additionalProperties;
    },
  });
  return rest;
}
