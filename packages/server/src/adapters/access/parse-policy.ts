import { isAlias, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import type { AccessRequest, Acl } from '../../domain/acl.js';
import { anyOf, BadPattern, compilePattern, type Pattern } from '../../domain/patterns.js';
import type { CredentialCondition, Policy, Rule } from '../../domain/policy.js';

/** One fault of a policy, and its place. */
export interface PolicyFault {
  /** The line, counted from 1; undefined when the fault has no particular place. */
  line: number | undefined;
  /** The place in the document, like `rules[2].resource.tag`; empty for the whole. */
  path: string;
  problem: string;
}

/** A policy cannot be used; the message lists every fault. */
export class BadPolicy extends Error {
  override readonly name = 'BadPolicy';
  constructor(
    file: string,
    readonly faults: readonly PolicyFault[],
  ) {
    const lines = faults.map(({ line, path, problem }) => {
      const place = [line === undefined ? '' : `line ${line}`, path].filter((part) => part !== '').join(', ');
      return `\n  ${place === '' ? '' : `${place}: `}${problem}`;
    });
    super(`${file} is not an access policy:${lines.join('')}`);
  }
}

export const MAX_POLICY_BYTES = 1024 * 1024;
const MAX_RULES = 1000;
const MAX_PATTERNS = 200;

type ResourceType = AccessRequest['resourceType'];
// These are records, so that a new type or action does not compile until it is added here.
const TYPES: Record<ResourceType, true> = {
  credential: true,
  blind_credential: true,
  service: true,
  certificate: true,
  ca: true,
  jwt: true,
};
const ACTIONS: Record<AccessRequest['action'], true> = {
  list: true,
  metadata: true,
  get: true,
  create: true,
  update: true,
  revert: true,
  archive: true,
};

/** A pattern or a list of patterns. A union of schemas would hide which pattern of a list is wrong, and why. */
const patterns = z.unknown().transform((value, context): Pattern => {
  const sources: unknown[] = Array.isArray(value) ? value : [value];
  const compiled: Pattern[] = [];
  for (const [index, source] of sources.entries()) {
    try {
      if (typeof source !== 'string') throw new BadPattern('expected a pattern, as text');
      compiled.push(compilePattern(source));
    } catch (error) {
      if (!(error instanceof BadPattern)) throw error;
      const path = Array.isArray(value) ? [index] : [];
      context.addIssue({ code: 'custom', path, message: error.message });
    }
  }
  if (sources.length === 0 || sources.length > MAX_PATTERNS) {
    context.addIssue({ code: 'custom', message: `expected 1 to ${MAX_PATTERNS} patterns` });
  }
  return anyOf(compiled);
});

/** Groups of people are in Unicode's composed form, so their patterns are too. */
const groupPatterns = z.preprocess(composed, patterns);

function composed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(composed);
  return typeof value === 'string' ? value.normalize('NFC') : value;
}

function words<Word extends string>(known: Record<Word, true>) {
  const word = z.enum(Object.keys(known) as [Word, ...Word[]]);
  return z.union([word, z.array(word).min(1)], {
    error: `expected one or a list of: ${Object.keys(known).join(', ')}`,
  });
}

const credential = { id: patterns.optional(), name: patterns.optional(), tag: patterns.optional() };

const ruleSchema = z
  .strictObject({
    name: z.string().min(1).max(200),
    effect: z.enum(['allow', 'deny']),
    principal: z
      .strictObject({
        type: z.enum(['user', 'service']).optional(),
        name: patterns.optional(),
        group: groupPatterns.optional(),
        account: patterns.optional(),
      })
      .optional(),
    action: z.union([z.literal('*'), words(ACTIONS)], {
      error: `expected "*", or one or a list of: ${Object.keys(ACTIONS).join(', ')}`,
    }),
    resource: z.strictObject({
      type: z.union([z.literal('*'), words(TYPES)], {
        error: `expected "*", or one or a list of: ${Object.keys(TYPES).join(', ')}`,
      }),
      own: z.literal(true).optional(),
      ca: patterns.optional(),
      environment: patterns.optional(),
      ...credential,
    }),
    adds: z.strictObject(credential).optional(),
  })
  .superRefine(({ resource, adds }, context) => {
    const types = resource.type === '*' ? Object.keys(TYPES) : [resource.type].flat();
    const only = (path: string[], ...possible: ResourceType[]): void => {
      if (types.every((type) => possible.includes(type as ResourceType))) return;
      const message = `possible only when resource.type is ${possible.join(' or ')}`;
      context.addIssue({ code: 'custom', path, message });
    };
    if (resource.name !== undefined) only(['resource', 'name'], 'credential', 'blind_credential');
    if (resource.tag !== undefined) only(['resource', 'tag'], 'credential');
    if (resource.ca !== undefined) only(['resource', 'ca'], 'certificate');
    if (resource.environment !== undefined) only(['resource', 'environment'], 'jwt');
    if (adds !== undefined) only(['adds'], 'service');
  });

const policySchema = z
  .strictObject({
    version: z.literal(1),
    include: z.literal('default').optional(),
    rules: z.array(ruleSchema).max(MAX_RULES),
  })
  .superRefine(({ rules }, context) => {
    const names = new Set<string>();
    for (const [index, { name }] of rules.entries()) {
      if (names.has(name)) {
        context.addIssue({ code: 'custom', path: ['rules', index, 'name'], message: 'another rule has this name' });
      }
      names.add(name);
    }
  });

/** Reads a policy. Throws {@link BadPolicy} with all of its faults. `included` is what `include: default` means. */
export function parsePolicy(text: string, included: Acl, file = 'the text'): Policy {
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES) {
    throw new BadPolicy(file, [{ line: undefined, path: '', problem: `larger than ${MAX_POLICY_BYTES} bytes` }]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  if (document.errors.length > 0) {
    const faults = document.errors.map(({ pos, message }) => ({
      line: lines.linePos(pos[0]).line,
      path: '',
      problem: `this is not YAML: ${message}`,
    }));
    throw new BadPolicy(file, faults);
  }
  const { data, error } = policySchema.safeParse(toPlain(document, file));
  if (error) {
    const faults = error.issues.map(({ path, message }) => ({
      line: lineOf(document, lines, path),
      path: path.reduce<string>(
        (place, key) =>
          typeof key === 'number' ? `${place}[${key}]` : `${place}${place === '' ? '' : '.'}${String(key)}`,
        '',
      ),
      problem: message,
    }));
    throw new BadPolicy(file, faults);
  }
  return {
    rules: data.rules.map(toRule),
    ...(data.include && { otherwise: { name: 'the included default', acl: included } }),
  };
}

function toPlain(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new BadPolicy(file, [{ line: undefined, path: '', problem: (error as Error).message }]);
  }
}

/** The line of the innermost part of the path that the text contains. */
function lineOf(document: Document.Parsed, lines: LineCounter, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    const range = typeof node === 'object' && node !== null && !isAlias(node) && (node as { range?: number[] }).range;
    if (range) return lines.linePos(range[0]!).line;
  }
  return undefined;
}

type ParsedRule = z.infer<typeof ruleSchema>;

function toRule({ name, effect, principal, action, resource, adds }: ParsedRule): Rule {
  const { type, own, ca, environment } = resource;
  return {
    name,
    effect,
    principal: {
      ...(principal?.type && { type: principal.type }),
      ...optionalField('name', principal?.name),
      ...optionalField('group', principal?.group),
      ...optionalField('account', principal?.account),
    },
    ...(action !== '*' && { actions: new Set([action].flat()) }),
    resource: {
      ...(type !== '*' && { types: new Set([type].flat()) }),
      ...(own && { own }),
      ...optionalField('ca', ca),
      ...optionalField('environment', environment),
      ...toCondition(resource),
    },
    ...(adds && { adds: toCondition(adds) }),
  };
}

function toCondition({
  id,
  name,
  tag,
}: Partial<Record<'id' | 'name' | 'tag', Pattern | undefined>>): CredentialCondition {
  return { ...optionalField('id', id), ...optionalField('name', name), ...optionalField('tag', tag) };
}

function optionalField<Key extends string>(key: Key, value: Pattern | undefined): { [K in Key]?: Pattern } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: Pattern };
}
