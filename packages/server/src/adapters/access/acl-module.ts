import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { AccessRequest, Acl } from '../../domain/acl.js';

/**
 * The argument of an ACL module's function. compat: it holds the arguments of the original's hooks, and the principal,
 * which the original's functions had to ask for.
 */
export interface AclModuleArguments {
  resource_type: string;
  action: string;
  resource_id: string | null;
  kwargs: Readonly<Record<string, unknown>>;
  principal: { name: string; type: 'user' | 'service'; account: string | null; groups: readonly string[] };
}

export interface AclModuleOptions {
  /** `./acl.mjs:check`: a file, and the function it exports. */
  spec: string;
  /** The directory that relative paths start from. */
  directory: string;
  /** Time limit of a decision; one that takes longer denies. */
  timeoutMs?: number;
}

const SPEC = /^(?<file>.+\.(?:mjs|js|cjs)):(?<name>[A-Za-z_$][\w$]*)$/;

/**
 * Loads the operator's own ACL. Rejects, with a text for the operator, when the file or function does not exist. Only
 * `true` allows: any other answer, an exception, a rejection and a missing answer deny. Nothing here can stop code that
 * never returns: it stops the server.
 */
export async function loadAclModule({ spec, directory, timeoutMs = 2000 }: AclModuleOptions): Promise<Acl> {
  const { file, name } = SPEC.exec(spec)?.groups ?? {};
  if (file === undefined || name === undefined) {
    throw new Error(`ACL_MODULE: expected a JavaScript file and a function in it, like ./acl.mjs:check`);
  }
  const path = resolve(directory, file);
  if (!(await stat(path).catch(() => undefined))?.isFile())
    throw new Error(`ACL_MODULE: the file ${path} does not exist`);
  const check = await exported(path, name);
  return async (request) => {
    const answer: unknown = check(argumentsOf(request));
    return (isThenable(answer) ? await withinTime(answer, timeoutMs) : answer) === true;
  };
}

async function exported(path: string, name: string): Promise<(request: AclModuleArguments) => unknown> {
  let module: Record<string, unknown> & { default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as typeof module;
  } catch (error) {
    throw new Error(`ACL_MODULE: ${path} cannot be loaded: ${(error as Error).message}`, { cause: error });
  }
  // The exports of a CommonJS module may be found only under `default`.
  const found = module[name] ?? (module.default as Record<string, unknown> | undefined)?.[name];
  if (typeof found !== 'function') throw new Error(`ACL_MODULE: ${path} does not export a function ${name}`);
  return found as (request: AclModuleArguments) => unknown;
}

/** The arguments are copies, so that the function cannot change what is decided on. */
function argumentsOf(request: AccessRequest): AclModuleArguments {
  const { resourceType, action, resourceId } = request;
  const { name, type, account, groups } = request.principal;
  return {
    resource_type: resourceType,
    action,
    resource_id: resourceId ?? null,
    kwargs: kwargsOf(request),
    principal: { name, type, account, groups: [...groups] },
  };
}

/**
 * The arguments under the names of the original's hooks (compat). `new_credential_ids` is there only where the original
 * passes it.
 */
function kwargsOf({ mapping, certificate, jwt }: AccessRequest): Record<string, unknown> {
  return {
    ...(mapping && { credential_ids: [...mapping.ids] }),
    ...(mapping?.added && { new_credential_ids: [...mapping.added] }),
    ...(certificate && { ca: certificate.ca, san: [...certificate.alternativeNames] }),
    ...(jwt && { id: jwt.subject, environment: jwt.environment }),
  };
}

const KWARGS = {
  service: z
    .strictObject({ credential_ids: z.array(z.string()), new_credential_ids: z.array(z.string()).optional() })
    .transform(({ credential_ids: ids, new_credential_ids: added }) => ({ mapping: { ids, ...(added && { added }) } })),
  certificate: z
    .strictObject({ ca: z.string(), san: z.array(z.string()).default([]) })
    .transform(({ ca, san }) => ({ certificate: { ca, alternativeNames: san } })),
  jwt: z
    .strictObject({ id: z.string(), environment: z.string() })
    .transform(({ id, environment }) => ({ jwt: { subject: id, environment } })),
};

/**
 * Turns arguments of the original's hooks back into the part of a request that they describe: the inverse of {@link
 * kwargsOf}.
 *
 * @throws Error with a text for the operator when the type of resource does not have such arguments
 */
export function requestFromKwargs(
  resourceType: AccessRequest['resourceType'],
  kwargs: unknown,
): Pick<AccessRequest, 'mapping' | 'certificate' | 'jwt'> {
  const schema = (KWARGS as Partial<Record<string, z.ZodType<ReturnType<typeof requestFromKwargs>>>>)[resourceType];
  const parsed = (schema ?? z.strictObject({})).safeParse(kwargs);
  if (parsed.success) return parsed.data;
  throw new Error(z.prettifyError(parsed.error));
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

async function withinTime(answer: PromiseLike<unknown>, timeoutMs: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the ACL module gave no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
