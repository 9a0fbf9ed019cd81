import { runInNewContext } from 'node:vm';
import { Interpreter } from '@huggingface/jinja';
import type { Scalar } from '@confidant/contract';
import { FormatError } from '../formatter.js';
import { FILTERS } from './filters.js';
import { TEXT_METHODS } from './filters-texts.js';
import * as nodes from './nodes.js';
import type { Binary, Call, Filtering, Loop, Member, MethodCall, Node } from './nodes.js';
import { calculateFloat, calculateWhole, Fault } from './numbers.js';
import { readProgram } from './program.js';
import { faultInLine, readTemplate, type TemplateSource } from './source.js';
import { TESTS } from './predicates.js';
import * as values from './values.js';
import { TOO_MUCH, type JinjaValue, type Scope } from './values.js';

interface Engine {
  run(program: Node): JinjaValue;
  evaluate(node: Node | undefined, scope: Scope): JinjaValue;
  evaluateArguments(args: readonly Node[], scope: Scope): [JinjaValue[], Map<string, JinjaValue>];
  evaluateBlock(statements: readonly Node[], scope: Scope): JinjaValue;
}

// Its own declarations have imports that this compiler does not follow, and keep private what is changed here.
const BaseEngine = Interpreter as unknown as new (scope: Scope) => Engine;

/** As in Jinja2's sandbox. */
const MAX_RANGE = 100_000;
/** Of lists, and texts of 64 characters, that are made on the way. */
const MAX_MADE = 1_000_000;

export interface RenderOptions {
  /** Milliseconds. */
  timeout: number;
  /** To print, or filter, what is not defined is a fault: Jinja2's `StrictUndefined`. Default: it is nothing. */
  isStrict?: boolean;
}

/**
 * A Jinja template with `secrets`, the map of all pairs. Templates run no code, and what they make is bounded. Throws
 * {@link FormatError} with the template's fault, which holds no value.
 */
export function renderJinja(
  template: string,
  secrets: Record<string, Scalar>,
  { timeout, isStrict = false }: RenderOptions,
): string {
  try {
    // The context is of no use but for its limit of time, which holds for all that is called from there.
    return runInNewContext('work()', { work: () => render(template, secrets, isStrict) }, { timeout }) as string;
  } catch (error) {
    throw error instanceof FormatError ? error : new FormatError(reasonOf(error, timeout));
  }
}

function reasonOf(error: unknown, timeout: number): string {
  // This one is of the other context.
  if ((error as { code?: unknown } | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
    return `the template takes more than ${timeout / 1000} seconds`;
  }
  const isDeep = error instanceof RangeError && error.message.includes('call stack');
  return isDeep ? 'the template is nested too deeply' : 'the template failed while it was filled in';
}

function render(template: string, secrets: Record<string, Scalar>, isStrict: boolean): string {
  const source = readTemplate(template);
  const program = readProgram(source);
  refuseUnknown(program, source);
  const scope = new values.NewScope();
  for (const [name, value] of Object.entries(GLOBALS)) scope.set(name, value);
  scope.setVariable('secrets', values.mapOfPairs(secrets));
  const engine = new BoundedEngine(scope, isStrict);
  try {
    return values.textOf(engine.run(program));
  } catch (error) {
    if (!(error instanceof Error) || error instanceof FormatError || error instanceof RangeError) throw error;
    // Other errors' own words may quote a value.
    throw engine.failure(error instanceof Fault ? error.message : 'it can not be filled in');
  }
}

function isWholeName(name: string): boolean {
  return /^[-+]?\d/.test(name);
}

const GLOBALS = { true: true, True: true, false: false, False: false, none: null, None: null, range };

/** Python's, as a list. Throws {@link Fault} for one that is too long. */
function range(first: unknown, second?: unknown, step: unknown = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (!isWhole(start) || !isWhole(stop) || !isWhole(step) || step === 0) throw new Fault('range() takes whole numbers');
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > MAX_RANGE) throw new Fault(`range() makes at most ${MAX_RANGE} numbers`);
  return Array.from({ length }, (_, index) => start + index * step);
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** Filters for what is not defined. */
const DEFAULTS = new Set(['default', 'd']);

/** A value where the engine asks for an expression. */
class Given implements Node {
  readonly type = 'Given';
  constructor(readonly value: JinjaValue) {}
}

/** The engine with filters, operators and tests as Jinja2 has them, and with a bound for what is made. */
class BoundedEngine extends BaseEngine {
  readonly #isStrict: boolean;
  #made = 0;
  /** Of the tag at work. */
  #line = 1;

  constructor(scope: Scope, isStrict: boolean) {
    super(scope);
    this.#isStrict = isStrict;
  }

  /** With the line of the tag at work, or that failed. */
  failure(message: string): FormatError {
    return new FormatError(`the template failed: line ${this.#line}: ${message}`);
  }

  override evaluate(node: Node | undefined, scope: Scope): JinjaValue {
    if (node instanceof Given) return node.value;
    const value = this.#ownValue(node, scope) ?? super.evaluate(node, scope);
    if (!isAccess(node)) this.#count(value);
    return value;
  }

  override evaluateBlock(statements: readonly Node[], scope: Scope): JinjaValue {
    const before = this.#line;
    let text = '';
    for (const statement of statements) {
      if (nodes.isMark(statement)) {
        this.#line = Number(statement.value);
        continue;
      }
      const value = this.evaluate(statement, scope);
      this.#refuseMissing(value, statement);
      text += this.#told('{{ }}', () => values.printed(value));
      this.#told('the template', () => values.checkLength(text.length));
    }
    // A failure keeps the line at which it is.
    this.#line = before;
    return values.text(text);
  }

  #refuseMissing(value: JinjaValue, node: Node | undefined): void {
    if (!this.#isStrict || !values.isMissing(value)) return;
    throw this.failure(`${nodes.pathOf(node) ?? 'something that is printed'} is not defined`);
  }

  /** compat: in Jinja2 what is not defined has no attributes and no items, and can not be called. */
  #refuseUse(value: JinjaValue, node: Node, use: string): void {
    if (!values.isMissing(value)) return;
    if (nodes.isName(node)) throw this.failure(`${node.value} is not defined`);
    const key = nodes.isMember(node) ? nodes.keyOf(node) : undefined;
    if (key === undefined) throw this.failure(`what is not defined ${use}`);
    throw this.failure(`${nodes.pathOf((node as Member).object) ?? 'a value'} has no ${key}`);
  }

  #count(value: JinjaValue): void {
    this.#made += sizeOf(value);
    if (this.#made > MAX_MADE) throw this.failure(`the template ${TOO_MUCH}`);
  }

  /** Throws {@link FormatError} for a {@link Fault}, with what finds it and where. */
  #told<T>(finder: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof Fault ? this.failure(`${finder} ${error.message}`) : error;
    }
  }

  /** Undefined for what is left to the engine. */
  #ownValue(node: Node | undefined, scope: Scope): JinjaValue | undefined {
    if (nodes.isName(node) && isWholeName(node.value)) return values.whole(BigInt(node.value.replace('+', '')));
    if (nodes.isFiltering(node)) return this.#filter(node, scope);
    if (nodes.isMember(node)) return this.#member(node, scope);
    if (nodes.isCall(node)) return nodes.isMethodCall(node) ? this.#method(node, scope) : this.#call(node, scope);
    if (nodes.isLoop(node)) return this.#loop(node, scope);
    const called = nodes.calledBy(node);
    if (called !== undefined) this.#refuseUse(this.evaluate(called.callee, scope), called.callee, 'is called');
    if (nodes.isUnary(node)) {
      const { value: operator } = node.operator;
      const value = this.evaluate(node.argument, scope);
      if (operator === 'not') return values.truth(!values.isTrue(value));
      // A float, so that -0.0 stays what it is.
      const by =
        values.wholeOf(value) === undefined
          ? values.float(operator === '-' ? -1 : 1)
          : values.whole(operator === '-' ? -1n : 1n);
      return this.#told(`the operator ${operator}`, () => calculate('*', value, by));
    }
    if (nodes.isTest(node)) {
      const { value: name } = node.test;
      const test = TESTS.get(name);
      if (test === undefined) throw faultInLine(this.#line, `there is no test ${name}`);
      const value = this.evaluate(node.operand, scope);
      return values.truth(this.#told(`the test ${name}`, () => test(value)) !== node.negate);
    }
    return nodes.isBinary(node) ? this.#binary(node, scope) : undefined;
  }

  #binary(node: Binary, scope: Scope): JinjaValue {
    const { value: operator } = node.operator;
    const left = this.evaluate(node.left, scope);
    if (operator === 'and' || operator === 'or') {
      return values.isTrue(left) === (operator === 'and') ? this.evaluate(node.right, scope) : left;
    }
    const compares = COMPARISONS[operator];
    if (compares !== undefined && nodes.isBinary(node.left) && COMPARISONS[node.left.operator.value] !== undefined) {
      throw faultInLine(this.#line, 'comparisons in a row are not known; put "and" between them');
    }
    const right = this.evaluate(node.right, scope);
    return this.#told(`the operator ${operator}`, () =>
      compares === undefined ? calculate(operator, left, right) : values.truth(compares(left, right)),
    );
  }

  #filter({ filter, operand: before, body }: Filtering, scope: Scope): JinjaValue {
    const name = nodes.nameOf(filter)!;
    const operand = before === undefined ? this.evaluateBlock(body ?? [], scope) : this.evaluate(before, scope);
    if (!DEFAULTS.has(name)) this.#refuseMissing(operand, before);
    const [args, named] = this.evaluateArguments((filter as Partial<Call>).args ?? [], scope);
    return this.#told(`the filter ${name}`, () => FILTERS.get(name)!(operand, args, named));
  }

  /** compat: what is not defined is looped over as an empty list. */
  #loop(node: Loop, scope: Scope): JinjaValue {
    const { iterable } = node;
    const over = nodes.isSelection(iterable) ? iterable.lhs : iterable;
    const value = this.evaluate(over, scope);
    this.#refuseMissing(value, over);
    const given = new Given(values.isMissing(value) ? values.list([]) : value);
    const ready = { ...node, iterable: nodes.isSelection(iterable) ? { ...iterable, lhs: given } : given };
    return super.evaluate(ready, scope);
  }

  #member(node: Member, scope: Scope): JinjaValue {
    const object = this.evaluate(node.object, scope);
    this.#refuseUse(object, node.object, 'is asked for a part');
    const ready: Member = { ...node, object: new Given(object) };
    return super.evaluate(ready, scope);
  }

  #call(node: Call, scope: Scope, callee = this.evaluate(node.callee, scope)): JinjaValue {
    this.#refuseUse(callee, node.callee, 'is called');
    const ready: Call = { ...node, callee: new Given(callee) };
    return super.evaluate(ready, scope);
  }

  #method(node: MethodCall, scope: Scope): JinjaValue {
    const { callee, args: given } = node;
    const object = this.evaluate(callee.object, scope);
    this.#refuseUse(object, callee.object, 'is asked for a part');
    const name = callee.property.value;
    const method = values.isText(object) ? TEXT_METHODS.get(name) : undefined;
    if (method === undefined) {
      const ready = { ...callee, object: new Given(object) };
      return this.#call(node, scope, super.evaluate(ready, scope));
    }
    const [args, named] = this.evaluateArguments(given, scope);
    return this.#told(`the method ${name}`, () => method(object, args, named));
  }
}

const COMPARISONS: Readonly<Record<string, (left: JinjaValue, right: JinjaValue) => boolean>> = {
  '==': values.isEqual,
  '!=': (left, right) => !values.isEqual(left, right),
  '<': (left, right) => values.compare(left, right) < 0,
  '<=': (left, right) => values.compare(left, right) <= 0,
  '>': (left, right) => values.compare(left, right) > 0,
  '>=': (left, right) => values.compare(left, right) >= 0,
  in: (left, right) => values.contains(right, left),
  'not in': (left, right) => !values.contains(right, left),
};

/** Throws {@link Fault}. */
function calculate(operator: string, left: JinjaValue, right: JinjaValue): JinjaValue {
  if (operator === '~') {
    const [first, second] = [values.textOf(left), values.textOf(right)];
    values.checkLength(first.length + second.length);
    return values.text(first + second);
  }
  if (operator === '+' && values.isText(left) && values.isText(right)) {
    values.checkLength(left.value.length + right.value.length);
    return values.text(left.value + right.value);
  }
  if (operator === '+' && values.isList(left) && values.isList(right))
    return values.list([...left.value, ...right.value]);
  const [a, b] = [values.wholeOf(left), values.wholeOf(right)];
  if (a !== undefined && b !== undefined) {
    const made = calculateWhole(operator, a, b);
    return typeof made === 'bigint' ? values.whole(made) : values.float(made);
  }
  const [c, d] = [values.numberOf(left), values.numberOf(right)];
  if (c === undefined || d === undefined) {
    throw new Fault(`does not take ${values.kindOf(left)} and ${values.kindOf(right)}`);
  }
  return values.float(calculateFloat(operator, c, d));
}

/** Throws {@link FormatError} for a filter that is not there, whether the template comes to it or not, as Jinja2. */
function refuseUnknown(program: Node, source: TemplateSource): void {
  let line = 1;
  for (const node of nodes.nodesOf(program)) {
    if (nodes.isMark(node)) line = Number(node.value);
    if (!nodes.isFiltering(node)) continue;
    const name = nodes.nameOf(node.filter);
    if (name === undefined) throw faultInLine(line, 'a filter has no name');
    if (FILTERS.has(name)) continue;
    const known = [...FILTERS.keys()].sort().join(', ');
    throw new FormatError(
      `the template is at fault: ${placeOf(name, source)}there is no filter ${name}; there are ${known}`,
    );
  }
}

function placeOf(filter: string, source: TemplateSource): string {
  const lines = source.linesOf(filter);
  if (lines.length === 0) return '';
  return `${lines.length === 1 ? 'line' : 'lines'} ${lines.join(', ')}: `;
}

/** What hands out a value that was there already. */
function isAccess(node: Node | undefined): boolean {
  const { type, computed } = (node ?? {}) as { type?: string; computed?: boolean };
  return type === 'Identifier' || (type === 'MemberExpression' && computed !== true);
}

function sizeOf({ value }: JinjaValue): number {
  if (typeof value === 'string') return value.length > values.MAX_TEXT ? Infinity : Math.floor(value.length / 64);
  return Array.isArray(value) ? value.length : 0;
}
