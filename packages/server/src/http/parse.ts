import { isPlainObject, parseJson, type Route } from '@confidant/contract';
import type { z } from 'zod';
import { Refusal } from '../domain/refusal.js';

/** @throws Refusal `not_found` for path parameters that do not fit the schema (bug 2) */
export function parseParams(route: Route, params: unknown): unknown {
  if (route.params === undefined) return undefined;
  const parsed = route.params.safeParse(params);
  if (!parsed.success) throw new Refusal('not_found');
  return parsed.data;
}

/**
 * Reads the query. The first of a repeated parameter counts (compat) unless its schema is a list; unknown parameters are
 * ignored.
 */
export function parseQuery(route: Route, query: unknown): unknown {
  if (route.query === undefined) return undefined;
  const { shape } = route.query;
  const values = Object.entries(query as Record<string, string | string[]>)
    .filter(([name]) => Object.hasOwn(shape, name))
    .map(([name, value]) => [name, isList(shape[name]) ? [value].flat() : [value].flat()[0]]);
  return valid(route.query, Object.fromEntries(values));
}

function isList(schema: z.core.$ZodType | undefined): boolean {
  return (schema as z.ZodType | undefined)?.meta()?.['type'] === 'array';
}

/**
 * Reads the JSON body by the route's schema. Routes without a body ignore what is sent: clients send `null` on GET and PUT
 * (compat). Where a body is optional, a missing one, blanks, and JSON that is not an object count as none; anything else
 * that does not fit is refused, so that no condition in it is overlooked. Requiring the JSON content type keeps out forms
 * of foreign pages.
 */
export function parseBody(route: Route, contentType: string | undefined, body: Buffer | undefined): unknown {
  if (route.body === undefined) return undefined;
  if (route.bodyOptional === true && (body === undefined || isBlank(body))) return valid(route.body, undefined);
  if (!/^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(contentType ?? '')) throw new Refusal('invalid_json');
  const value = decode(body);
  // compat: the original does not read an optional body, and old clients may send anything.
  return valid(route.body, route.bodyOptional === true && !isPlainObject(value) ? undefined : value);
}

function isBlank(body: Buffer): boolean {
  return body.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(body: Buffer | undefined): unknown {
  try {
    return parseJson(utf8.decode(body ?? Buffer.alloc(0)));
  } catch (error) {
    throw new Refusal('invalid_json', undefined, { cause: error });
  }
}

function valid(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Refusal('invalid_request', describe(parsed.error.issues[0]!, value));
}

/** Says which field is wrong and what is expected of it; never shows the value. */
function describe(issue: z.core.$ZodIssue, value: unknown): string {
  const field = issue.path.map(String).join('.');
  if (field === '') return 'The body must be a JSON object.';
  if (issue.code === 'custom' && issue.params?.['sentence'] === true) return issue.message;
  const actual = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
  if (actual === undefined) return `${field} is a required field`;
  return `${field}: ${issue.message}`;
}
