import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { ExactNumber } from '@confidant/contract/wire';
import type { Scalar } from '@confidant/contract';
import { FormatError } from './formatter.js';
import { FilterFault, FILTERS, kindOf } from './jinja-filters.js';
import type { JinjaValue } from './jinja-filters.js';
import { readTemplate } from './jinja-source.js';
import type { TemplateSource } from './jinja-source.js';

interface Node {
  readonly type: string;
}
/** Variables, which become the engine's values. */
interface Scope {
  set(name: string, value: unknown): JinjaValue;
}
interface Engine {
  run(program: Node): JinjaValue;
  evaluate(node: Node | undefined, scope: Scope): JinjaValue;
}
interface Name extends Node {
  type: 'Identifier';
  value: string;
}
interface Call extends Node {
  type: 'CallExpression';
  callee: Name;
  args: readonly Node[];
}
interface NamedArgument extends Node {
  type: 'KeywordArgumentExpression';
  key: Name;
  value: Node;
}
/** `operand|filter`, or a block of `filter` with its body. */
interface Filtering extends Node {
  filter: Name | Call;
  operand?: Node;
  body?: readonly Node[];
}

// Its own declarations have imports that this compiler does not follow.
const NewScope = Environment as new () => Scope;
const BaseEngine = Interpreter as new (scope: Scope) => Engine;
const parseTemplate = (text: string): Node => parse(tokenize(text, OPTIONS)) as Node;
/** Jinja's own defaults: line breaks and blanks around blocks stay. */
const OPTIONS = { lstrip_blocks: false, trim_blocks: false };

/** The filters that the engine has by itself. */
const OF_ENGINE = new Set(
  (
    'abs bool capitalize default dictsort float get indent int items join keys length list lower map rejectattr replace ' +
    'reverse safe selectattr sort string title tojson trim unique upper values'
  ).split(' '),
);
/** Jinja2's other names of these. */
const ALIASES: Readonly<Record<string, string>> = { d: 'default', count: 'length' };
/** After these, escaping has nothing to do. */
const MARKUP = new Set(['e', 'escape', 'forceescape', 'safe']);

/** As in Jinja2's sandbox. */
const MAX_RANGE = 100_000;
/** Steps of a template; a list that is made counts as many as it has items, a text one for 64 characters. */
const MAX_WORK = 1_000_000;
const MAX_TEXT = 8 * 1024 * 1024;
/** Of a template that are told of one fault. */
const MAX_LINES = 5;

/**
 * A Jinja template with `secrets`, the map of all pairs. Templates run no code, and what they make is bounded. Throws
 * {@link FormatError} with the template's fault, which holds no value.
 */
export function renderJinja(template: string, secrets: Record<string, Scalar>): string {
  const source = readTemplate(template);
  let program: Node;
  try {
    program = parseTemplate(source.text);
  } catch (error) {
    throw new FormatError(`the template is at fault: ${error instanceof Error ? error.message : 'failed'}`);
  }
  refuseUnknown(program, source);
  const scope = new NewScope();
  for (const [name, value] of Object.entries(GLOBALS)) scope.set(name, value);
  const plain = Object.entries(secrets).map(([key, value]) => [key, value instanceof ExactNumber ? value.text : value]);
  scope.set('secrets', Object.fromEntries(plain));
  try {
    return String(new BoundedEngine(scope, source).run(program).value);
  } catch (error) {
    if (error instanceof FormatError) throw error;
    // The engine's message may quote a value.
    throw new FormatError('the template failed while it was filled in');
  }
}

const GLOBALS = { true: true, True: true, false: false, False: false, none: null, None: null, range };

/** Python's, as a list. Throws {@link FormatError} for one that is too long. */
function range(first: unknown, second?: unknown, step: unknown = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (!isWhole(start) || !isWhole(stop) || !isWhole(step) || step === 0) throw new TypeError('range() takes numbers');
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > MAX_RANGE) throw new FormatError(`the template failed: range() makes at most ${MAX_RANGE} numbers`);
  return Array.from({ length }, (_, index) => start + index * step);
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** A value where the engine asks for an expression. */
class Given implements Node {
  readonly type = 'Given';
  constructor(readonly value: JinjaValue) {}
}

/** The engine with more filters, with a bound for what is made, and with the names of filters in its failures. */
class BoundedEngine extends BaseEngine {
  readonly #source: TemplateSource;
  #work = 0;

  constructor(scope: Scope, source: TemplateSource) {
    super(scope);
    this.#source = source;
  }

  override evaluate(node: Node | undefined, scope: Scope): JinjaValue {
    if (node instanceof Given) return node.value;
    this.#count(1);
    const value = isFiltering(node) ? this.#filter(node, scope) : super.evaluate(node, scope);
    if (!isAccess(node)) this.#count(sizeOf(value));
    return value;
  }

  #count(work: number): void {
    this.#work += work;
    if (this.#work <= MAX_WORK) return;
    throw new FormatError('the template does too much: its loops, lists and texts are bounded');
  }

  #filter({ filter, operand: before, body }: Filtering, scope: Scope): JinjaValue {
    const name = nameOf(filter);
    const block = { type: 'Program', body };
    const operand = this.evaluate(before ?? block, scope);
    const own = FILTERS.get(name);
    try {
      if (own === undefined) return super.evaluate(onEngine(filter, new Given(operand)), scope);
      if (MARKUP.has(name) && name !== 'forceescape' && isFiltering(before) && MARKUP.has(nameOf(before.filter))) {
        return operand;
      }
      const made = own(operand, ...this.#argumentsOf(filter, scope));
      return typeof made === 'object' ? made : new NewScope().set('made', made);
    } catch (error) {
      if (error instanceof FormatError) throw error;
      const how = filter.type === 'Identifier' ? '' : ' with these arguments';
      const fault = error instanceof FilterFault ? error.message : `does not take ${kindOf(operand)}${how}`;
      throw new FormatError(`the template failed: ${placeOf(name, this.#source)}the filter ${name} ${fault}`);
    }
  }

  #argumentsOf(filter: Name | Call, scope: Scope): [JinjaValue[], Map<string, JinjaValue>] {
    const given = filter.type === 'Identifier' ? [] : filter.args;
    const args: JinjaValue[] = [];
    const named = new Map<string, JinjaValue>();
    for (const node of given) {
      if (isNamed(node)) named.set(node.key.value, this.evaluate(node.value, scope));
      else args.push(this.evaluate(node, scope));
    }
    return [args, named];
  }
}

/** The same for a filter of the engine's own, by the name it has there. */
function onEngine(filter: Name | Call, operand: Node): Node {
  const name = nameOf(filter);
  const callee = { type: 'Identifier', value: ALIASES[name] ?? name };
  // The engine knows this one with parentheses only.
  const isCall = filter.type === 'CallExpression' || callee.value === 'default';
  const args = filter.type === 'CallExpression' ? filter.args : [];
  const node = {
    type: 'FilterExpression',
    operand,
    filter: isCall ? { type: 'CallExpression', callee, args } : callee,
  };
  return node;
}

/** Throws {@link FormatError} for a filter that is not there, whether the template comes to it or not, as Jinja2. */
function refuseUnknown(program: Node, source: TemplateSource): void {
  const known = [...OF_ENGINE, ...Object.keys(ALIASES), ...FILTERS.keys()].sort();
  for (const name of filtersIn(program)) {
    if (known.includes(name)) continue;
    const place = placeOf(name, source);
    throw new FormatError(
      `the template is at fault: ${place}there is no filter ${name}; there are ${known.join(', ')}`,
    );
  }
}

function* filtersIn(part: unknown): Generator<string> {
  if (typeof part !== 'object' || part === null) return;
  if (isFiltering(part)) yield nameOf(part.filter);
  const parts = part instanceof Map ? [...part].flat() : Object.values(part);
  for (const below of parts) yield* filtersIn(below);
}

function placeOf(filter: string, source: TemplateSource): string {
  const lines = source.linesOf(filter);
  if (lines.length === 0) return '';
  return `${lines.length === 1 ? 'line' : 'lines'} ${lines.slice(0, MAX_LINES).join(', ')}: `;
}

function nameOf(filter: Name | Call): string {
  return filter.type === 'Identifier' ? filter.value : filter.callee.value;
}

function isFiltering(node: unknown): node is Filtering {
  const { type } = (node ?? {}) as { type?: unknown };
  return type === 'FilterExpression' || type === 'FilterStatement';
}

function isNamed(node: Node): node is NamedArgument {
  return node.type === 'KeywordArgumentExpression';
}

/** What hands out a value that was there already. */
function isAccess(node: Node | undefined): boolean {
  return (
    node?.type === 'Identifier' || (node?.type === 'MemberExpression' && !(node as { computed?: boolean }).computed)
  );
}

function sizeOf({ value }: JinjaValue): number {
  if (typeof value === 'string') return value.length > MAX_TEXT ? MAX_WORK : Math.floor(value.length / 64);
  return Array.isArray(value) ? value.length : 0;
}
