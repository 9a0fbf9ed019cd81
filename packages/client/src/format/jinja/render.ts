import { runInNewContext } from 'node:vm';
import { Interpreter, parse, tokenize } from '@huggingface/jinja';
import type { Scalar } from '@confidant/contract';
import { FormatError } from '../formatter.js';
import { FILTERS } from './filters.js';
import { TEXT_METHODS } from './filters-texts.js';
import { isBinary, isFiltering, isMethodCall, isName, isTest, isUnary, nameOf, nodesOf, pathOf } from './nodes.js';
import type { Binary, Call, Filtering, MethodCall, Node } from './nodes.js';
import { calculateFloat, calculateWhole, Fault } from './numbers.js';
import { readTemplate } from './source.js';
import type { TemplateSource } from './source.js';
import { TESTS } from './predicates.js';
import * as values from './values.js';
import { TOO_MUCH } from './values.js';
import type { JinjaValue, Scope } from './values.js';

interface Token {
  type: string;
  value: string;
}
interface Engine {
  run(program: Node): JinjaValue;
  evaluate(node: Node | undefined, scope: Scope): JinjaValue;
  evaluateArguments(args: readonly Node[], scope: Scope): [JinjaValue[], Map<string, JinjaValue>];
  evaluateBlock(statements: readonly Node[], scope: Scope): JinjaValue;
}

// Its own declarations have imports that this compiler does not follow, and keep private what is changed here.
const BaseEngine = Interpreter as unknown as new (scope: Scope) => Engine;
const toTokens = tokenize as (text: string, options: object) => Token[];
const toProgram = parse as unknown as (tokens: Token[]) => Node;
/** Jinja's own defaults: line breaks and blanks around blocks stay. */
const OPTIONS = { lstrip_blocks: false, trim_blocks: false };

/** As in Jinja2's sandbox. */
const MAX_RANGE = 100_000;
/** Of lists, and texts of 64 characters, that are made on the way. */
const MAX_MADE = 1_000_000;
/** Of a number that a template has. */
const MAX_DIGITS = 4300;

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

/** Without the error's own words, which may quote a value. */
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
  const program = readProgram(source.text);
  refuseUnknown(program, source);
  const scope = new values.NewScope();
  for (const [name, value] of Object.entries(GLOBALS)) scope.set(name, value);
  scope.setVariable('secrets', values.mapOfPairs(secrets));
  return values.textOf(new BoundedEngine(scope, source, isStrict).run(program));
}

function readProgram(text: string): Node {
  try {
    return toProgram(toTokens(text, OPTIONS).map(exactly));
  } catch (error) {
    if (!(error instanceof Error) || error instanceof RangeError) throw error;
    // The parser stumbles where a template ends too early.
    const reason = error instanceof TypeError ? 'it ends within a tag' : error.message;
    throw new FormatError(`the template is at fault: ${reason}`);
  }
}

/** The engine would round a number that is too large: it becomes a name, which no other name is like. */
function exactly(token: Token): Token {
  if (token.type !== 'NumericLiteral' || token.value.includes('.') || Number.isSafeInteger(Number(token.value))) {
    return token;
  }
  if (token.value.length > MAX_DIGITS) throw new SyntaxError('a number has too many digits');
  return { type: 'Identifier', value: token.value };
}

function isWholeName(name: string): boolean {
  return /^[-+]?\d/.test(name);
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

/** Filters for what is not defined. */
const DEFAULTS = new Set(['default', 'd']);

/** A value where the engine asks for an expression. */
class Given implements Node {
  readonly type = 'Given';
  constructor(readonly value: JinjaValue) {}
}

/** The engine with filters, operators and tests as Jinja2 has them, and with a bound for what is made. */
class BoundedEngine extends BaseEngine {
  readonly #source: TemplateSource;
  readonly #isStrict: boolean;
  #made = 0;

  constructor(scope: Scope, source: TemplateSource, isStrict: boolean) {
    super(scope);
    this.#source = source;
    this.#isStrict = isStrict;
  }

  override evaluate(node: Node | undefined, scope: Scope): JinjaValue {
    if (node instanceof Given) return node.value;
    const value = this.#ownValue(node, scope) ?? super.evaluate(node, scope);
    if (!isAccess(node)) this.#count(value);
    return value;
  }

  override evaluateBlock(statements: readonly Node[], scope: Scope): JinjaValue {
    let text = '';
    for (const statement of statements) {
      const value = this.evaluate(statement, scope);
      this.#refuseMissing(value, statement);
      text += told('{{ }}', () => values.printed(value));
      told('the template', () => values.checkLength(text.length));
    }
    return values.text(text);
  }

  #refuseMissing(value: JinjaValue, node: Node | undefined): void {
    if (!this.#isStrict || !values.isMissing(value)) return;
    throw new FormatError(`the template failed: ${pathOf(node) ?? 'something that is printed'} is not defined`);
  }

  #count(value: JinjaValue): void {
    this.#made += sizeOf(value);
    if (this.#made > MAX_MADE) throw new FormatError(`the template ${TOO_MUCH}`);
  }

  /** Undefined for what is left to the engine. */
  #ownValue(node: Node | undefined, scope: Scope): JinjaValue | undefined {
    if (isName(node) && isWholeName(node.value)) return values.whole(BigInt(node.value.replace('+', '')));
    if (isFiltering(node)) return this.#filter(node, scope);
    if (isMethodCall(node)) return this.#method(node, scope);
    if (isUnary(node)) {
      const { value: operator } = node.operator;
      const value = this.evaluate(node.argument, scope);
      if (operator === 'not') return values.truth(!values.isTrue(value));
      // A float, so that -0.0 stays what it is.
      const by =
        values.wholeOf(value) === undefined
          ? values.float(operator === '-' ? -1 : 1)
          : values.whole(operator === '-' ? -1n : 1n);
      return told(`the operator ${operator}`, () => calculate('*', value, by));
    }
    if (isTest(node)) {
      const { value: name } = node.test;
      const test = TESTS.get(name);
      if (test === undefined) throw new FormatError(`the template is at fault: there is no test ${name}`);
      const value = this.evaluate(node.operand, scope);
      return values.truth(told(`the test ${name}`, () => test(value)) !== node.negate);
    }
    return isBinary(node) ? this.#binary(node, scope) : undefined;
  }

  #binary(node: Binary, scope: Scope): JinjaValue {
    const { value: operator } = node.operator;
    const left = this.evaluate(node.left, scope);
    if (operator === 'and' || operator === 'or') {
      return values.isTrue(left) === (operator === 'and') ? this.evaluate(node.right, scope) : left;
    }
    const compares = COMPARISONS[operator];
    if (compares !== undefined && isBinary(node.left) && COMPARISONS[node.left.operator.value] !== undefined) {
      throw new FormatError('the template is at fault: comparisons in a row are not known; put "and" between them');
    }
    const right = this.evaluate(node.right, scope);
    return told(`the operator ${operator}`, () =>
      compares === undefined ? calculate(operator, left, right) : values.truth(compares(left, right)),
    );
  }

  #filter({ filter, operand: before, body }: Filtering, scope: Scope): JinjaValue {
    const name = nameOf(filter)!;
    const operand = before === undefined ? this.evaluateBlock(body ?? [], scope) : this.evaluate(before, scope);
    if (!DEFAULTS.has(name)) this.#refuseMissing(operand, before);
    const [args, named] = this.evaluateArguments((filter as Partial<Call>).args ?? [], scope);
    return told(
      `the filter ${name}`,
      () => FILTERS.get(name)!(operand, args, named),
      () => placeOf(name, this.#source),
    );
  }

  #method(node: MethodCall, scope: Scope): JinjaValue {
    const { callee, args: given } = node;
    const object = this.evaluate(callee.object, scope);
    const name = callee.property.value;
    const method = values.isText(object) ? TEXT_METHODS.get(name) : undefined;
    if (method === undefined) {
      const ready: MethodCall = { ...node, callee: { ...callee, object: new Given(object) } };
      return super.evaluate(ready, scope);
    }
    const [args, named] = this.evaluateArguments(given, scope);
    return told(`the method ${name}`, () => method(object, args, named));
  }
}

/** Throws {@link FormatError} for a {@link Fault}, with what finds it and where. */
function told<T>(finder: string, work: () => T, place: () => string = () => ''): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new FormatError(`the template failed: ${place()}${finder} ${error.message}`);
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

/** Throws {@link FormatError} for a filter or tag that is not there, whether the template comes to it or not, as Jinja2. */
function refuseUnknown(program: Node, source: TemplateSource): void {
  for (const node of nodesOf(program)) {
    // The engine has these two of an extension, but loses the text before them.
    if (node.type === 'Break' || node.type === 'Continue') {
      throw new FormatError(`the template is at fault: there is no tag ${node.type.toLowerCase()}`);
    }
    if (!isFiltering(node)) continue;
    const name = nameOf(node.filter);
    if (name === undefined) throw new FormatError('the template is at fault: a filter has no name');
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
